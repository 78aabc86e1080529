import ShoalCore
import ShoalFormats
import ShoalStore

/// A model whose bytes only a seed decides, so that every process knows them.
struct DrivenModel {
    let id: ManifestID
    let manifest: Manifest
    let manifestBytes: [UInt8]
    private let files: [[UInt8]]

    /// A small mixture of experts: shards of some blocks that share blocks with their neighbours.
    init(seed: UInt64) throws {
        let experts = (0..<6).map { ExpertID(layer: 0, index: $0) }
        var regions = [LayoutOne.Region(.header, length: 5_000), LayoutOne.Region(.dense, length: 200_001)]
        for _ in 0..<3 { regions += experts.map { LayoutOne.Region(.expert($0), length: 60_003) } }
        let size = regions.reduce(0) { $0 + $1.length }
        let files = [Self.bytes(size, seed: seed), Self.bytes(150_000, seed: seed + 1_000)]
        let plan = try LayoutOne.plan(
            format: .gguf,
            files: [
                LayoutOne.SourceFile(path: "a/model.gguf", size: size, regions: regions),
                LayoutOne.SourceFile(path: "b.bin", size: 150_000, regions: [.init(.dense, length: 150_000)]),
            ],
            expertsUsed: 2
        )
        let roots = plan.shards.map { shard in
            Self.list(of: shard.extents.flatMap { files[$0.file][$0.offset..<$0.offset + $0.length] }).root
        }
        self.files = files
        self.manifest = plan.manifest(fileDigests: files.map { Digest(sha256Of: $0) }, roots: roots)
        self.manifestBytes = ManifestWriter.bytes(of: self.manifest)
        self.id = ManifestID(ofManifestBytes: self.manifestBytes)
    }

    var shards: [ShardIndex] { self.manifest.shards.indices.map { ShardIndex($0) } }

    func chunkCount(of shard: ShardIndex) -> Int { self.manifest.shards[shard.position].chunkCount }

    func content(of shard: ShardIndex) -> [UInt8] {
        self.manifest.shards[shard.position].extents.flatMap {
            self.files[$0.file][$0.offset..<$0.offset + $0.length]
        }
    }

    func list(of shard: ShardIndex) -> HashList { Self.list(of: self.content(of: shard)) }

    func bytes(of chunk: ChunkIndex, in shard: ShardIndex) -> [UInt8] {
        let content = self.content(of: shard)
        return Array(content[Cutting.range(of: chunk, inShardOf: content.count)])
    }

    static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
        var generator = SeededGenerator(seed: seed)
        var bytes = [UInt8](repeating: 0, count: (count + 7) / 8 * 8)
        bytes.withUnsafeMutableBytes { room in
            for offset in stride(from: 0, to: room.count, by: 8) {
                room.storeBytes(of: generator.next(), toByteOffset: offset, as: UInt64.self)
            }
        }
        return Array(bytes[..<count])
    }

    private static func list(of content: [UInt8]) -> HashList {
        HashList(
            digests: stride(from: 0, to: content.count, by: Cutting.chunkSize).map {
                Digest(sha256Of: Array(content[$0..<min($0 + Cutting.chunkSize, content.count)]))
            }
        )
    }
}
