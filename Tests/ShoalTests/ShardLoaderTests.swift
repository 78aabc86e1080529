import Foundation
import ShoalCore
import ShoalNode
import ShoalStore
import TestSupport
import Testing

@testable import Shoal

/// The library, as an engine uses it.
@Suite(.serialized, .timeLimit(.minutes(1))) struct ShardLoaderTests {
    private func code(_ body: () async throws -> some Sendable) async -> ShoalError.Code? {
        do {
            _ = try await body()
            return nil
        } catch {
            return (error as? ShoalError)?.code
        }
    }

    @Test func `shards, ranges and experts come out of the swarm, each once`() async throws {
        try await inHall { hall in
            let loader = try await hall.node().open(hall.link)
            #expect(loader.model.id == hall.modelID)
            #expect(loader.model.shardSizes == Hall.shards.map(\.count))
            #expect(loader.model.files.map(\.path) == ["model.gguf"])
            #expect(loader.model.experts == .init(layers: 3, perLayer: 2, used: 1))
            #expect(await loader.progress().verifiedBytes == 0)

            let expert = try await loader.loadExpert(2, 0, priority: .critical)
            #expect(expert.elementsEqual(Hall.shards[2]))
            // The header as well: whether the manifest names the right bytes stands there.
            #expect(await loader.progress().verifiedBytes == Hall.shards[2].count + Hall.headerSize)
            let other = try await loader.loadExpert(2, 1, deadline: .seconds(30))
            #expect(other.elementsEqual(Hall.shards[3]))

            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<12 {
                    group.addTask {
                        switch number % 3 {
                        case 0: try await loader.loadShard(1).elementsEqual(Hall.shards[1])
                        case 1:
                            try await loader.loadRange(1, 131_000..<131_100).elementsEqual(
                                Hall.shards[1][131_000..<131_100]
                            )
                        default: try await loader.loadRange(0, 7..<7).isEmpty
                        }
                    }
                }
                for try await isRight in group { #expect(isRight) }
            }
            let progress = await loader.progress()
            #expect(progress == LoadProgress(verifiedBytes: Hall.file.count, totalBytes: Hall.file.count, peers: 1))
        }
    }

    @Test func `what engines load is counted where they want it`() async throws {
        try await inHall { hall in
            let registry = PrometheusRegistry()
            var options = LocalNode.Options(home: hall.folder("counted"))
            options.bindAddress = "127.0.0.1"
            options.metrics = registry
            let node = try await LocalNode.start(options)
            let loader = try await node.open(hall.link)
            for _ in 0..<2 { _ = try await loader.loadShard(1) }
            #expect(!registry.text.contains("shoal_model_verified_bytes{"))
            await node.updateMetrics()
            await node.stop()
            let lines = registry.text.split(separator: "\n")
            #expect(lines.contains("shoal_demands_total{result=\"fetched\"} 1"))
            #expect(lines.contains("shoal_demands_total{result=\"hit\"} 1"))
            #expect(
                lines.contains {
                    $0.hasPrefix("shoal_model_verified_bytes{") && $0.hasSuffix(" \(Hall.shards[1].count)")
                }
            )
        }
    }

    @Test func `what is not in the model is refused`() async throws {
        try await inHall { hall in
            let node = try await hall.node()
            let loader = try await node.open(hall.link)
            #expect(await self.code { try await loader.loadShard(4) } == .unknownShard)
            #expect(await self.code { try await loader.loadShard(-1) } == .unknownShard)
            #expect(await self.code { try await loader.loadRange(1, 0..<200_001) } == .unknownRange)
            #expect(await self.code { try await loader.loadRange(0, -1..<1) } == .unknownRange)
            #expect(await self.code { try await loader.loadExpert(0, 0) } == .unknownExpert)
            #expect(await self.code { try await loader.loadExpert(2, 2) } == .unknownExpert)
            #expect(await self.code { try await node.open("magnet:?dn=nothing") } == .badLink)
            var options = LocalNode.OpenOptions()
            options.trackers = ["udp://127.0.0.1:1"]
            let bad = options
            #expect(await self.code { try await node.open(hall.link, options: bad) } == .badTracker)
            let taken = LocalNode.Options(home: hall.folder("reader"))
            #expect(await self.code { try await LocalNode.start(taken) } == .homeInUse)
        }
    }

    @Test func `experts of a manifest that lies about them are not handed out`() async throws {
        try await inHall(liesAboutExperts: true) { hall in
            let loader = try await hall.node().open(hall.link)
            #expect(await self.code { try await loader.loadExpert(2, 0) } == .wrongRegistry)
            #expect(await loader.progress().verifiedBytes == Hall.headerSize)
            #expect(try await loader.loadShard(2).elementsEqual(Hall.shards[2]))
        }
    }

    @Test func `a load ends by its deadline, by its task, by leaving, and with the node`() async throws {
        try await inHall { hall in
            let node = try await hall.node()
            let loader = try await node.open(hall.link)
            await hall.seeder.stop()
            #expect(await self.code { try await loader.loadShard(0, deadline: .milliseconds(50)) } == .deadline)
            let cancelled = Task { try await loader.loadShard(0) }
            cancelled.cancel()
            await #expect(throws: CancellationError.self) { try await cancelled.value }
            let left = Task { try await loader.loadShard(0) }
            let other = try await node.open(hall.link)
            let unlucky = Task { try await other.loadShard(0) }
            await loader.leave()
            #expect(await self.code { try await left.value } == .left)
            #expect(await self.code { try await unlucky.value } == .left)
            #expect(await self.code { try await loader.loadShard(1) } == .left)
            var options = LocalNode.OpenOptions()
            options.patience = .milliseconds(50)
            let again = try await node.open(hall.link, options: options)
            let stopped = Task { try await again.loadShard(0) }
            await hall.stop(node)
            #expect(await self.code { try await stopped.value } == .left)
            var updates = loader.progressUpdates().makeAsyncIterator()
            #expect(await updates.next() == nil)
        }
    }

    @Test func `a model that nobody has is waited for as long as was said`() async throws {
        try await inHall { hall in
            let unknown = hall.link.replacing(hall.modelID, with: String(repeating: "ab", count: 32))
            var options = LocalNode.OpenOptions()
            options.patience = .milliseconds(50)
            let patient = options
            let node = try await hall.node()
            #expect(await self.code { try await node.open(unknown, options: patient) } == .noManifest)
        }
    }

    @Test func `what was loaded is there at the next start, and what was lost since is fetched again`() async throws {
        try await inHall { hall in
            let first = try await hall.node()
            _ = try await first.open(hall.link).loadShard(1)
            await hall.stop(first)
            let second = try await hall.node()
            let loader = try await second.open(hall.link)
            #expect(await loader.progress().verifiedBytes == Hall.shards[1].count)
            // A byte rots before anybody has looked at it.
            let file = hall.folder("reader/models/\(hall.modelID)/files/model.gguf")
            let handle = try FileHandle(forUpdating: URL(filePath: file))
            try handle.seek(toOffset: UInt64(Hall.headerSize + 150_000))
            try handle.write(contentsOf: [Hall.shards[1][150_000] ^ 1])
            try handle.close()
            let bytes = try await loader.loadShard(1, deadline: .seconds(30))
            #expect(bytes.elementsEqual(Hall.shards[1]))
        }
    }

    @Test func `a model can be fetched whole, and tells how far it is`() async throws {
        try await inHall { hall in
            var options = LocalNode.OpenOptions()
            options.fetchesWhole = true
            let loader = try await hall.node().open(hall.link, options: options)
            var last: LoadProgress?
            for await progress in loader.progressUpdates(every: .milliseconds(10)) {
                last = progress
                if progress.verifiedBytes == progress.totalBytes { break }
            }
            #expect(last?.totalBytes == Hall.file.count)
            #expect(try await loader.loadShard(2).elementsEqual(Hall.shards[2]))
        }
    }
}
