import Foundation
import ShoalCore
import Synchronization
import TestSupport
import Testing

@testable import ShoalFormats
@testable import ShoalStore

/// A clock that stands still until a test moves it.
final class HandClock: Sendable {
    private let time = Mutex<Int64>(1_000_000)

    var clock: StoreClock { StoreClock { self.time.withLock { $0 } } }

    func advance(by milliseconds: Int64) { self.time.withLock { $0 += milliseconds } }
}

/// A mixture of experts in small: a header of one block, three dense shards and eight experts of three pieces each, cut so that
/// neighbours share blocks.
enum SmallExperts {
    static let blockSize = 4_096
    static let headerSize = 5_000
    static let denseSizes = [200_000, 300_001, 140_000]
    static let pieceSize = 70_001
    static let experts = 8

    static let fileSize = headerSize + denseSizes.reduce(0, +) + experts * 3 * pieceSize

    static func bytes(seed: UInt64 = 1) -> [UInt8] { pattern(self.fileSize, seed: seed) }

    static func manifest(of bytes: [UInt8]) -> Manifest {
        var extents: [(Manifest.Shard.Kind, [Manifest.Extent])] = []
        var offset = 0
        func take(_ length: Int) -> Manifest.Extent {
            defer { offset += length }
            return Manifest.Extent(file: 0, offset: offset, length: length)
        }
        extents.append((.header, [take(self.headerSize)]))
        for size in self.denseSizes { extents.append((.dense, [take(size)])) }
        // Gate, up, down: all experts' gates first, as GGUF has them.
        var pieces = [[Manifest.Extent]](repeating: [], count: self.experts)
        for _ in 0..<3 { for expert in 0..<self.experts { pieces[expert].append(take(self.pieceSize)) } }
        for piece in pieces { extents.append((.expert, piece)) }
        let shards = extents.map { kind, extents in
            let content = extents.flatMap { bytes[$0.offset..<$0.offset + $0.length] }
            return Manifest.Shard(root: self.list(of: content).root, size: content.count, extents: extents, kind: kind)
        }
        let slices = (0..<self.experts).map { expert in
            let shard = ShardIndex(1 + self.denseSizes.count + expert)
            return (
                ExpertID(layer: 0, index: expert), [Manifest.Slice(shard: shard, offset: 0, length: 3 * self.pieceSize)]
            )
        }
        return Manifest(
            format: .gguf,
            files: [Manifest.File(path: "model.gguf", size: bytes.count, sha256: Digest(sha256Of: bytes))],
            shards: shards,
            experts: Manifest.Experts(
                layers: 1,
                perLayer: self.experts,
                used: 2,
                map: Dictionary(uniqueKeysWithValues: slices)
            ),
            model: Manifest.Model()
        )
    }

    static func list(of content: [UInt8]) -> HashList {
        let chunks = stride(from: 0, to: content.count, by: Cutting.chunkSize).map {
            Digest(sha256Of: Array(content[$0..<min($0 + Cutting.chunkSize, content.count)]))
        }
        return HashList(digests: chunks)
    }

    static let dense = (1..<4).map { ShardIndex($0 as Int) }
    static let expertShards = (4..<12).map { ShardIndex($0 as Int) }
}

/// A home with such models, and where their bytes come from.
struct CacheStage {
    /// A block in which ext4 notes where a file in pieces lies: `st_blocks` has it, the budget does not.
    static let fileSystemsOwn = SmallExperts.blockSize

    let folder: TemporaryFolder
    let clock = HandClock()

    init() throws { self.folder = try TemporaryFolder() }

    func store() throws -> ModelStore {
        try ModelStore(home: try Home(path: self.folder("home")), clock: self.clock.clock)
    }

    /// A model of which nothing is here yet.
    func model(_ store: ModelStore, seed: UInt64 = 1) throws -> StoredModel {
        let manifest = SmallExperts.manifest(of: SmallExperts.bytes(seed: seed))
        let bytes = ManifestWriter.bytes(of: manifest)
        return try store.receive(manifest: bytes, id: ManifestID(ofManifestBytes: bytes))
    }

    func path(_ model: StoredModel) -> String { self.folder("home/models/\(model.id)/files/model.gguf") }

    func allocated(_ model: StoredModel) throws -> Int {
        try #require(try FileStatus.ofEntry(at: self.path(model))).allocated
    }
}

extension StoredModel {
    /// The content of a shard of `bytes`, the model's one file.
    func content(of shard: ShardIndex, in bytes: [UInt8]) -> [UInt8] {
        self.manifest.shards[shard.position].extents.flatMap { bytes[$0.offset..<$0.offset + $0.length] }
    }

    /// Receives shards out of `bytes`, the model's one file.
    func receive(_ shards: some Sequence<ShardIndex>, of bytes: [UInt8]) throws {
        for shard in shards {
            let content = self.content(of: shard, in: bytes)
            let list = SmallExperts.list(of: content)
            if list.count > 1 { try self.install(list, for: shard) }
            for chunk in 0..<list.count { try self.receive(ChunkIndex(chunk), of: shard, content) }
        }
    }

    func receive(_ chunk: ChunkIndex, of shard: ShardIndex, _ content: [UInt8]) throws {
        let range = Cutting.range(of: chunk, inShardOf: content.count)
        #expect(try self.write(chunk, of: shard, Array(content[range])) == .verified)
    }

    func receiveAll(of bytes: [UInt8]) throws {
        try self.receive(self.manifest.shards.indices.map { ShardIndex($0) }, of: bytes)
        _ = try self.synchronize()
    }

    var completeShards: [Int] { Array(self.state.complete.setBits) }
}

extension ModelStore {
    /// Makes room with nobody to tell. Answers what went, in the order in which it was announced.
    @discardableResult
    func makeRoom() throws -> (eviction: Eviction, announced: [ShardIndex]) {
        var announced: [ShardIndex] = []
        let eviction = try self.makeRoom {
            announced += $1
        } settled: { _, _ in
        }
        return (eviction, announced)
    }
}
