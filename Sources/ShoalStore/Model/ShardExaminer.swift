import ShoalCore
import ShoalFormats

/// Finds out by hashing what of a shard is on the disk.
struct ShardExaminer: Sendable {
    let map: ChunkMap
    let hashes: HashFile
    let files: ModelFiles

    /// The chunks of the shard whose bytes have the right hash. What was never written is skipped without reading it.
    func goodChunks(
        of shard: ShardIndex,
        scratch: UnsafeMutableRawBufferPointer
    ) throws(StoreError) -> Bitfield {
        let count = self.map.shards[shard.position].chunkCount
        var good = Bitfield(count: count)
        guard let list = try self.hashes.list(of: shard) else {
            return try self.rebuildList(of: shard, scratch: scratch) ? .full(count: count) : good
        }
        for position in 0..<count {
            let chunk = ChunkIndex(position)
            good[position] = try self.digestOnDisk(chunk, of: shard, scratch: scratch) == list[chunk]
        }
        return good
    }

    /// Whether the chunk's bytes on the disk have the right hash.
    func isGood(
        _ chunk: ChunkIndex,
        of shard: ShardIndex,
        scratch: UnsafeMutableRawBufferPointer
    ) throws(StoreError) -> Bool {
        try self.digestOnDisk(chunk, of: shard, scratch: scratch) == self.hashes.digest(of: chunk, in: shard)
    }

    /// A shard that is whole on the disk proves its own hash list: it hashes to the root.
    private func rebuildList(of shard: ShardIndex, scratch: UnsafeMutableRawBufferPointer) throws(StoreError) -> Bool {
        var digests: [Digest] = []
        for position in 0..<self.map.shards[shard.position].chunkCount {
            let chunk = ChunkIndex(position)
            guard let digest = try self.digestOnDisk(chunk, of: shard, scratch: scratch) else { return false }
            digests.append(digest)
        }
        let list = HashList(digests: digests)
        guard list.root == self.map.shards[shard.position].root else { return false }
        try self.hashes.install(list, for: shard)
        return true
    }

    /// Nil when the chunk was never written or cannot be read.
    private func digestOnDisk(
        _ chunk: ChunkIndex,
        of shard: ShardIndex,
        scratch: UnsafeMutableRawBufferPointer
    ) throws(StoreError) -> Digest? {
        let pieces = self.map.pieces(of: chunk, in: shard)
        let room = UnsafeMutableRawBufferPointer(rebasing: scratch[..<self.map.byteCount(of: chunk, in: shard)])
        do throws(ModelFiles.ReadFailure) {
            // A file of the user's that is gone has no holes to ask for: that is found out by reading.
            if (try? self.files.isHole(pieces)) == true { return nil }
            try self.files.read(pieces, into: room)
        } catch {
            return nil
        }
        return Digest(sha256Of: UnsafeRawBufferPointer(room).bytes)
    }
}
