import ShoalCore
import ShoalSwarm
import ShoalWire
import Testing

/// Gossip that lies, or comes in floods.
@Suite struct GossipBadInputTests {
    private static let shards = 600
    private static let session: UInt64 = 10_000_000
    /// What the machine's clock says when it has run for a second.
    private static let present: UInt64 = 10_001_000
    private let stranger = GossipVoice(index: 77)

    private func started(isSeeder: Bool = true, shards: Int = Self.shards) -> (MachineDriver, PlayedPeer, PlayedPeer) {
        var driver = MachineDriver(session: Self.session)
        _ = driver.addSwarm(shardSizes: [Int](repeating: 1_000, count: shards), isSeeder: isSeeder)
        let first = PlayedPeer(number: 1, connection: 901)
        let second = PlayedPeer(number: 2, connection: 902)
        first.enter(&driver)
        second.enter(&driver)
        _ = driver.pass(.seconds(1))
        return (driver, first, second)
    }

    private var nothing: Bitfield { Bitfield(count: Self.shards) }
    private var everything: Bitfield { .full(count: Self.shards) }

    @Test func `a forged inventory is not stored, and its bringer does not last`() {
        var (driver, peer, _) = self.started()
        let stamp = self.stranger.stamp(self.nothing, sequence: Self.present)
        let forged = peer.say(.gossip(.inventory(stamp, self.everything)))
        #expect(driver.feed(forged).closing(peer.connection) == nil)
        #expect(driver.feed(forged).closing(peer.connection) == nil)
        #expect(driver.feed(forged).closing(peer.connection) != nil)
        #expect(driver.knownNodes.isEmpty)
    }

    @Test func `a forged delta is not stored; as its bringer may be honest, the whole is asked for`() {
        var (driver, peer, _) = self.started()
        _ = driver.feed(peer.say(self.stranger.inventory(self.nothing, sequence: Self.present)))
        let stamp = self.stranger.stamp(self.nothing, sequence: Self.present + 1)
        let change = InventoryChange(base: Self.present, set: [ShardIndex(1)], cleared: [])
        let asked = driver.feed(peer.say(.gossip(.delta(stamp, change))))
        #expect(
            asked.gossip(to: peer.connection)
                == [.wants([InventoryVersion(node: self.stranger.node.prefix, sequence: 0)])]
        )
        #expect(driver.knownNodes[self.stranger.node] == self.nothing)
    }

    @Test func `a forged departure removes nobody`() {
        var (driver, peer, _) = self.started()
        _ = driver.feed(peer.say(self.stranger.inventory(self.nothing, sequence: Self.present)))
        var liar = self.stranger
        liar.secret = MachineDriver.infoHash.padded
        _ = driver.feed(peer.say(liar.leave(sequence: Self.present + 1)))
        #expect(driver.knownNodes[self.stranger.node] != nil)
    }

    @Test func `what was signed for another swarm says nothing here`() {
        var (driver, peer, _) = self.started()
        var foreign = self.stranger
        foreign.secret = MachineDriver.infoHash.padded
        _ = driver.feed(peer.say(foreign.inventory(self.everything, sequence: Self.present)))
        #expect(driver.knownNodes.isEmpty)
    }

    @Test(arguments: [(-720_001, false), (-720_000, true), (600_000, true), (600_001, false)])
    func `sequences from the future and from long ago are refused, at nobody's cost`(offset: Int, isTaken: Bool) {
        var (driver, peer, _) = self.started()
        let sequence = UInt64(Int(Self.present) + offset)
        let message = peer.say(self.stranger.inventory(self.everything, sequence: sequence))
        let effects = (0..<4).flatMap { _ in driver.feed(message) }
        #expect((driver.knownNodes[self.stranger.node] != nil) == isTaken)
        #expect(effects.closing(peer.connection) == nil)
    }

    @Test func `a recording does not replace what is newer, and does not live longer than its node said`() {
        var (driver, first, second) = self.started()
        let old = self.stranger.inventory(self.everything, sequence: Self.present)
        _ = driver.feed(first.say(old))
        _ = driver.feed(first.say(self.stranger.inventory(self.nothing, sequence: Self.present + 1)))
        _ = driver.feed(second.say(old))
        #expect(driver.knownNodes[self.stranger.node] == self.nothing)
        var last: [NodeID: Bitfield] = [:]
        // The same version again and again, each time as if it were fresh.
        for _ in 0..<13 {
            _ = driver.feed(second.say(self.stranger.inventory(self.nothing, sequence: Self.present + 1)))
            last = driver.knownNodes
            _ = driver.pass(.seconds(10))
            _ = driver.feed(first.say(.ping(token: 1), handle: 0), second.say(.ping(token: 1), handle: 0))
        }
        #expect(last[self.stranger.node] == nil)
    }

    @Test func `an inventory of another model's length is malformed`() {
        var (driver, peer, _) = self.started()
        let short = self.stranger.inventory(Bitfield(count: Self.shards - 1), sequence: Self.present)
        let effects = (0..<3).flatMap { _ in driver.feed(peer.say(short)) }
        #expect(effects.closing(peer.connection) != nil)
        let stamp = self.stranger.stamp(self.everything, sequence: Self.present)
        let change = InventoryChange(base: 1, set: [ShardIndex(Self.shards)], cleared: [])
        var (other, otherPeer, _) = self.started()
        let beyond = (0..<3).flatMap { _ in other.feed(otherPeer.say(.gossip(.delta(stamp, change)))) }
        #expect(beyond.closing(otherPeer.connection) != nil)
    }

    @Test func `a neighbour that tells of a million nodes is listened to at our pace, and then not at all`() {
        var (driver, flooder, _) = self.started(shards: 1)
        var index: UInt32 = 0
        var closed = false
        while !closed, index < 1_000_000 {
            let voice = GossipVoice(index: index)
            closed =
                driver.feed(flooder.say(voice.inventory(.full(count: 1), sequence: Self.present)))
                .closing(flooder.connection) != nil
            index += 1
        }
        let numbers = GossipConfiguration()
        #expect(driver.knownNodes.count <= 255)
        // The burst, and three faults of 64 messages each; some of the burst was used before.
        #expect(Int(index) <= numbers.messageBurst + 3 * numbers.ignoredPerFault)
    }

    @Test func `whatever a patient neighbour tells, the table keeps what others told`() {
        var (driver, flooder, honest) = self.started(shards: 1)
        _ = driver.feed(honest.say(self.stranger.inventory(.full(count: 1), sequence: Self.present)))
        var index: UInt32 = 1_000
        for _ in 0..<40 {
            for _ in 0..<20 {
                let voice = GossipVoice(index: index)
                // Each claims to be fresher than the one before.
                let message = voice.inventory(.full(count: 1), sequence: Self.present + UInt64(index))
                #expect(driver.feed(flooder.say(message)).closing(flooder.connection) == nil)
                index += 1
            }
            _ = driver.pass(.seconds(1))
            _ = driver.feed(honest.say(.ping(token: 1), handle: 0))
        }
        #expect(driver.knownNodes.count == 255)
        #expect(driver.knownNodes[self.stranger.node] != nil)
    }

    @Test func `who claims everything is sought no more than four at a time, and less each time`() {
        var (driver, peer, _) = self.started(isSeeder: false, shards: 4)
        var sought: Set<ConnectionID> = []
        for index in 0..<200 as Range<UInt32> {
            let voice = GossipVoice(index: 1_000 + index)
            let claim = voice.inventory(.full(count: 4), sequence: Self.present, isNeighbour: true)
            sought.formUnion(driver.feed(peer.say(claim)).soughtConnections)
        }
        var started = driver.now
        var open = sought
        while driver.now - started < .seconds(7) {
            open.formUnion(driver.pass(.milliseconds(500)).soughtConnections)
            _ = driver.feed(peer.say(.ping(token: 1), handle: 0))
        }
        #expect(open.count == MeshConfiguration().gossip.contactsAtOnce)
        // They come to nothing, so others have their turn.
        started = driver.now
        let later = driver.pass(.seconds(3))
        for connection in open {
            #expect(later.closing(connection) == "it did not open in time")
            _ = driver.feed(.closed(connection, reason: "a test"))
        }
        let next = driver.pass(.seconds(2)).soughtConnections
        #expect(next.count == MeshConfiguration().gossip.contactsAtOnce)
    }

    @Test func `who claims nothing is not asked for anything`() {
        var (driver, peer, _) = self.started(isSeeder: false, shards: 4)
        let claim = self.stranger.inventory(Bitfield(count: 4), sequence: Self.present, isNeighbour: true)
        var effects = driver.feed(peer.say(claim))
        effects += driver.pass(.seconds(2))
        #expect(!effects.contains { if case .request = $0 { true } else { false } })
        #expect(driver.knownNodes[self.stranger.node]?.isEmpty == true)
    }

    @Test func `a banned node's inventory is not taken`() {
        var (driver, peer, other) = self.started(isSeeder: false, shards: 4)
        _ = driver.feed(.manifestRejected(MachineDriver.swarm, from: other.connection, reason: "a test"))
        let message = other.voice.inventory(.full(count: 4), sequence: Self.present)
        _ = driver.feed(peer.say(message))
        #expect(driver.knownNodes.isEmpty)
    }
}

extension InfoHash {
    /// 32 bytes that are another swarm's secret.
    fileprivate var padded: Digest { Digest(bytes: self.bytes + [UInt8](repeating: 0, count: 12))! }
}
