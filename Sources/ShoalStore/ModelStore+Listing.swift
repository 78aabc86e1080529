package import ShoalCore
package import ShoalFormats

/// A model of the home, as far as can be said without opening it.
package struct ListedModel: Hashable, Sendable {
    package let id: ManifestID
    /// What people call it; nil when nobody has said.
    package let name: String?
    /// Nil when its manifest cannot be read.
    package let format: Manifest.Format?
    /// Bytes of all its files; nil likewise.
    package let totalBytes: Int?
    package let fileCount: Int?
    /// Verified bytes that are here, in files of the store's or of the user's. Nil when the index knows nothing of the
    /// model: then it is hashed when it is opened.
    package let residentBytes: Int?
    /// Bytes of the shards that are pinned, here or not; nil when the manifest cannot be read.
    package let pinnedBytes: Int?
    /// Files of the user's that are served in place.
    package let externalFileCount: Int
    /// Milliseconds since 1970; nil when the index knows nothing of the model.
    package let lastUsed: Int?
}

extension ModelStore {
    /// Every model that the home holds, most recently used first; those that the index does not know come last.
    package func list() throws(StoreError) -> [ListedModel] {
        let indexed = try self.models()
        let external = try self.index.externalFileCounts()
        let here = try self.modelIDs()
        let known = Set(indexed.map(\.id))
        var listed: [ListedModel] = []
        for model in indexed where here.contains(model.id) { listed.append(try self.listed(model.id, model, external)) }
        for id in here.sorted(by: { $0.hex < $1.hex }) where !known.contains(id) {
            listed.append(try self.listed(id, nil, external))
        }
        return listed
    }

    /// The models that the home holds, whether the index knows them or not.
    package func modelIDs() throws(StoreError) -> Set<ManifestID> { try self.folder.modelIDs() }

    /// The shards that are said to be here, by the open model or by the index: what a check is to find right.
    package func claimedShards(of id: ManifestID) throws(StoreError) -> [ShardIndex] {
        if let model = self.openModel(id) { return model.state.complete.setBits.map { ShardIndex($0) } }
        return try self.index.durableShards(id)
    }

    private func listed(
        _ id: ManifestID,
        _ model: IndexedModel?,
        _ external: [ManifestID: Int]
    ) throws(StoreError) -> ListedModel {
        let open = self.openModel(id)
        let manifest = if let open { open.manifest } else { try self.manifest(of: id) }
        return ListedModel(
            id: id,
            name: try self.link(to: id).name,
            format: manifest?.format,
            totalBytes: manifest?.totalSize ?? model?.size,
            fileCount: manifest?.files.count,
            residentBytes: open?.state.verifiedBytes ?? model?.durableBytes,
            pinnedBytes: try manifest.map { manifest throws(StoreError) in
                try self.pins(of: id).filter { $0.position < manifest.shards.count }
                    .reduce(0) { $0 + manifest.shards[$1.position].size }
            },
            externalFileCount: external[id] ?? 0,
            lastUsed: model?.lastUsed
        )
    }

    private func pins(of id: ManifestID) throws(StoreError) -> [ShardIndex] {
        if let model = self.openModel(id) { return model.pins.setBits.map { ShardIndex($0) } }
        return try self.index.pins(id)
    }

    /// Nil when it is damaged: opening the model says how.
    func manifest(of id: ManifestID) throws(StoreError) -> Manifest? {
        guard let bytes = try self.folder.model(id)?.manifestBytes() else { return nil }
        return try? ManifestReader.read(bytes, expecting: id)
    }
}
