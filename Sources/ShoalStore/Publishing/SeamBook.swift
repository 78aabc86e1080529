import ShoalCore
import Synchronization

/// The hashes of chunks whose bytes lie in several places of the source files, such as the end of an expert's gate and
/// the beginning of its up: each place is hashed when the file has been read as far as that.
///
/// Of a chunk that is begun only the state of its hash is kept, about 200 bytes, and a shard has one such chunk at a
/// time: memory is bounded by the number of shards (26 MB for the most that there can be), not by what lies in between.
/// Pieces that come in another order than the chunk's, because several workers read at once, tear it: it is left to be
/// read again by itself when all is read, which ``torn`` lists.
final class SeamBook: Sendable {
    private enum Seam {
        /// The bytes before `end` are hashed.
        case open(FileHash, end: Int)
        /// A worker hashes a piece.
        case busy
    }

    private struct State {
        /// By the chunk's number.
        var seams: [Int: Seam] = [:]
        var torn: [Int: ShardIndex] = [:]
    }

    private let state = Mutex(State())

    /// Hashes a piece, and answers the chunk's digest if it was the last.
    func add(_ piece: ChunkPiece, _ bytes: UnsafeRawBufferPointer) -> Digest? {
        guard var hash = self.begin(piece) else { return nil }
        hash.update(bytes)
        let end = piece.chunkOffset + bytes.count
        let isWhole = self.state.withLock { state in
            // Another piece may have come meanwhile.
            guard state.torn[piece.chunk] == nil else { return false }
            state.seams[piece.chunk] = end == piece.chunkSize ? nil : .open(hash, end: end)
            return end == piece.chunkSize
        }
        return isWhole ? hash.digest : nil
    }

    /// The chunks that must be read again, by number.
    var torn: [(chunk: Int, shard: ShardIndex)] {
        self.state.withLock { state in state.torn.map { ($0.key, $0.value) } }.sorted { $0.chunk < $1.chunk }
    }

    /// The hash of what is before the piece; nil when that is not there, which tears the chunk.
    private func begin(_ piece: ChunkPiece) -> FileHash? {
        self.state.withLock { state in
            guard state.torn[piece.chunk] == nil else { return nil }
            let seam = state.seams.updateValue(.busy, forKey: piece.chunk)
            switch seam {
            case nil where piece.chunkOffset == 0: return FileHash()
            case .open(let hash, let end) where end == piece.chunkOffset: return hash
            default:
                state.seams[piece.chunk] = nil
                state.torn[piece.chunk] = piece.shard
                return nil
            }
        }
    }
}
