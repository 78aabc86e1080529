import ShoalCore
import Synchronization

/// Files of the store's own that somebody deleted while it used them.
extension StoredModel {
    /// Makes anew those of the pieces' files that are gone, with holes for everything. When something in them counted as here
    /// it does not any more, and this throws ``StoreError/Code/missing``.
    func replaceMissing(_ pieces: [ChunkMap.Piece]) throws(StoreError) {
        for file in Set(pieces.map(\.file)).sorted() {
            let shards = self.map.shards(in: [file])
            guard let error = try self.files.replaceIfMissing(file) else { continue }
            let isEmpty = self.book.withLock { book in shards.allSatisfy { book.chunks(of: $0).isEmpty } }
            guard !isEmpty else { continue }
            try self.lose(shards)
            throw error
        }
    }
}
