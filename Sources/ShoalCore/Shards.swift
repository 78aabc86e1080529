/// Position of a shard in its manifest.
package struct ShardIndex: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    package let rawValue: UInt32

    package init(_ rawValue: UInt32) { self.rawValue = rawValue }
    package init(_ position: Int) { self.rawValue = UInt32(position) }

    /// The position as an array index.
    package var position: Int { Int(self.rawValue) }

    package var description: String { "shard \(self.rawValue)" }

    package static func < (left: ShardIndex, right: ShardIndex) -> Bool { left.rawValue < right.rawValue }
}

/// Names a shard across swarms: how long it is and what its chunks hash to.
package struct ShardID: Hashable, Sendable {
    package let size: Int
    package let root: Digest

    package init(size: Int, root: Digest) {
        self.size = size
        self.root = root
    }
}

/// Position of a chunk in its shard.
package struct ChunkIndex: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    package let rawValue: UInt32

    package init(_ rawValue: UInt32) { self.rawValue = rawValue }
    package init(_ position: Int) { self.rawValue = UInt32(position) }

    /// The position as an array index.
    package var position: Int { Int(self.rawValue) }

    package var description: String { "chunk \(self.rawValue)" }

    package static func < (left: ChunkIndex, right: ChunkIndex) -> Bool { left.rawValue < right.rawValue }
}

/// How shards are cut: the numbers that every part of the protocol agrees on.
package enum Cutting {
    /// 128 KiB: the unit of request, verification and retry. Small enough that a wrong one costs little and a lost one
    /// is soon fetched elsewhere, large enough that 32 bytes of hash and one request for each do not matter.
    package static let chunkSize = 131_072

    /// 64 MiB: the largest shard. Its hash list, 512 × 32 bytes, fits one control message.
    package static let maximumShardSize = 64 * 1024 * 1024

    /// 16 MiB: where dense weights and headers are cut.
    package static let denseShardSize = 16 * 1024 * 1024

    /// 131,072: the most shards of one manifest; a bitfield of them is 16 KiB.
    package static let maximumShardCount = 131_072

    /// Number of chunks of a shard of `size` bytes.
    package static func chunkCount(ofShardOf size: Int) -> Int { (size + self.chunkSize - 1) / self.chunkSize }

    /// Positions of the chunks in which bytes of `range` lie.
    package static func chunks(of range: Range<Int>) -> Range<Int> {
        let first = range.lowerBound / self.chunkSize
        return first..<(range.isEmpty ? first : (range.upperBound - 1) / self.chunkSize + 1)
    }

    /// The bytes of `chunk` inside a shard of `size` bytes.
    package static func range(of chunk: ChunkIndex, inShardOf size: Int) -> Range<Int> {
        let start = chunk.position * self.chunkSize
        precondition(start < size, "\(chunk) lies behind the end of a shard of \(size) bytes")
        return start..<min(start + self.chunkSize, size)
    }
}
