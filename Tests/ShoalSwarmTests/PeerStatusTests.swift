import ShoalCore
import ShoalWire
import Testing

@testable import ShoalSwarm

@Suite struct PeerStatusTests {
    @Test func `a connection is a handshake until the peer has proved who it is`() {
        var driver = MachineDriver()
        _ = driver.addSwarm(shardSizes: [1_000], isSeeder: true)
        let peer = PlayedPeer(number: 1, connection: 7)
        let transcript = peer.open(on: &driver)
        _ = driver.pass(.milliseconds(20))
        let before = driver.machine.peerStatuses(at: driver.now)
        #expect(before.map(\.state) == [.handshake])
        #expect(before.map(\.node) == [nil])
        #expect(before.map(\.age) == [.milliseconds(20)])
        _ = driver.feed(.received(peer.connection, peer.proof(transcript)))
        let after = driver.machine.peerStatuses(at: driver.now)
        #expect(after.map(\.state) == [.open])
        #expect(after.map(\.node) == [peer.node])
        #expect(after.map(\.agent) == ["played"])
        #expect(after.map(\.role) == [.responder])
        #expect(after.map(\.swarms) == [[]])
        _ = driver.feed(.received(peer.connection, peer.join(transcript)))
        #expect(driver.machine.peerStatuses(at: driver.now).map(\.swarms) == [[MachineDriver.swarm]])
    }

    @Test func `what a peer owes is in flight, and silence over it is suspect`() {
        var driver = MachineDriver()
        _ = driver.addSwarm(shardSizes: [3 * Cutting.chunkSize], isSeeder: false)
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        _ = driver.feed(peer.say(.bitfield(.full(count: 1))))
        _ = driver.pass(.milliseconds(1))
        let status = driver.machine.peerStatuses(at: driver.now)[0]
        #expect(status.inFlight.map(\.chunk) == [0, 1, 2].map { ChunkIndex($0) })
        #expect(status.window > 0)
        #expect(status.state == .open)
        #expect(status.score.reliability == 500)
        _ = driver.pass(.milliseconds(1_400))
        #expect(driver.machine.peerStatuses(at: driver.now).map(\.state) == [.quiet])
        _ = driver.pass(.milliseconds(200))
        #expect(driver.machine.peerStatuses(at: driver.now).map(\.state) == [.suspect])
    }

    @Test func `a connection that we close is closing until its end is told`() {
        var driver = MachineDriver()
        _ = driver.addSwarm(shardSizes: [1_000], isSeeder: true)
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        _ = driver.feed(.strayFrame(peer.connection))
        #expect(driver.machine.peerStatuses(at: driver.now).map(\.state) == [.closing])
        _ = driver.feed(.closed(peer.connection, reason: "done"))
        #expect(driver.machine.peerStatuses(at: driver.now).isEmpty)
    }

    @Test func `what one side counts as sent the other counts as received`() throws {
        var bed = Testbed(shardSizes: TransferTests.shardSizes)
        let seeder = bed.addNode(complete: bed.allShards)
        let fetcher = bed.addNode(complete: nil)
        bed.connect(fetcher, seeder)
        bed.run(for: .seconds(60)) { $0.isComplete(fetcher) }
        let total = TransferTests.shardSizes.reduce(0, +)
        let down = try #require(bed.nodes[fetcher].machine.peerStatuses(at: bed.now).first)
        let up = try #require(bed.nodes[seeder].machine.peerStatuses(at: bed.now).first)
        #expect(down.receivedBytes == total && down.sentBytes == 0)
        #expect(up.sentBytes == total && up.receivedBytes == 0)
        #expect(down.downRate > 0 && up.upRate > 0)
        let status = try #require(bed.nodes[fetcher].machine.status(of: Testbed.swarm, at: bed.now))
        #expect(status.downRate == down.downRate && status.upRate == 0)
        #expect(status.fetches && !status.hasFailed)
    }

    @Test func `requests that a peer waits for are counted`() {
        var driver = MachineDriver()
        _ = driver.addSwarm(shardSizes: [64 * Cutting.chunkSize], isSeeder: true)
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        for id in 1...3 as ClosedRange<UInt32> {
            let request = ChunkRequest(
                id: id,
                shard: ShardIndex(0),
                first: ChunkIndex(0),
                count: 4,
                priority: .background,
                deadline: 1_000
            )
            _ = driver.feed(peer.say(.request(request)))
        }
        #expect(driver.machine.peerStatuses(at: driver.now).map(\.queuedRequests) == [3])
    }
}
