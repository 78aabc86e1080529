import Foundation
import HostilePeers
import ShoalCore
import ShoalNode
import ShoalStore
import ShoalSwarm
import TestSupport
import Testing

/// A bit rots on the disk of an honest seeder, in a file that it serves.
@Suite(.timeLimit(.minutes(1))) struct BitRotTests {
    /// The byte that rots: in the second chunk of shard 1.
    private static let place = (shard: ShardIndex(1), chunk: ChunkIndex(1), offset: 150_000)

    private func rot(_ path: String) throws {
        let file = try FileHandle(forUpdating: URL(filePath: path))
        try file.seek(toOffset: UInt64(Self.place.offset))
        let byte = try #require(try file.read(upToCount: 1)?.first)
        try file.seek(toOffset: UInt64(Self.place.offset))
        try file.write(contentsOf: [byte ^ 1])
        try file.close()
    }

    private func lostShards(_ node: TestNode) async throws -> [ShardIndex] {
        try await node.events.first("the loss") { event in
            if case .observed(.shardsLost(_, let shards, _)) = event { shards } else { nil }
        }
    }

    @Test func `fetchers get the right bytes elsewhere, nobody is banned, and the seeder repairs itself`() async throws
    {
        try await inScene { scene in
            let model = try scene.model()
            let source = try scene.node("library", visitsAlley: false)
            _ = try source.node.add(model, link: model.link, fetches: false)
            let seeder = try scene.node("seeder", visitsAlley: false)
            let swarm = try seeder.node.add(model.link)
            try await seeder.finished(swarm)
            let copy = try #require(seeder.node.model(of: swarm))
            try self.rot(scene.folder("seeder/models/\(model.id.hex)/files/b"))

            // Nobody else is there, so the fetcher meets the rotten chunk.
            await source.stop()
            let fetcher = try scene.node("fetcher", visitsAlley: false)
            let fetched = try fetcher.node.add(model.link)
            #expect(try await self.lostShards(seeder) == [Self.place.shard])

            let other = try scene.node("other", visitsAlley: false)
            let again = try other.store.publish(path: scene.folder("source"))
            _ = try other.node.add(again, link: model.link, fetches: false)
            try await fetcher.finished(fetched)
            try await seeder.events.wait(for: "the repair") { events in
                let finished = events.count { if case .finished(swarm) = $0 { true } else { false } }
                return finished >= 2 && copy.state.durable.isFull ? () : nil
            }
            let right = Weights.bytes(200_000, seed: 1)[131_072...]
            for stored in [copy, try #require(fetcher.node.model(of: fetched))] {
                #expect(try stored.bytes(Self.place.chunk, of: Self.place.shard).elementsEqual(right))
            }
            for node in [seeder, fetcher, other] {
                let bans = node.doubts().filter { if case .peerBanned = $0 { true } else { false } }
                #expect(bans.isEmpty)
            }
        }
    }

    @Test func `a file of the user's that rots is no longer served, and is never written to`() async throws {
        try await inScene { scene in
            let model = try scene.model()
            let seeder = try scene.node("library", visitsAlley: false)
            _ = try seeder.node.add(model, link: model.link, fetches: false)
            try self.rot(scene.folder("source/b"))
            let rotten = try Data(contentsOf: URL(filePath: scene.folder("source/b")))
            let fetcher = try scene.node("fetcher", visitsAlley: false)
            let fetched = try fetcher.node.add(model.link)
            #expect(try await self.lostShards(seeder).contains(Self.place.shard))

            try scene.folder.write("whole/a", Weights.bytes(200_000, seed: 0))
            try scene.folder.write("whole/b", Weights.bytes(200_000, seed: 1))
            try scene.folder.write("whole/c", Weights.bytes(200_000, seed: 2))
            let other = try scene.node("other", visitsAlley: false)
            let whole = try other.store.publish(path: scene.folder("whole"))
            #expect(whole.id == model.id)
            _ = try other.node.add(whole, link: model.link, fetches: false)
            try await fetcher.finished(fetched)
            #expect(fetcher.doubts().allSatisfy { if case .peerBanned = $0 { false } else { true } })
            #expect(try Data(contentsOf: URL(filePath: scene.folder("source/b"))) == rotten)
        }
    }
}
