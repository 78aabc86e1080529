import ShoalCore
import ShoalWire
import Testing

@testable import ShoalSwarm

/// Chunks that nobody sent: the user had them already.
@Suite struct FoundChunksTests {
    private static let chunk = Cutting.chunkSize

    /// A fetcher that has asked a peer for all of two shards of eight chunks.
    private func fetcher(hashLists: Bool = true) -> (MachineDriver, PlayedPeer, [ChunkRequest]) {
        var driver = MachineDriver()
        _ = driver.addSwarm(shardSizes: [8 * Self.chunk, 8 * Self.chunk], isSeeder: false, hashLists: hashLists)
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        let effects = driver.feed(peer.say(.bitfield(.full(count: 2)))) + driver.pass(.milliseconds(1))
        return (driver, peer, effects.requests)
    }

    private func chunks(_ range: Range<Int>) -> Bitfield {
        var chunks = Bitfield(count: 8)
        for chunk in range { chunks[chunk] = true }
        return chunks
    }

    @Test func `a whole shard is told to peers, and what they owe of it is cancelled`() {
        var (driver, peer, asked) = self.fetcher()
        let first = asked[0].shard
        let effects = driver.feed(.chunksFound(MachineDriver.swarm, first, self.chunks(0..<8)))
        let cancelled = effects.sent(to: peer.connection).compactMap { body -> UInt32? in
            if case .cancel(let id) = body { id } else { nil }
        }
        #expect(cancelled == asked.filter { $0.shard == first }.map(\.id))
        #expect(effects.sent(to: peer.connection).contains(.have([first])))
        #expect(effects.observations.contains(.shardCompleted(MachineDriver.swarm, first)))
        let status = driver.machine.status(of: MachineDriver.swarm, at: driver.now)
        #expect(status?.verifiedBytes == 8 * Self.chunk && status?.receivedBytes == 0)
        // The same again is no news.
        #expect(driver.feed(.chunksFound(MachineDriver.swarm, first, self.chunks(0..<8))).isEmpty)
    }

    @Test func `of a part only the rest is asked for, without a word of hash lists`() {
        var (driver, _, asked) = self.fetcher(hashLists: false)
        #expect(asked.isEmpty)
        var effects = driver.feed(.chunksFound(MachineDriver.swarm, ShardIndex(0), self.chunks(0..<6)))
        effects += driver.pass(.milliseconds(400))
        let requests = effects.requests.filter { $0.shard == ShardIndex(0) }
        #expect(requests.map(\.first) == [ChunkIndex(6)] && requests.map(\.count) == [2])
        #expect(driver.machine.status(of: MachineDriver.swarm, at: driver.now)?.verifiedBytes == 6 * Self.chunk)
    }

    @Test func `what does not fit the model is ignored`() {
        var (driver, _, _) = self.fetcher()
        #expect(driver.feed(.chunksFound(MachineDriver.swarm, ShardIndex(2), .full(count: 8))).isEmpty)
        #expect(driver.feed(.chunksFound(MachineDriver.swarm, ShardIndex(0), .full(count: 7))).isEmpty)
        #expect(driver.feed(.chunksFound(SwarmHandle(9), ShardIndex(0), .full(count: 8))).isEmpty)
    }
}

extension [MeshEffect] {
    fileprivate var requests: [ChunkRequest] {
        self.compactMap { if case .request(_, _, let request) = $0 { request } else { nil } }
    }
}
