import ShoalCore
import ShoalWire
import Testing

@testable import ShoalSwarm

/// Messages that cost more than they say: many of them, late ones, long lists.
struct MessageFloodTests {
    private static let chunk = Cutting.chunkSize

    @Test func `bitfields over and over end the connection`() {
        var driver = MachineDriver()
        _ = driver.addSwarm(shardSizes: [Self.chunk], isSeeder: false)
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        let field = peer.say(.bitfield(Bitfield(count: 1)))
        // One for each swarm that a connection can have is no flood.
        var effects: [MeshEffect] = []
        for _ in 0..<256 { effects += driver.feed(field) }
        #expect(effects.closing(peer.connection) == nil)
        for _ in 0..<3 { effects += driver.feed(field) }
        #expect(effects.closing(peer.connection) != nil)
    }

    @Test func `one bitfield a second is no flood`() {
        var driver = MachineDriver()
        _ = driver.addSwarm(shardSizes: [Self.chunk], isSeeder: false)
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        var effects: [MeshEffect] = []
        for _ in 0..<1_000 {
            effects += driver.pass(.seconds(1))
            effects += driver.feed(peer.say(.bitfield(Bitfield(count: 1))))
        }
        #expect(effects.closing(peer.connection) == nil)
    }

    @Test func `shards that are lost together are withdrawn in as few messages as fit`() {
        var driver = MachineDriver()
        _ = driver.addSwarm(shardSizes: [Int](repeating: 1, count: 3_000), isSeeder: true)
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        let lost = (0..<3_000).map { ShardIndex($0) }
        let effects = driver.feed(.shardsLost(MachineDriver.swarm, lost, reason: "changed"))
        let notices = effects.sent(to: peer.connection).compactMap { body -> [ShardIndex]? in
            if case .gone(let shards) = body { shards } else { nil }
        }
        #expect(notices.map(\.count) == [1_024, 1_024, 952])
        #expect(notices.flatMap { $0 } == lost)
        #expect(effects.observations == [.shardsLost(MachineDriver.swarm, lost, reason: "changed")])
    }

    @Test func `a peer that told wrong lengths before the manifest came leaves no trace in what is counted`() {
        var driver = MachineDriver()
        let description = SwarmDescription(
            handle: MachineDriver.swarm,
            infoHash: MachineDriver.infoHash,
            secret: MachineDriver.secret,
            content: nil,
            trackers: []
        )
        _ = driver.feed(.addSwarm(description))
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        // Two faults, and a bitfield of a length that nobody can check yet.
        for _ in 0..<2 { _ = driver.feed(.malformed(peer.connection, .invalid(field: "type"))) }
        _ = driver.feed(peer.say(.bitfield(.full(count: 9))))
        _ = driver.feed(peer.say(.partial(shard: ShardIndex(0), chunks: .full(count: 4))))
        let content = SwarmContent(
            manifest: [1],
            shardSizes: [4 * Self.chunk, Self.chunk],
            complete: Bitfield(count: 2),
            partial: [ShardIndex(0): Bitfield(count: 4)],
            hashLists: .full(count: 2)
        )
        let effects = driver.feed(.manifestAccepted(MachineDriver.swarm, content))
        #expect(effects.closing(peer.connection) != nil)
        let holdings = driver.machine.swarms[MachineDriver.swarm]?.holdings
        #expect(holdings?.availability == [0, 0])
        #expect(holdings?.receiving[ShardIndex(0)]?.sharers == [0, 0, 0, 0])
    }

    @Test func `parts for a manifest fetch that was given up do not disturb the next one`() {
        var driver = MachineDriver()
        let description = SwarmDescription(
            handle: MachineDriver.swarm,
            infoHash: MachineDriver.infoHash,
            secret: MachineDriver.secret,
            content: nil,
            trackers: []
        )
        _ = driver.feed(.addSwarm(description))
        let slow = PlayedPeer(number: 1, connection: 7)
        slow.enter(&driver)
        let part = WireLimits.manifestPart
        func answer(_ offset: Int) -> MeshInput {
            let bytes = [UInt8](repeating: 1, count: part)
            return slow.say(.manifestPart(offset: UInt32(offset), total: UInt32(20 * part), bytes: bytes))
        }
        // Four parts are owed when another peer is asked instead, which leaves.
        _ = driver.feed(answer(0))
        let other = PlayedPeer(number: 2, connection: 8)
        other.enter(&driver)
        _ = driver.pass(.seconds(3))
        _ = driver.feed(slow.say(.pong(token: 0), handle: 0), other.say(.pong(token: 0), handle: 0))
        #expect(driver.pass(.milliseconds(2_500)).sent(to: other.connection).contains(.manifestRequest(offset: 0)))
        let again = driver.feed(.closed(other.connection, reason: "gone"))
        #expect(again.sent(to: slow.connection) == [.manifestRequest(offset: 0)])
        // Now the old answers come, and then the new one.
        var effects: [MeshEffect] = []
        for position in 1...4 { effects += driver.feed(answer(position * part)) }
        #expect(effects.isEmpty)
        let next = driver.feed(answer(0)).sent(to: slow.connection)
        #expect(next == (1...4).map { .manifestRequest(offset: UInt32($0 * part)) })
    }
}
