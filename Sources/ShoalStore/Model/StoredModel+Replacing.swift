import ShoalCore
import Synchronization

/// Files of the store's own that somebody deleted while it used them.
extension StoredModel {
    /// Makes anew those of the pieces' files that are gone, with holes for everything. Why something that counted as here
    /// does not any more; nil when nothing did.
    func replaceMissing(_ pieces: [ChunkMap.Piece]) throws(StoreError) -> StoreError? {
        var loss: StoreError?
        for file in Set(pieces.map(\.file)).sorted() {
            let shards = self.map.shards(in: [file])
            // Before the file is there again, when others begin to write to it.
            let wasEmpty = self.book.withLock { book in shards.allSatisfy { book.chunks(of: $0).isEmpty } }
            guard let error = try self.files.replaceIfMissing(file), !wasEmpty else { continue }
            try self.lose(shards)
            loss = error
        }
        return loss
    }
}
