import Foundation
import ShoalCore
import ShoalFormats
import TestSupport

@testable import ShoalStore

/// A store that does a bit of everything on a recorded disk: what it does only the seed decides.
struct PowerWorkload {
    let sources: [SourceModel]
    let events: [RecordedDisk.Event]

    private static let steps = 120

    init(seed: UInt64) throws {
        let sources: [SourceModel] = [
            .experts(seed: 2 * seed + 1), try .folders(seed: seed + 1_000), .experts(seed: 2 * seed + 2),
        ]
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder("home"), withIntermediateDirectories: false)
        let disk = try RecordedDisk(home: folder("home"))
        var generator = SeededGenerator(seed: seed)
        var left = Self.steps
        // One start of the store after the other.
        while left > 0 {
            let steps = min(left, 20 + Int(generator.next() % 40))
            left -= steps
            let store = try ModelStore(home: try Home(path: folder("home")), clock: .system, observer: disk)
            for _ in 0..<steps { try Self.step(sources, store, disk, &generator) }
        }
        self.sources = sources
        self.events = disk.events
    }

    private static func step(
        _ sources: [SourceModel],
        _ store: ModelStore,
        _ disk: RecordedDisk,
        _ generator: inout SeededGenerator
    ) throws {
        let source = sources[Int(generator.next() % UInt64(sources.count))]
        let model = try store.receive(manifest: source.manifestBytes, id: source.id)
        let shard = source.shards[Int(generator.next() % UInt64(source.shards.count))]
        switch generator.next() % 32 {
        case 0..<10:
            let chunks = UInt64(source.manifest.shards[shard.position].chunkCount)
            try source.send(ChunkIndex(Int(generator.next() % chunks)), of: shard, to: model)
        case 10..<17: try source.send(shard, to: model)
        case 17..<23: disk.promised(model.id, try model.synchronize())
        case 23..<27:
            let shards = source.shards.filter { _ in generator.next() % 4 == 0 }
            _ = try model.evict(shards) { disk.withdrawn(model.id, $0) }
        case 27:
            var pins = Bitfield(count: source.shards.count)
            pins[shard.position] = true
            if generator.next() % 2 == 0 { try model.pin(pins) } else { try model.unpin(pins) }
        case 28: _ = try model.recheck(shard)
        case 29:
            try store.setCacheBudget(CacheBudget(limit: Int(generator.next() % 4_000_000)))
            _ = try store.makeRoom {
                disk.withdrawn($0, $1)
            } settled: { _, _ in
            }
        case 30:
            disk.removed(source.id)
            _ = try store.remove(source.id)
        default: _ = try store.models()
        }
    }
}
