import Dispatch
package import ShoalCore
package import ShoalFormats
import Synchronization

/// What hashing a chunk that arrived has shown.
package enum ChunkVerdict: Hashable, Sendable {
    /// It is what the manifest commits to, and it is on the disk.
    case verified
    /// It is not; nothing was written. Whoever sent it is to blame.
    case corrupt
}

/// One model of this home: its manifest, its hash lists, and those of its bytes that are here.
///
/// Nothing that was not hashed is counted, and nothing that was not hashed since the model was opened is served. All
/// members may be called from any number of threads, and block for as long as the disk takes.
package final class StoredModel: Sendable {
    package let id: ManifestID
    package let manifest: Manifest
    /// Canonical; they hash to ``id``.
    package let manifestBytes: [UInt8]
    /// What was not in order when the model was opened, for the log. The shards that it concerns are absent.
    package let findings: [StoreError]

    let map: ChunkMap
    let hashes: HashFile
    let files: ModelFiles
    let book: Mutex<ShardBook>
    let index: ModelIndex
    let clock: StoreClock
    /// Of the file system of the model's folder, in bytes.
    let blockSize: Int
    /// Whoever writes chunks, or finds them on the disk, is not to have their blocks punched meanwhile.
    let gate = WriteGate()
    /// What the index and the book say of durable shards changes together.
    let indexTurn = DispatchSemaphore(value: 1)
    /// One eviction at a time.
    let evictionTurn = DispatchSemaphore(value: 1)
    /// Signalled when somebody has read a shard that is about to go.
    let uploadEnded = DispatchSemaphore(value: 0)
    /// When uses were written to the index last, and those that were not since.
    let uses: Mutex<UnsavedUses>
    /// The store's own files that were written to since they were synced.
    let unsynced: Mutex<Set<Int>>
    /// One sync at a time: a second one would find nothing left to sync and call durable what the first has not yet synced.
    private let syncTurn = DispatchSemaphore(value: 1)
    /// The files that were compared with their SHA-256 in the manifest: once is enough, because the roots commit to the
    /// same bytes.
    let checked: Mutex<Set<Int>>
    /// One such comparison at a time: a second one would read the same files.
    let checkTurn = DispatchSemaphore(value: 1)

    /// Who is told of shards that were lost.
    let losses = LossObservers()

    private let removed = Atomic(false)

    /// For ``ModelOpening``, which has looked at the disk.
    init(
        id: ManifestID,
        manifest: Manifest,
        manifestBytes: [UInt8],
        findings: [StoreError],
        hashes: HashFile,
        files: ModelFiles,
        book: ShardBook,
        index: ModelIndex,
        clock: StoreClock,
        blockSize: Int,
        isChecked: Bool
    ) {
        self.id = id
        self.manifest = manifest
        self.manifestBytes = manifestBytes
        self.findings = findings
        self.map = book.map
        self.hashes = hashes
        self.files = files
        // What an interrupted process wrote was not synced, or it would be durable.
        let unsynced = book.unsyncedShards.flatMap { manifest.shards[$0.position].extents.map(\.file) }
        self.unsynced = Mutex(Set(unsynced))
        self.book = Mutex(book)
        self.index = index
        self.clock = clock
        self.blockSize = blockSize
        self.uses = Mutex(UnsavedUses(since: clock.now()))
        self.checked = Mutex(isChecked ? Set(manifest.files.indices) : [])
    }

    /// Whether the home has removed it: whoever still holds it holds nothing.
    package var isRemoved: Bool { self.removed.load(ordering: .relaxed) }

    func markRemoved() { self.removed.store(true, ordering: .relaxed) }

    /// What is here now.
    package var state: StoredState { self.book.withLock { $0 }.snapshot() }

    /// Whether all of these chunks are here.
    package func has(_ chunks: Range<Int>, of shard: ShardIndex) -> Bool {
        self.book.withLock { book in chunks.allSatisfy { book.isPresent(ChunkIndex($0), of: shard) } }
    }

    /// Whether some of the shard lies in a file of the user's.
    package func isExternal(_ shard: ShardIndex) -> Bool {
        self.manifest.shards[shard.position].extents.contains { self.files.external($0.file) != nil }
    }

    /// Verified bytes of these shards.
    package func verifiedBytes(of shards: Bitfield) -> Int {
        let book = self.book.withLock { $0 }
        return shards.setBits.reduce(0) { $0 + book.verifiedBytes(of: ShardIndex($1)) }
    }

    /// The shards whose hash list has to be fetched before their chunks can be, ascending. Shards of one chunk need none.
    package var missingHashLists: [ShardIndex] { self.hashes.missing }

    /// The shard's hash list, for a peer that asks; nil when it is not here.
    package func hashList(of shard: ShardIndex) throws(StoreError) -> HashList? { try self.hashes.list(of: shard) }

    /// Keeps a hash list that arrived; throws ``StoreError/Code/wrongHashList`` when it is not the shard's.
    package func install(_ list: HashList, for shard: ShardIndex) throws(StoreError) {
        try self.hashes.install(list, for: shard)
    }

    /// Hashes a chunk that arrived and, if it is right, puts it in its place. A chunk that is here is not written again.
    package func write(
        _ chunk: ChunkIndex,
        of shard: ShardIndex,
        bytes: UnsafeRawBufferPointer
    ) throws(StoreError) -> ChunkVerdict {
        guard bytes.count == self.map.byteCount(of: chunk, in: shard) else { return .corrupt }
        guard let expected = try self.hashes.digest(of: chunk, in: shard) else {
            throw StoreError(.hashListMissing, "the hash list of \(shard) has to come before its chunks")
        }
        guard Digest(sha256Of: bytes.bytes) == expected else { return .corrupt }
        do throws(StoreError) {
            try self.place(chunk, of: shard, bytes)
        } catch {
            guard error.code == .missing else { throw error }
            try self.replaceMissing(Set(self.map.pieces(of: chunk, in: shard).map(\.file)))
            try self.place(chunk, of: shard, bytes)
        }
        return .verified
    }

    private func place(
        _ chunk: ChunkIndex,
        of shard: ShardIndex,
        _ bytes: UnsafeRawBufferPointer
    ) throws(StoreError) {
        try self.gate.writing { () throws(StoreError) in
            let (isHere, losses) = self.book.withLock { book in
                book.stay(shard)
                return (book.isPresent(chunk, of: shard), book.losses(of: shard))
            }
            if isHere { return }
            do throws(StoreError) {
                try self.put(self.map.pieces(of: chunk, in: shard), from: bytes)
            } catch {
                // A file that the user has just let us serve in place has these bytes already.
                guard error.code == .externalFile, try self.isOnDisk(chunk, of: shard) else { throw error }
            }
            let isThere = self.book.withLock { book in
                // What was written before the shard went may be in a file that is gone.
                guard book.losses(of: shard) == losses else { return false }
                book.verified(chunk, of: shard)
                book.used(shard, at: self.clock.now())
                return true
            }
            guard isThere else { throw StoreError(.missing, "\(shard) was lost while \(chunk) of it was written") }
        }
    }

    /// Writes, and notes that it has to be synced. Before the chunk counts as verified: whoever sees the shard verified also
    /// sees the files that it needs synced.
    func put(_ pieces: [ChunkMap.Piece], from bytes: UnsafeRawBufferPointer) throws(StoreError) {
        try self.files.write(pieces, from: bytes)
        self.unsynced.withLock { $0.formUnion(pieces.lazy.map(\.file)) }
    }

    private func isOnDisk(_ chunk: ChunkIndex, of shard: ShardIndex) throws(StoreError) -> Bool {
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: Cutting.chunkSize, alignment: 4096)
        defer { scratch.deallocate() }
        return try ShardExaminer(map: self.map, hashes: self.hashes, files: self.files)
            .isGood(chunk, of: shard, scratch: scratch)
    }

    func isPresent(_ chunk: ChunkIndex, of shard: ShardIndex) -> Bool {
        self.book.withLock { $0.isPresent(chunk, of: shard) }
    }

    /// Reads a verified chunk into the beginning of `buffer`, and answers its length. The first time since the model was
    /// opened it is hashed before it is handed out. After ``StoreError/Code/changed``, ``StoreError/Code/corrupt`` or
    /// ``StoreError/Code/missing`` shards are absent: see ``state``.
    package func read(
        _ chunk: ChunkIndex,
        of shard: ShardIndex,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(StoreError) -> Int {
        let (isPresent, isProven, losses) = self.book.withLock {
            ($0.isPresent(chunk, of: shard), $0.isProven(chunk, of: shard), $0.losses(of: shard))
        }
        guard isPresent else { throw Self.absent(chunk, shard) }
        self.noteUse(of: shard)
        let count = self.map.byteCount(of: chunk, in: shard)
        precondition(buffer.count >= count, "\(chunk) of \(shard) needs \(count) bytes of room")
        let room = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
        do throws(ModelFiles.ReadFailure) {
            try self.files.read(self.map.pieces(of: chunk, in: shard), into: room)
        } catch {
            try self.lose(error, otherwise: [shard])
            throw error.error
        }
        // What was read after the shard went may be a hole.
        guard self.book.withLock({ $0.losses(of: shard) }) == losses else { throw Self.absent(chunk, shard) }
        if isProven { return count }
        guard Digest(sha256Of: UnsafeRawBufferPointer(room).bytes) == (try self.hashes.digest(of: chunk, in: shard))
        else {
            let error = StoreError(
                .corrupt,
                "\(chunk) of \(shard) of model \(self.id) changed on the disk: the shard has to be fetched again"
            )
            try self.lose([shard], because: error.message)
            throw error
        }
        self.book.withLock { $0.proved(chunk, of: shard) }
        return count
    }

    private static func absent(_ chunk: ChunkIndex, _ shard: ShardIndex) -> StoreError {
        StoreError(.absent, "\(chunk) of \(shard) is not here")
    }

    /// Syncs what was written, and makes those shards durable that were whole before; answers them.
    package func synchronize() throws(StoreError) -> [ShardIndex] {
        self.syncTurn.wait()
        defer { self.syncTurn.signal() }
        let tickets = self.book.withLock { $0.syncTickets() }
        guard !tickets.isEmpty else { return [] }
        let files = self.unsynced.withLock { files in
            defer { files = [] }
            return files
        }
        do throws(StoreError) {
            try self.hashes.synchronize()
            try self.files.synchronize(files)
        } catch {
            // After a failed fsync the kernel calls the pages clean, so that a second one would succeed without them.
            let doubtful = self.map.shards(in: files)
            let lost = self.book.withLock { book in doubtful.filter { book.state(of: $0) != .durable } }
            try self.lose(lost, because: error.message)
            throw error
        }
        self.indexTurn.wait()
        defer { self.indexTurn.signal() }
        try self.index.markDurable(self.id) {
            let valid = self.book.withLock { book in
                let valid = tickets.filter { book.isValid($0) }.map(\.shard)
                book.indexed(valid)
                return valid
            }
            return valid.map { shard in
                let entry = self.manifest.shards[shard.position]
                return DurableShard(shard: shard, size: entry.size, kind: entry.kind, lastUsed: self.lastUse(of: shard))
            }
        }
        return self.book.withLock { $0.synced(tickets) }
    }

    /// The file, to be copied. A file of the user's that changed is an error, and its shards are absent.
    func intactFile(_ position: Int) throws(StoreError) -> Descriptor {
        do throws(ModelFiles.ReadFailure) {
            return try self.files.intact(position)
        } catch {
            try self.lose(error, otherwise: [])
            throw error.error
        }
    }

    /// The shards of the file that the failure says is lost are absent; `shards`, if it says nothing of a file.
    func lose(_ failure: ModelFiles.ReadFailure, otherwise shards: [ShardIndex]) throws(StoreError) {
        let lost = failure.lostFile.map { self.map.shards(in: [$0]) } ?? shards
        try self.lose(lost, because: failure.error.message)
    }

    /// These shards are absent from now on, in the index as well, and whoever wants to know is told.
    func lose(_ shards: [ShardIndex], because reason: String) throws(StoreError) {
        self.book.withLock { $0.lose(shards) }
        self.losses.tell(shards, reason)
        try self.forget(shards)
    }

    /// Has the index no longer call those of the shards durable that are not.
    func forget(_ shards: [ShardIndex]) throws(StoreError) {
        self.indexTurn.wait()
        defer { self.indexTurn.signal() }
        let lost = self.book.withLock { book in shards.filter { book.state(of: $0) != .durable } }
        try self.index.markLost(self.id, lost)
        self.book.withLock { $0.unindexed(lost) }
    }
}
