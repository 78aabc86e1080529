import ShoalCore

/// Files of the store's own that somebody deleted while it used them.
extension StoredModel {
    /// Makes anew those of the files that are gone, with holes for everything; the shards in them are lost. Also those that
    /// were begun and are still empty: somebody may be writing to the file that is gone.
    func replaceMissing(_ files: Set<Int>) throws(StoreError) {
        for file in files.sorted() {
            guard let error = try self.files.replaceIfMissing(file) else { continue }
            try self.lose(self.map.shards(in: [file]), because: error.message)
        }
    }
}
