import ShoalCore
import ShoalFormats
import Synchronization

/// What of the user's files belongs to a model.
package struct Adoption: Hashable, Sendable {
    /// Files of the model that are served where the user has them from now on, by their paths in the model.
    package let files: [String]
    /// Bytes of these.
    package let inPlaceBytes: Int
    /// Bytes of chunks that were copied into the home, because the rest of their file is missing or wrong.
    package let copiedBytes: Int
    /// Bytes of the files that were looked at, in what is not of the model or cannot be told to be.
    package let unknownBytes: Int
    /// Chunks that are here now and were not before, ascending by shard.
    package let found: [PartialShard]
}

extension ModelStore {
    /// Takes in files that the user has already: a file that is all of one of the model's is served in place and never
    /// written to; of another one the right chunks are copied. Every byte is hashed first.
    ///
    /// A shard of more than a chunk whose hash list is not here can be recognised only as a whole, by its root.
    package func adopt(
        _ path: String,
        into model: StoredModel,
        progress: ProgressHandler? = nil
    ) throws(StoreError) -> Adoption {
        guard let folder = try self.folder.model(model.id) else {
            throw StoreError(.missing, "model \(model.id) was removed meanwhile: try again")
        }
        let candidates = try CandidateFiles(path: path, manifest: model.manifest, own: self.folder.path)
        return try model.adopt(candidates.files, in: folder, progress: progress)
    }
}

extension StoredModel {
    fileprivate func adopt(
        _ candidates: [ExternalFile],
        in folder: ModelFolder,
        progress: ProgressHandler?
    ) throws(StoreError) -> Adoption {
        let before = self.state
        let wanted = candidates.filter { !self.manifest.shards(of: [$0.position]).isSubset(of: before.complete) }
        // What is looked at and copied has to stay until it counts.
        let lease = self.lease(self.manifest.shards(of: wanted.map(\.position)))
        defer { lease.close() }
        // The model as it would be with the user's files in the place of what is missing.
        let view = ModelFiles(folder: folder, files: self.manifest.files, external: wanted)
        let good = try self.goodChunks(in: wanted, view, progress)
        let whole = wanted.filter { file in
            self.manifest.files[file.position].size == file.identity.size
                && self.manifest.shards(of: [file.position]).setBits.allSatisfy { good[ShardIndex($0)]?.isFull == true }
        }
        try Self.requireUnchanged(wanted)
        let copied = try self.copy(good, from: view, besides: Set(whole.map(\.position)))
        try self.serveInPlace(whole, good)
        for file in whole { try folder.removeFile(self.manifest.files[file.position].path) }
        let looked = wanted.reduce(0) { $0 + $1.identity.size }
        let inPlace = whole.reduce(0) { $0 + $1.identity.size }
        return Adoption(
            files: whole.map { self.manifest.files[$0.position].path },
            inPlaceBytes: inPlace,
            copiedBytes: copied,
            unknownBytes: max(0, looked - self.bytes(of: good, in: Set(wanted.map(\.position)))),
            found: self.news(in: good, since: before)
        )
    }

    /// The chunks that are right, by shard, of all shards that lie in these files at least in part.
    private func goodChunks(
        in candidates: [ExternalFile],
        _ view: ModelFiles,
        _ progress: ProgressHandler?
    ) throws(StoreError) -> [ShardIndex: Bitfield] {
        let shards = self.map.shards(in: Set(candidates.map(\.position)))
        let examiner = ShardExaminer(map: self.map, hashes: self.hashes, files: view)
        let meter = ProgressMeter(
            total: shards.reduce(0) { $0 + self.manifest.shards[$1.position].size },
            handler: progress
        )
        let good = Mutex<[ShardIndex: Bitfield]>([:])
        try AllCores.run(count: shards.count, scratch: Cutting.chunkSize) { (item, scratch) throws(StoreError) in
            let chunks = try examiner.goodChunks(of: shards[item], scratch: scratch)
            good.withLock { $0[shards[item]] = chunks }
            try meter.advance(by: self.manifest.shards[shards[item].position].size)
        }
        return good.withLock { $0 }
    }

    /// Hashing took its time: what changed meanwhile is not what was hashed.
    private static func requireUnchanged(_ files: [ExternalFile]) throws(StoreError) {
        for file in files {
            guard try FileStatus.ofEntry(at: file.path)?.identity == file.identity else {
                throw StoreError(.changed, "\(file.path) changed while it was hashed: adopt it when it is complete")
            }
        }
    }

    /// Copies right chunks of files that are not served in place. Answers how many bytes that were.
    private func copy(
        _ good: [ShardIndex: Bitfield],
        from view: ModelFiles,
        besides whole: Set<Int>
    ) throws(StoreError) -> Int {
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: Cutting.chunkSize, alignment: 4096)
        defer { scratch.deallocate() }
        var copied = 0
        for (shard, chunks) in good.sorted(by: { $0.key < $1.key }) {
            let files = Set(self.manifest.shards[shard.position].extents.map(\.file))
            guard !files.isSubset(of: whole) else { continue }
            for chunk in chunks.setBits.map({ ChunkIndex($0) }) where !self.isPresent(chunk, of: shard) {
                let size = self.map.byteCount(of: chunk, in: shard)
                let room = UnsafeMutableRawBufferPointer(rebasing: scratch[..<size])
                do throws(ModelFiles.ReadFailure) {
                    try view.read(self.map.pieces(of: chunk, in: shard), into: room)
                } catch {
                    throw error.error
                }
                guard try self.place(chunk, of: shard, bytes: UnsafeRawBufferPointer(room), besides: whole) else {
                    throw StoreError(.changed, "a file changed while it was copied: adopt it when it is complete")
                }
                copied += size
            }
        }
        return copied
    }

    /// Puts those parts of a chunk in their place that lie in files of the store's, but for the files `besides`, which are
    /// about to be the user's. False when the bytes are wrong. It counts as verified when ``serveInPlace(_:_:)`` says so.
    private func place(
        _ chunk: ChunkIndex,
        of shard: ShardIndex,
        bytes: UnsafeRawBufferPointer,
        besides: Set<Int>
    ) throws(StoreError) -> Bool {
        guard Digest(sha256Of: bytes.bytes) == (try self.hashes.digest(of: chunk, in: shard)) else { return false }
        let pieces = self.map.pieces(of: chunk, in: shard)
            .filter { !besides.contains($0.file) && self.files.external($0.file) == nil }
        try self.gate.writing { () throws(StoreError) in try self.put(pieces, from: bytes) }
        return true
    }

    /// Has these files of the user's be files of the model, and counts chunks as verified that are in them, or were put in
    /// their place; then syncs.
    private func serveInPlace(_ files: [ExternalFile], _ good: [ShardIndex: Bitfield]) throws(StoreError) {
        // Without a word of shards: should the power go now, they are hashed at the next start.
        try self.index.update(self.id, files)
        self.files.adopt(files)
        self.book.withLock { book in
            for (shard, chunks) in good { for chunk in chunks.setBits { book.verified(ChunkIndex(chunk), of: shard) } }
        }
        _ = try self.synchronize()
    }

    /// Bytes of right chunks that lie in these files.
    private func bytes(of good: [ShardIndex: Bitfield], in files: Set<Int>) -> Int {
        good.reduce(0) { sum, entry in
            entry.value.setBits.reduce(sum) { sum, chunk in
                self.map.pieces(of: ChunkIndex(chunk), in: entry.key)
                    .filter { files.contains($0.file) }
                    .reduce(sum) { $0 + $1.range.count }
            }
        }
    }

    private func news(in good: [ShardIndex: Bitfield], since before: StoredState) -> [PartialShard] {
        good.sorted { $0.key < $1.key }.compactMap { shard, chunks in
            guard !before.complete[shard.position], !chunks.isEmpty else { return nil }
            return PartialShard(shard: shard, chunks: chunks)
        }
    }
}
