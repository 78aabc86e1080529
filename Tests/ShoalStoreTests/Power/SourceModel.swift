import Foundation
import ShoalCore
import TestSupport
import Testing

@testable import ShoalFormats
@testable import ShoalStore

/// A model and all its bytes, in memory.
struct SourceModel: Sendable {
    let id: ManifestID
    let manifest: Manifest
    let manifestBytes: [UInt8]
    /// By position in the manifest.
    let files: [[UInt8]]

    init(_ manifest: Manifest, files: [[UInt8]]) {
        self.manifest = manifest
        self.manifestBytes = ManifestWriter.bytes(of: manifest)
        self.id = ManifestID(ofManifestBytes: self.manifestBytes)
        self.files = files
    }

    /// A small mixture of experts.
    static func experts(seed: UInt64) -> SourceModel {
        let bytes = SmallExperts.bytes(seed: seed)
        return SourceModel(SmallExperts.manifest(of: bytes), files: [bytes])
    }

    /// Files in folders of folders, one of them empty.
    static func folders(seed: UInt64) throws -> SourceModel {
        let files = ["a/b/one.bin": 300_000, "a/two.bin": 150_000, "empty": 0, "three.bin": 4_097]
        let folder = try TemporaryFolder()
        for (name, size) in files { try folder.write("source/\(name)", pattern(size, seed: seed)) }
        let model = try folder.store().publish(path: folder("source"))
        return SourceModel(model.manifest, files: model.manifest.files.map { pattern($0.size, seed: seed) })
    }

    var shards: [ShardIndex] { self.manifest.shards.indices.map { ShardIndex($0) } }

    func content(of shard: ShardIndex) -> [UInt8] {
        self.manifest.shards[shard.position].extents.flatMap {
            self.files[$0.file][$0.offset..<$0.offset + $0.length]
        }
    }

    /// Puts a chunk into `model`, and before it the shard's hash list if that is missing.
    func send(_ chunk: ChunkIndex, of shard: ShardIndex, to model: StoredModel) throws {
        let content = self.content(of: shard)
        if try model.hashList(of: shard) == nil { try model.install(SmallExperts.list(of: content), for: shard) }
        let bytes = Array(content[Cutting.range(of: chunk, inShardOf: content.count)])
        let verdict = try model.write(chunk, of: shard, bytes)
        precondition(verdict == .verified, "the right bytes were taken for wrong ones")
    }

    func send(_ shard: ShardIndex, to model: StoredModel) throws {
        for chunk in 0..<self.manifest.shards[shard.position].chunkCount {
            try self.send(ChunkIndex(chunk), of: shard, to: model)
        }
    }

    /// Whether the files of `model` in the home hold the shard's bytes, whatever the store thinks of them.
    func isOnDisk(_ shard: ShardIndex, home: String) throws -> Bool {
        try self.manifest.shards[shard.position].extents.allSatisfy { extent in
            let path = "\(home)/models/\(self.id)/files/\(self.manifest.files[extent.file].path)"
            guard try FileStatus.ofEntry(at: path) != nil else { return false }
            let found = try Descriptor.open(path, O_RDONLY).bytes(at: extent.offset, count: extent.length)
            return found == Array(self.files[extent.file][extent.offset..<extent.offset + extent.length])
        }
    }

    /// What is wrong with what a store serves of the model; empty when every chunk that it has is right.
    func faults(of model: StoredModel) throws -> [String] {
        let state = model.state
        var faults: [String] = []
        let partial = Dictionary(uniqueKeysWithValues: state.receiving.map { ($0.shard, $0.chunks) })
        for shard in self.shards {
            let content = self.content(of: shard)
            for chunk in 0..<self.manifest.shards[shard.position].chunkCount {
                guard state.complete[shard.position] || partial[shard]?[chunk] == true else { continue }
                let range = Cutting.range(of: ChunkIndex(chunk), inShardOf: content.count)
                let bytes = try model.bytes(ChunkIndex(chunk), of: shard)
                if bytes != Array(content[range]) { faults.append("\(shard), chunk \(chunk)") }
            }
        }
        return faults
    }
}
