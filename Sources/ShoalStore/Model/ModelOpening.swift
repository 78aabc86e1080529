import ShoalCore
import ShoalFormats
import Synchronization

/// Opens a model: believes the index where it may, and hashes the rest.
///
/// Trusted are shards that the index calls durable, whose files look as they did then and whose hash list is here. Every
/// other shard is hashed chunk by chunk; what is good counts, what is not is absent.
struct ModelOpening {
    let id: ManifestID
    let manifest: Manifest
    let manifestBytes: [UInt8]
    let folder: ModelFolder
    let index: ModelIndex
    let clock: StoreClock
    /// The model is to be fetched: an external file that is not all good is given up, and the store makes its own.
    let replacesLostFiles: Bool
    let progress: ProgressHandler?

    private struct Survey {
        /// As they are now, whole or not.
        var external: [ExternalFile]
        /// External files that look different from when they were hashed.
        var changed: Set<Int> = []
        /// The store's own files that were missing or of another size.
        var damaged: Set<Int> = []
    }

    func open() throws(StoreError) -> StoredModel {
        let map = ChunkMap(self.manifest)
        let record = try self.index.use(self.id, size: self.manifest.totalSize)
        let survey = try self.survey(record)
        let hashes = try HashFile(try self.folder.openHashes(), map: map)
        let files = ModelFiles(folder: self.folder, files: self.manifest.files, external: survey.external)
        var book = ShardBook(map)
        book.recall(record)

        let doubtful = Set(map.shards(in: survey.changed.union(survey.damaged)))
        let lists = Set(hashes.missing)
        for shard in record.durableShards where !doubtful.contains(shard) && !lists.contains(shard) {
            book.trust(shard)
        }
        try self.examine(&book, ShardExaminer(map: map, hashes: hashes, files: files))

        let given = try self.giveUpLostFiles(&book, files, survey)
        let lost = record.durableShards.filter { book.state(of: $0).rawValue < ShardBook.State.verified.rawValue }
        try self.index.markLost(self.id, lost)
        book.unindexed(lost)
        let incomplete = self.files(of: book)
        try self.index.update(
            self.id,
            survey.external.filter {
                survey.changed.contains($0.position) && !incomplete.contains($0.position)
                    && !given.contains($0.position)
            }
        )
        let model = StoredModel(
            id: self.id,
            manifest: self.manifest,
            manifestBytes: self.manifestBytes,
            findings: self.findings(survey, lost: lost),
            hashes: hashes,
            files: files,
            book: book,
            index: self.index,
            clock: self.clock,
            blockSize: try self.folder.blockSize(),
            isChecked: record.isChecked
        )
        _ = try model.synchronize()
        return model
    }

    /// Looks at every file, and makes those of the store's own that are not there.
    private func survey(_ record: ModelRecord) throws(StoreError) -> Survey {
        var survey = Survey(external: [])
        for file in record.externalFiles where file.position < self.manifest.files.count {
            let status = try FileStatus.ofEntry(at: file.path)
            if let status, status.kind == .regular, status.identity == file.identity {
                survey.external.append(file)
            } else {
                survey.changed.insert(file.position)
                let identity = status?.identity ?? file.identity
                survey.external.append(ExternalFile(position: file.position, path: file.path, identity: identity))
            }
        }
        let external = Set(survey.external.map(\.position))
        survey.damaged = try self.prepare { !external.contains($0) }
        return survey
    }

    private func prepare(_ isOwn: (Int) -> Bool) throws(StoreError) -> Set<Int> {
        try self.folder.prepareFiles(
            self.manifest.files.enumerated().filter { isOwn($0.offset) }.map { (position: $0.offset, file: $0.element) }
        )
    }

    /// Hashes all shards that are not trusted, on all cores.
    private func examine(_ book: inout ShardBook, _ examiner: ShardExaminer) throws(StoreError) {
        let shards = self.manifest.shards.indices.filter { book.state(of: ShardIndex($0)) == .absent }
        let meter = ProgressMeter(
            total: shards.reduce(0) { $0 + self.manifest.shards[$1].size },
            handler: self.progress
        )
        let found = Mutex(book)
        try AllCores.run(count: shards.count, scratch: Cutting.chunkSize) { (item, scratch) throws(StoreError) in
            let shard = ShardIndex(shards[item])
            let good = try examiner.goodChunks(of: shard, scratch: scratch)
            found.withLock { book in
                for chunk in good.setBits { book.verified(ChunkIndex(chunk), of: shard) }
            }
            try meter.advance(by: self.manifest.shards[shard.position].size)
        }
        book = found.withLock { $0 }
    }

    /// The external files that became the store's own.
    private func giveUpLostFiles(
        _ book: inout ShardBook,
        _ places: ModelFiles,
        _ survey: Survey
    ) throws(StoreError) -> Set<Int> {
        guard self.replacesLostFiles else { return [] }
        let incomplete = self.files(of: book)
        let given = survey.external.map(\.position).filter { incomplete.contains($0) }
        guard !given.isEmpty else { return [] }
        try self.index.disown(self.id, given)
        places.disown(given)
        let files = Set(given)
        _ = try self.prepare { files.contains($0) }
        book.lose(book.map.shards(in: files))
        return files
    }

    /// The files of which some shard is not whole.
    private func files(of book: ShardBook) -> Set<Int> {
        var files: Set<Int> = []
        for (position, shard) in self.manifest.shards.enumerated() {
            let state = book.state(of: ShardIndex(position))
            if state == .absent || state == .receiving { files.formUnion(shard.extents.lazy.map(\.file)) }
        }
        return files
    }

    /// One for each file that lost something.
    private func findings(_ survey: Survey, lost: [ShardIndex]) -> [StoreError] {
        let paths = Dictionary(survey.external.map { ($0.position, $0.path) }, uniquingKeysWith: { first, _ in first })
        var losses: [Int: Int] = [:]
        for shard in lost {
            for file in Set(self.manifest.shards[shard.position].extents.map(\.file)) { losses[file, default: 0] += 1 }
        }
        return losses.sorted { $0.key < $1.key }.map { position, count in
            guard let path = paths[position] else {
                return StoreError(
                    .corrupt,
                    "\(self.folder.path)/files/\(self.manifest.files[position].path) was changed or cut: "
                        + "\(count) of its shards have to be fetched again"
                )
            }
            return StoreError(
                .changed,
                "\(path) is gone or changed since it was hashed, so \(count) of its shards are not served: "
                    + "restore it, or publish it again"
            )
        }
    }
}
