import ShoalCore
import ShoalFormats

/// Where each chunk of a model lies: in its files, and in the one row in which all chunks of all shards are numbered.
struct ChunkMap: Sendable {
    /// A run of a chunk's bytes that lies together in one file.
    struct Piece: Hashable, Sendable {
        /// Position in the manifest.
        let file: Int
        let offset: Int
        /// Where the bytes are in the chunk.
        let range: Range<Int>
    }

    let shards: [Manifest.Shard]
    /// For each shard the number of its first chunk, and at the end the number of all chunks.
    private let firstNumbers: [Int]

    init(_ manifest: Manifest) {
        self.shards = manifest.shards
        var numbers = [0]
        numbers.reserveCapacity(manifest.shards.count + 1)
        for shard in manifest.shards { numbers.append(numbers[numbers.count - 1] + shard.chunkCount) }
        self.firstNumbers = numbers
    }

    var chunkCount: Int { self.firstNumbers[self.firstNumbers.count - 1] }

    /// The numbers of the shard's chunks.
    func numbers(of shard: ShardIndex) -> Range<Int> {
        self.firstNumbers[shard.position]..<self.firstNumbers[shard.position + 1]
    }

    func number(of chunk: ChunkIndex, in shard: ShardIndex) -> Int {
        let numbers = self.numbers(of: shard)
        precondition(chunk.position < numbers.count, "\(shard) has no \(chunk)")
        return numbers.lowerBound + chunk.position
    }

    func byteCount(of chunk: ChunkIndex, in shard: ShardIndex) -> Int {
        Cutting.range(of: chunk, inShardOf: self.shards[shard.position].size).count
    }

    /// The chunk's bytes in the files, in the order of the chunk.
    func pieces(of chunk: ChunkIndex, in shard: ShardIndex) -> [Piece] {
        let shard = self.shards[shard.position]
        let wanted = Cutting.range(of: chunk, inShardOf: shard.size)
        var pieces: [Piece] = []
        var start = 0
        for extent in shard.extents {
            let common = wanted.clamped(to: start..<start + extent.length)
            if !common.isEmpty {
                pieces.append(
                    Piece(
                        file: extent.file,
                        offset: extent.offset + common.lowerBound - start,
                        range: common.lowerBound - wanted.lowerBound..<common.upperBound - wanted.lowerBound
                    )
                )
            }
            start += extent.length
            if start >= wanted.upperBound { break }
        }
        return pieces
    }

    /// The shards that have bytes in any of `files`, ascending.
    func shards(in files: Set<Int>) -> [ShardIndex] {
        self.shards.indices
            .filter { self.shards[$0].extents.contains { files.contains($0.file) } }
            .map { ShardIndex($0) }
    }
}
