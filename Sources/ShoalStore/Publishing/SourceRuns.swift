import ShoalCore
import ShoalFormats

/// A run of bytes of one source file that lies together in one shard.
private struct SourceRun {
    /// In the file.
    let offset: Int
    let length: Int
    let shard: ShardIndex
    /// Where it begins in the shard.
    let shardOffset: Int
}

/// The bytes of one chunk that lie together in a block.
struct ChunkPiece: Hashable, Sendable {
    let shard: ShardIndex
    /// The number of the chunk among all chunks of the model.
    let chunk: Int
    /// In bytes, of the whole chunk.
    let chunkSize: Int
    /// Where the piece begins in the chunk.
    let chunkOffset: Int
    /// The piece's bytes in the block.
    let range: Range<Int>

    var isWholeChunk: Bool { self.range.count == self.chunkSize }
}

/// What the source files are made of, in the order of their bytes: which shards, and which chunks.
struct SourceRuns: Sendable {
    /// By file, ascending by offset; the runs of a file are all of it.
    private let runs: [[SourceRun]]
    private let map: ChunkMap

    init(_ map: ChunkMap, fileCount: Int) {
        var runs = [[SourceRun]](repeating: [], count: fileCount)
        for (position, shard) in map.shards.enumerated() {
            var shardOffset = 0
            for extent in shard.extents {
                runs[extent.file].append(
                    SourceRun(
                        offset: extent.offset,
                        length: extent.length,
                        shard: ShardIndex(position),
                        shardOffset: shardOffset
                    )
                )
                shardOffset += extent.length
            }
        }
        self.runs = runs.map { $0.sorted { $0.offset < $1.offset } }
        self.map = map
    }

    /// The blocks of `file` in order. They end between pieces, so that as few chunks as can be lie in two.
    func blocks(of file: Int) -> Blocks { Blocks(runs: self, file: file) }

    struct Blocks: IteratorProtocol, Sendable {
        fileprivate let runs: SourceRuns
        fileprivate let file: Int
        private var turn = 0
        /// Where the next block begins.
        private var run = 0
        private var runOffset = 0
        private var offset = 0

        fileprivate init(runs: SourceRuns, file: Int) {
            self.runs = runs
            self.file = file
        }

        mutating func next() -> SourceBlock? {
            guard self.run < self.runs.runs[self.file].count else { return nil }
            let block = self.runs.block(file: self.file, self.turn, self.offset, self.run, self.runOffset)
            self.turn += 1
            self.offset += block.length
            self.runOffset += block.length
            while self.run < self.runs.runs[self.file].count, self.runOffset >= self.length(of: self.run) {
                self.runOffset -= self.length(of: self.run)
                self.run += 1
            }
            return block
        }

        private func length(of run: Int) -> Int { self.runs.runs[self.file][run].length }
    }

    /// The pieces of chunks that the block is, in order.
    func pieces(of block: SourceBlock) -> [ChunkPiece] {
        var pieces: [ChunkPiece] = []
        self.walk(block.file, block.run, block.runOffset) { piece in
            guard piece.range.upperBound <= block.length else { return false }
            pieces.append(piece)
            return true
        }
        return pieces
    }

    private func block(file: Int, _ turn: Int, _ offset: Int, _ run: Int, _ runOffset: Int) -> SourceBlock {
        var length = 0
        self.walk(file, run, runOffset) { piece in
            guard piece.range.upperBound <= SourceBlock.limit else { return false }
            length = piece.range.upperBound
            return true
        }
        return SourceBlock(file: file, turn: turn, offset: offset, length: length, run: run, runOffset: runOffset)
    }

    /// Calls `visit` for each piece from there on, with ranges that count from there, until it answers false.
    private func walk(_ file: Int, _ run: Int, _ runOffset: Int, _ visit: (ChunkPiece) -> Bool) {
        var start = 0
        var runOffset = runOffset
        for run in self.runs[file][run...] {
            while runOffset < run.length {
                let place = run.shardOffset + runOffset
                let chunk = ChunkIndex(place / Cutting.chunkSize)
                let chunkOffset = place % Cutting.chunkSize
                let chunkSize = self.map.byteCount(of: chunk, in: run.shard)
                let length = min(run.length - runOffset, chunkSize - chunkOffset)
                let piece = ChunkPiece(
                    shard: run.shard,
                    chunk: self.map.number(of: chunk, in: run.shard),
                    chunkSize: chunkSize,
                    chunkOffset: chunkOffset,
                    range: start..<start + length
                )
                guard visit(piece) else { return }
                start += length
                runOffset += length
            }
            runOffset = 0
        }
    }
}
