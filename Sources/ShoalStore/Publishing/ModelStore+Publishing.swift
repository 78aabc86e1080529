import ShoalCore
import ShoalFormats

extension ModelStore {
    /// Describes the user's file or folder and serves it where it lies: it is only read, never copied, never changed.
    ///
    /// Publishing the same files again costs a look at each, as long as size, time of change and inode are the same. When
    /// the home holds all of the model already, its own copy is served.
    ///
    /// - Parameter noted: told, in sentences, what the publisher should know of files that are published for the first
    ///   time.
    package func publish(
        path: String,
        progress: ProgressHandler? = nil,
        noted: ((String) -> Void)? = nil
    ) throws(StoreError) -> StoredModel {
        let tree = try SourceTree(path: path)
        if let model = try self.publishedBefore(tree, progress) { return model }
        let anatomy = try tree.anatomy()
        let plan = try Self.plan(anatomy)
        if let noted { anatomy.notes.forEach(noted) }
        let id = try self.folder.make { (draft) throws(StoreError) in
            let hashes = try draft.openHashes()
            let manifest = try SourceHasher(tree: tree, plan: plan, hashes: hashes, progress: progress).manifest()
            try hashes.synchronize()
            let bytes = ManifestWriter.bytes(of: manifest)
            try draft.writeManifest(bytes)
            return ManifestID(ofManifestBytes: bytes)
        } merge: { (draft, existing) throws(StoreError) in
            try existing.takeHashes(from: draft)
            if let bytes = try draft.manifestBytes() { try existing.writeManifest(bytes) }
        }
        try self.register(id, tree, plan)
        guard let model = try self.open(id) else {
            throw StoreError(.missing, "\(self.folder.path)/\(id) was removed while it was made: publish again")
        }
        return model
    }

    /// The model that these very files are, if they were published before and did not change.
    private func publishedBefore(_ tree: SourceTree, _ progress: ProgressHandler?) throws(StoreError) -> StoredModel? {
        guard let first = tree.files.first else { return nil }
        let external = Self.external(tree)
        for candidate in try self.index.modelsServing(first.location) where candidate.files == external {
            guard let model = try self.openUndamaged(candidate.id, progress) else { continue }
            let paths = model.manifest.files.map(\.path)
            if paths == tree.files.map(\.path), model.state.complete.isFull { return model }
        }
        return nil
    }

    /// Nil also when the home's copy of the manifest is damaged: publishing makes a new one.
    private func openUndamaged(_ id: ManifestID, _ progress: ProgressHandler?) throws(StoreError) -> StoredModel? {
        do throws(StoreError) {
            return try self.open(id, progress: progress)
        } catch  where error.code == .wrongManifest {
            return nil
        }
    }

    private static func plan(_ anatomy: SourceAnatomy) throws(StoreError) -> LayoutPlan {
        do throws(ManifestError) {
            return try anatomy.plan()
        } catch {
            throw StoreError(.badName, "cannot be published: \(error)", cause: error)
        }
    }

    /// Has the model's bytes come from the user's files from now on, unless the home holds all of them.
    private func register(_ id: ManifestID, _ tree: SourceTree, _ plan: LayoutPlan) throws(StoreError) {
        try self.inTurn { () throws(StoreError) in
            let external = Self.external(tree)
            if let model = self.openModel(id) {
                let places = external.map { model.files.external($0.position) }
                let isHere = places.allSatisfy { $0 == nil } || places == external
                if isHere, model.state.complete.isFull { return }
                throw StoreError(
                    .busy,
                    "model \(id) is in use by this process, incomplete or from other files: stop that and publish again"
                )
            }
            let record = try self.index.use(id, size: plan.totalSize)
            if record.externalFiles.isEmpty, record.durableShards.count == plan.shards.count { return }
            let now = self.clock.now()
            let shards = plan.shards.indices.map {
                DurableShard(
                    shard: ShardIndex($0),
                    size: plan.shards[$0].size,
                    kind: plan.shards[$0].kind,
                    lastUsed: now
                )
            }
            try self.index.register(id, files: external, shards: shards)
            try self.folder.model(id)?.removeFiles()
        }
    }

    private static func external(_ tree: SourceTree) -> [ExternalFile] {
        tree.files.enumerated().map { position, file in
            ExternalFile(position: position, path: file.location, identity: file.identity)
        }
    }
}
