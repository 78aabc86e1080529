import ShoalCore
import ShoalSwarm
import ShoalWire
import Testing

/// One machine, told by its neighbours of nodes that it is not connected to.
@Suite struct GossipTests {
    private static let shards = 600

    /// A machine with two neighbours, after everybody has told what there is to tell at first.
    private func started(session: UInt64 = 10_000_000) -> (MachineDriver, PlayedPeer, PlayedPeer) {
        var driver = MachineDriver(session: session)
        _ = driver.addSwarm(shardSizes: [Int](repeating: 1_000, count: Self.shards), isSeeder: true)
        let first = PlayedPeer(number: 1, connection: 901)
        let second = PlayedPeer(number: 2, connection: 902)
        first.enter(&driver)
        second.enter(&driver)
        _ = driver.pass(.seconds(1))
        return (driver, first, second)
    }

    private func holdings(_ set: Int...) -> Bitfield {
        var field = Bitfield(count: Self.shards)
        for shard in set { field[shard] = true }
        return field
    }

    /// What the clock of a machine with this session says after the first second.
    private static let present: UInt64 = 10_001_000
    private let stranger = GossipVoice(index: 77)

    // MARK: What we say

    @Test func `a neighbour hears our whole inventory first, and then what became different`() {
        var driver = MachineDriver(session: 10_000_000)
        _ = driver.addSwarm(shardSizes: [Int](repeating: 1_000, count: Self.shards), isSeeder: true)
        let peer = PlayedPeer(number: 1, connection: 901)
        peer.enter(&driver)
        guard case .inventory(let stamp, let field) = driver.pass(.milliseconds(200)).gossip(to: peer.connection).first
        else {
            Issue.record("no inventory")
            return
        }
        #expect(field.isFull)
        #expect((10_000_100...10_000_200).contains(stamp.sequence))
        #expect(stamp.isNeighbour)
        #expect(self.isSigned(stamp, field))

        let handle = MachineDriver.swarm
        let lost = ShardIndex(9)
        let atOnce = driver.feed(.shardsLost(handle, [lost], reason: "a test"))
        #expect(atOnce.gossip(to: peer.connection).isEmpty)
        _ = driver.feed(.shardsLost(handle, [ShardIndex(3)], reason: "a test"))
        let told = driver.pass(.milliseconds(200)).gossip(to: peer.connection)
        guard case .delta(let later, let change) = told.first, told.count == 1 else {
            Issue.record("no delta: \(told)")
            return
        }
        #expect(change == InventoryChange(base: stamp.sequence, set: [], cleared: [ShardIndex(3), lost]))
        #expect(later.sequence > stamp.sequence)
        var left = field
        left[9] = false
        left[3] = false
        #expect(self.isSigned(later, left))
    }

    private func isSigned(_ stamp: InventoryStamp, _ holdings: Bitfield) -> Bool {
        let authenticator = FakeAuthenticator(number: 100)
        let statement = GossipStatement.inventory(
            secret: MachineDriver.secret,
            publicKey: stamp.publicKey,
            sequence: stamp.sequence,
            timeToLive: stamp.timeToLive,
            holdings: authenticator.digest(of: holdings.bytes)
        )
        return authenticator.isValid(stamp.signature, of: statement, by: stamp.publicKey)
    }

    @Test func `our inventory is renewed before its time is over, though nothing has changed`() {
        var (driver, peer, _) = self.started()
        var told: [Gossip] = []
        for _ in 0..<10 {
            told += driver.pass(.milliseconds(4_600)).gossip(to: peer.connection)
            _ = driver.feed(peer.say(.ping(token: 1), handle: 0))
        }
        let deltas = told.compactMap { gossip -> InventoryChange? in
            guard case .delta(_, let change) = gossip else { return nil }
            return change
        }
        #expect(deltas.count == 1)
        #expect(deltas.first?.set == [] && deltas.first?.cleared == [])
    }

    @Test func `what a neighbour says is passed on to others, older by the time it was here`() {
        var (driver, first, second) = self.started()
        let message = self.stranger.inventory(self.holdings(5), sequence: Self.present, age: 7_000, isNeighbour: true)
        #expect(driver.feed(first.say(message)).isEmpty)
        let effects = driver.pass(.milliseconds(200))
        #expect(effects.gossip(to: first.connection).isEmpty)
        guard case .inventory(let stamp, let field) = effects.gossip(to: second.connection).first else {
            Issue.record("not passed on: \(effects)")
            return
        }
        #expect(field == self.holdings(5))
        #expect((7_100...7_200).contains(stamp.age))
        #expect(!stamp.isNeighbour)
    }

    @Test func `fifty neighbours and a change every 50 ms cost no more than the rates allow`() {
        var driver = MachineDriver(session: 10_000_000)
        _ = driver.addSwarm(shardSizes: [Int](repeating: 1_000, count: Self.shards), isSeeder: true)
        let peers = (0..<50).map { PlayedPeer(number: UInt8($0 + 1), connection: UInt64(900 + $0)) }
        for peer in peers { peer.enter(&driver) }
        var bytes = 0
        for round in 0..<400 {
            let lost = MeshInput.shardsLost(MachineDriver.swarm, [ShardIndex(round)], reason: "a test")
            let voice = GossipVoice(index: UInt32(1_000 + round))
            let news = voice.inventory(self.holdings(round), sequence: Self.present)
            bytes += driver.feed(lost, peers[round % 50].say(news)).gossipBytes
            bytes += driver.pass(.milliseconds(50)).gossipBytes
            for peer in peers { _ = driver.feed(peer.say(.ping(token: 1), handle: 0)) }
        }
        let numbers = GossipConfiguration()
        let rate = numbers.ownRate + numbers.relayRate + numbers.answerRate
        // The last message of each kind may be owed.
        #expect(bytes <= 20 * rate + 3 * (numbers.burst + 4_096))
        #expect(bytes > 10 * numbers.ownRate)
    }

    @Test func `who leaves says so, and is forgotten at once by those who hear it`() {
        var (driver, first, second) = self.started()
        _ = driver.feed(first.say(self.stranger.inventory(self.holdings(5), sequence: Self.present)))
        #expect(driver.knownNodes[self.stranger.node] != nil)
        _ = driver.pass(.seconds(1))
        _ = driver.feed(first.say(self.stranger.leave(sequence: Self.present + 1)))
        #expect(driver.knownNodes[self.stranger.node] == nil)
        let told = driver.pass(.milliseconds(200)).gossip(to: second.connection)
        #expect(told.contains { if case .leave = $0 { true } else { false } })
        // What it said before it went is a recording now.
        _ = driver.feed(second.say(self.stranger.inventory(self.holdings(5), sequence: Self.present + 1)))
        #expect(driver.knownNodes[self.stranger.node] == nil)
        let goodbye = driver.feed(.stop).gossip(to: first.connection)
        #expect(goodbye.contains { if case .leave = $0 { true } else { false } })
    }

    // MARK: Versions

    @Test func `a delta on a version that is not here makes us ask for the whole`() {
        var (driver, peer, _) = self.started()
        let stamp = self.stranger.stamp(self.holdings(1, 2), sequence: Self.present)
        let change = InventoryChange(base: Self.present - 10, set: [ShardIndex(2)], cleared: [])
        let asked = driver.feed(peer.say(.gossip(.delta(stamp, change)))).gossip(to: peer.connection)
        #expect(asked == [.wants([InventoryVersion(node: self.stranger.node.prefix, sequence: 0)])])
        #expect(driver.knownNodes[self.stranger.node] == nil)
        // Once: the answer may be under way.
        #expect(driver.feed(peer.say(.gossip(.delta(stamp, change)))).isEmpty)
    }

    @Test func `a delta fits its base and every version after it`() {
        var (driver, peer, _) = self.started()
        _ = driver.feed(peer.say(self.stranger.inventory(self.holdings(1), sequence: Self.present)))
        _ = driver.feed(peer.say(self.stranger.inventory(self.holdings(1, 2), sequence: Self.present + 5)))
        let stamp = self.stranger.stamp(self.holdings(2, 3), sequence: Self.present + 9)
        let change = InventoryChange(
            base: Self.present,
            set: [ShardIndex(2), ShardIndex(3)],
            cleared: [ShardIndex(1)]
        )
        _ = driver.feed(peer.say(.gossip(.delta(stamp, change))))
        #expect(driver.knownNodes[self.stranger.node] == self.holdings(2, 3))
    }

    @Test func `a digest is answered with what its sender lacks, and asks for what we lack`() {
        var (driver, first, second) = self.started()
        _ = driver.feed(first.say(self.stranger.inventory(self.holdings(5), sequence: Self.present)))
        let unknown = InventoryVersion(node: NodePrefix(42), sequence: Self.present)
        let digest = InventoryDigest(
            range: NodePrefix(0)...NodePrefix(.max),
            items: [InventoryDigest.Item(version: unknown, isNeighbour: true)]
        )
        let answers = driver.feed(second.say(.gossip(.digest(digest)))).gossip(to: second.connection)
        #expect(answers.first == .wants([InventoryVersion(node: NodePrefix(42), sequence: 0)]))
        let owners = answers.compactMap { gossip -> PublicKey? in
            guard case .inventory(let stamp, _) = gossip else { return nil }
            return stamp.publicKey
        }
        #expect(owners == [FakeAuthenticator(number: 100).publicKey, self.stranger.authenticator.publicKey])
        let wants = Gossip.wants([InventoryVersion(node: self.stranger.node.prefix, sequence: Self.present)])
        #expect(driver.feed(second.say(.gossip(wants))).isEmpty)
    }

    @Test func `an inventory of our own from an earlier run is jumped over`() {
        var (driver, peer, _) = self.started()
        let earlier = GossipVoice(FakeAuthenticator(number: 100))
        _ = driver.feed(peer.say(earlier.inventory(self.holdings(1), sequence: Self.present + 5_000)))
        let told = driver.pass(.milliseconds(200)).gossip(to: peer.connection)
        let sequences = told.compactMap { gossip -> UInt64? in
            switch gossip {
            case .inventory(let stamp, _), .delta(let stamp, _): stamp.sequence
            default: nil
            }
        }
        #expect(sequences == [Self.present + 5_001])
        #expect(driver.knownNodes.isEmpty)
    }
}
