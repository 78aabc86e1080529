package import ShoalCore

/// What became of a model that was removed.
package struct RemovedModel: Hashable, Sendable {
    /// Bytes of the disk that nothing of ours takes any more.
    package let freedBytes: Int
    /// Files of the user's that were served; they are where they were.
    package let externalPaths: [String]
}

extension ModelStore {
    /// Removes a model: its manifest, its hash lists and the files that the store made for it. Files of the user's are
    /// not touched, whatever they are linked to.
    ///
    /// Nobody may be using it: a node leaves its swarm first. Its folder loses its name in one step, so that a model is
    /// there or not, whenever the power goes; what is left of it the next start removes.
    package func remove(_ id: ManifestID) throws(StoreError) -> RemovedModel {
        try self.inTurn { () throws(StoreError) in
            self.close(id)?.markRemoved()
            let freed = try self.folder.remove(id)
            let paths = try self.index.remove(id)
            guard let freed else {
                throw StoreError(.missing, "this home has nothing of model \(id)")
            }
            return RemovedModel(freedBytes: freed, externalPaths: paths)
        }
    }
}

extension ModelsFolder {
    /// Removes a model's folder, and answers how much room that made; nil when there is none.
    func remove(_ id: ManifestID) throws(StoreError) -> Int? {
        guard let draft = try self.takeAway(id) else { return nil }
        let freed = try draft.folder.allocatedBytes()
        try self.discard(draft.name)
        return freed
    }
}

extension Folder {
    /// Bytes of the disk that only this folder's files take. A file with a second name goes on taking its own.
    func allocatedBytes() throws(StoreError) -> Int {
        var sum = 0
        var folders = [self]
        while let folder = folders.popLast() {
            for name in try folder.entries() {
                guard let status = try folder.status(of: name) else { continue }
                switch status.kind {
                case .regular: if status.linkCount == 1 { sum += status.allocated }
                case .folder: folders.append(try folder.folder(name, create: false))
                case .symbolicLink, .special: continue
                }
            }
        }
        return sum
    }
}
