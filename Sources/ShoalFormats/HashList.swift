package import ShoalCore

/// The SHA-256 of each chunk of one shard, in order: what a shard's root commits to.
///
/// A shard's *root* is the SHA-256 of its bytes when it is one chunk, else the SHA-256 of its hash list. The two forms
/// cannot be confused, because a shard is named by its size and its root.
package struct HashList: Hashable, Sendable {
    /// 32 bytes for each chunk: 32 to 16,384.
    package let bytes: [UInt8]

    /// The list of a shard whose chunks hash to `digests`, 1 to 512 of them.
    package init(digests: some Collection<Digest>) {
        let most = Cutting.chunkCount(ofShardOf: Cutting.maximumShardSize)
        precondition((1...most).contains(digests.count), "a shard has 1 to \(most) chunks, not \(digests.count)")
        self.bytes = digests.flatMap(\.bytes)
    }

    /// The list that arrived as `bytes`; nil unless it is as long as `shard` needs and hashes to the shard's root.
    package init?(bytes: [UInt8], of shard: ShardID) {
        guard bytes.count == Self.byteCount(ofShardOf: shard.size), !bytes.isEmpty else { return nil }
        self.bytes = bytes
        guard self.root == shard.root else { return nil }
    }

    /// Length in bytes of the hash list of a shard of `size` bytes.
    package static func byteCount(ofShardOf size: Int) -> Int {
        Cutting.chunkCount(ofShardOf: size) * Digest.byteCount
    }

    /// Number of chunks.
    package var count: Int { self.bytes.count / Digest.byteCount }

    /// The root that commits to this list.
    package var root: Digest { self.count == 1 ? self[ChunkIndex(0 as Int)] : Digest(sha256Of: self.bytes) }

    /// The digest that the bytes of `chunk` must have.
    package subscript(chunk: ChunkIndex) -> Digest {
        let start = chunk.position * Digest.byteCount
        precondition(start < self.bytes.count, "\(chunk) of a list of \(self.count)")
        guard let digest = Digest(bytes: self.bytes[start..<start + Digest.byteCount]) else {
            preconditionFailure("a digest is \(Digest.byteCount) bytes")
        }
        return digest
    }
}
