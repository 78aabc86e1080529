import ShoalCore
import ShoalWire
import Testing

@testable import ShoalSwarm

/// Swarms of which only some shards are fetched.
@Suite struct SelectionTests {
    private static let chunk = Cutting.chunkSize

    private func selection(_ shards: Int..., of count: Int) -> Bitfield {
        var selection = Bitfield(count: count)
        for shard in shards { selection[shard] = true }
        return selection
    }

    /// A fetcher of shards of two chunks each, and a peer that has everything.
    private func fetcher(_ selection: Bitfield?, shards: Int = 4) -> (MachineDriver, PlayedPeer) {
        var driver = MachineDriver()
        _ = driver.feed(
            .addSwarm(
                SwarmDescription(
                    handle: MachineDriver.swarm,
                    infoHash: MachineDriver.infoHash,
                    secret: MachineDriver.secret,
                    content: SwarmContent(
                        manifest: [1],
                        shardSizes: Array(repeating: 2 * Self.chunk, count: shards),
                        complete: Bitfield(count: shards),
                        partial: [:],
                        hashLists: .full(count: shards)
                    ),
                    selection: selection,
                    trackers: []
                )
            )
        )
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        return (driver, peer)
    }

    @Test func `only selected shards are asked for, and then it is no longer hungry`() {
        var bed = Testbed(shardSizes: Array(repeating: 3 * Self.chunk, count: 6))
        let fetcher = bed.addNode(complete: bed.noShards)
        let seeder = bed.addNode(complete: bed.allShards)
        let selection = self.selection(1, 4, of: 6)
        bed.post(.select(Testbed.swarm, selection), to: fetcher)
        bed.connect(fetcher, seeder)
        bed.run(for: .seconds(20))
        #expect(bed.nodes[fetcher].requestedChunks == 6)
        let status = bed.nodes[fetcher].machine.status(of: Testbed.swarm, at: bed.now)
        #expect(status?.selected == Selected(verifiedBytes: 6 * Self.chunk, totalBytes: 6 * Self.chunk))
        #expect(status?.verifiedBytes == 6 * Self.chunk && status?.totalBytes == 18 * Self.chunk)
        #expect(!bed.isComplete(fetcher))
        // Peers are told what is here, and no more.
        #expect(bed.nodes[seeder].machine.knownNodes(of: Testbed.swarm).map(\.holdings) == [selection])

        bed.post(.select(Testbed.swarm, nil), to: fetcher)
        bed.run(for: .seconds(20))
        #expect(bed.isComplete(fetcher))
        #expect(bed.nodes[fetcher].requestedChunks == 18)
    }

    @Test func `what is no longer selected is cancelled, and a demand for it is not`() {
        var (driver, peer) = self.fetcher(self.selection(0, 1, of: 4))
        let begun = driver.feed(peer.say(.bitfield(.full(count: 4)))).requests + driver.pass(.milliseconds(1)).requests
        #expect(Set(begun.map(\.shard)) == [ShardIndex(0), ShardIndex(1)])
        _ = driver.feed(.demand(MachineDriver.swarm, [ShardIndex(1)], .prefetch))
        let effects = driver.feed(.select(MachineDriver.swarm, self.selection(2, of: 4)))
        let cancelled = effects.sent(to: peer.connection).compactMap { body -> UInt32? in
            if case .cancel(let id) = body { id } else { nil }
        }
        #expect(cancelled == begun.filter { $0.shard == ShardIndex(0) }.map(\.id))
        #expect(effects.requests.map(\.shard) == [ShardIndex(2)])
    }

    @Test func `a demand outside of the selection is served, and its end is heard`() {
        var (driver, peer) = self.fetcher(self.selection(of: 4))
        #expect(driver.feed(peer.say(.bitfield(.full(count: 4)))).requests.isEmpty)
        let asked = driver.feed(.demand(MachineDriver.swarm, [ShardIndex(3)], .next)).requests
        #expect(asked.map(\.shard) == [ShardIndex(3)])
        let effects = driver.feed(.endDemand(MachineDriver.swarm, [ShardIndex(3)]))
        #expect(effects.contains(.discard(peer.connection, request: asked[0].id)))
    }

    @Test func `a lost shard is fetched again when it is selected, and only then`() {
        var bed = Testbed(shardSizes: Array(repeating: 2 * Self.chunk, count: 4))
        let fetcher = bed.addNode(complete: self.selection(0, 1, of: 4))
        let seeder = bed.addNode(complete: bed.allShards)
        bed.post(.select(Testbed.swarm, self.selection(0, of: 4)), to: fetcher)
        bed.connect(fetcher, seeder)
        bed.run(for: .seconds(2))
        #expect(bed.nodes[fetcher].requestedChunks == 0)
        bed.post(.shardsLost(Testbed.swarm, [ShardIndex(0), ShardIndex(1)], reason: "rotten"), to: fetcher)
        bed.run(for: .seconds(5))
        #expect(bed.nodes[fetcher].requestedChunks == 2)
        let status = bed.nodes[fetcher].machine.status(of: Testbed.swarm, at: bed.now)
        #expect(status?.verifiedBytes == 2 * Self.chunk)
    }

    @Test func `a selection that is of another number of shards selects what it can`() {
        var (driver, peer) = self.fetcher(self.selection(1, of: 2))
        let requests = driver.feed(peer.say(.bitfield(.full(count: 4)))).requests
        #expect(requests.map(\.shard) == [ShardIndex(1)])
        let status = driver.feed(.select(MachineDriver.swarm, self.selection(7, of: 8)))
        #expect(status.requests.isEmpty)
    }
}

extension [MeshEffect] {
    fileprivate var requests: [ChunkRequest] {
        self.compactMap { if case .request(_, _, let request) = $0 { request } else { nil } }
    }
}
