package import ShoalCore
package import ShoalFormats

extension LayoutPlan {
    /// The manifest of files that have `contents`, in the order of the plan: hashed as simply as can be.
    package func manifest(of contents: [[UInt8]]) -> Manifest {
        let roots = self.shards.map { shard in
            let bytes = self.bytes(of: shard.extents, in: contents)
            let chunks = (0..<shard.chunkCount).map { Cutting.range(of: ChunkIndex($0), inShardOf: shard.size) }
            return HashList(digests: chunks.map { Digest(sha256Of: Array(bytes[$0])) }).root
        }
        return self.manifest(fileDigests: contents.map { Digest(sha256Of: $0) }, roots: roots)
    }

    /// The bytes of all slices of each expert.
    package func expertBytes(in contents: [[UInt8]]) -> [ExpertID: [UInt8]] {
        (self.experts?.map ?? [:]).mapValues { slices in
            slices.flatMap { slice in
                let shard = self.bytes(of: self.shards[slice.shard.position].extents, in: contents)
                return shard[slice.offset..<slice.offset + slice.length]
            }
        }
    }

    private func bytes(of extents: [Manifest.Extent], in contents: [[UInt8]]) -> [UInt8] {
        extents.flatMap { contents[$0.file][$0.offset..<$0.offset + $0.length] }
    }
}
