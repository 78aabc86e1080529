import ShoalCore
import ShoalFormats
import ShoalNode
import ShoalStore
import ShoalSwarm
import ShoalWire
import TestSupport
import Testing

/// Shards that the owner of a real node wants by name.
@Suite(.timeLimit(.minutes(1))) struct NodeDemandTests {
    private func whole(_ shard: Int, of model: StoredModel) -> ShardDemand {
        ShardDemand(ShardIndex(shard), chunks: 0..<model.manifest.shards[shard].chunkCount)
    }

    /// A node that knows the manifest and fetches nothing by itself, and, with a seeder, somebody who has everything.
    private func fetcher(
        in scene: Scene,
        hasSeeder: Bool = true
    ) async throws -> (node: TestNode, SwarmHandle, model: StoredModel) {
        let model = try scene.model()
        let fetcher = try scene.node("fetcher", visitsAlley: false)
        if hasSeeder {
            let seeder = try scene.node("library", visitsAlley: false)
            _ = try seeder.node.add(model, link: model.link, fetches: false)
        }
        let own = try fetcher.store.receive(manifest: model.manifestBytes, id: model.id)
        return (fetcher, try fetcher.node.add(own, link: model.link, fetches: false), own)
    }

    @Test func `what is demanded comes once, however many demand it, and nothing else does`() async throws {
        try await inScene { scene in
            let (fetcher, handle, model) = try await self.fetcher(in: scene)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<16 {
                    let chunks = number < 8 ? 0..<2 : number % 2..<number % 2 + 1
                    group.addTask {
                        try await fetcher.node.demand(
                            [ShardDemand(ShardIndex(1), chunks: chunks)],
                            of: handle,
                            priority: number < 4 ? .critical : .prefetch
                        )
                        #expect(model.has(chunks, of: ShardIndex(1)))
                    }
                }
                try await group.waitForAll()
            }
            #expect(model.state.complete.setBits.map { $0 } == [1])
            let status = await fetcher.node.status(of: handle)
            #expect(status?.receivedBytes == model.manifest.shards[1].size)
            let bytes = try await fetcher.node.read(100..<140_000, of: ShardIndex(1), in: handle)
            #expect(bytes.elementsEqual(Weights.bytes(200_000, seed: 1)[100..<140_000]))
            await #expect(throws: StoreError.self) {
                try await fetcher.node.read(0..<1, of: ShardIndex(0), in: handle)
            }
            try await fetcher.node.demand(
                [self.whole(0, of: model), self.whole(2, of: model)],
                of: handle,
                priority: .next
            )
            #expect(model.state.complete.isFull)
        }
    }

    @Test func `a demand that nobody can answer ends by its deadline, by its task, or with the node`() async throws {
        try await inScene { scene in
            let (fetcher, handle, model) = try await self.fetcher(in: scene, hasSeeder: false)
            let demand = [self.whole(0, of: model)]
            let limit = Duration.milliseconds(50)
            await #expect(throws: DemandFailure.late(limit)) {
                try await fetcher.node.demand(demand, of: handle, priority: .next, within: limit)
            }
            let waiting = Task { try await fetcher.node.demand(demand, of: handle, priority: .next) }
            let stopped = Task { try await fetcher.node.demand(demand, of: handle, priority: .next) }
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
            await fetcher.stop()
            await #expect(throws: DemandFailure.stopped) { try await stopped.value }
        }
    }

    @Test func `shards and chunks that there are not, and a model of which nothing is known, are refused`() async throws
    {
        try await inScene { scene in
            let (fetcher, handle, _) = try await self.fetcher(in: scene, hasSeeder: false)
            for demand in [
                ShardDemand(ShardIndex(3), chunks: 0..<1), ShardDemand(ShardIndex(0), chunks: 0..<3),
                ShardDemand(ShardIndex(0), chunks: 1..<1), ShardDemand(ShardIndex(0), chunks: -1..<1),
            ] {
                await #expect(throws: DemandFailure.unknown(demand)) {
                    try await fetcher.node.demand([demand], of: handle, priority: .next)
                }
            }
            let unknown = try fetcher.node.add(
                MagnetLink(manifestID: ManifestID(Digest(bytes: Array(repeating: 1, count: 32))!))
            )
            await #expect(throws: DemandFailure.noManifest) {
                try await fetcher.node.demand([], of: unknown, priority: .next)
            }
        }
    }
}
