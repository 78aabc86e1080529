import Dispatch
package import ShoalCore
import ShoalFormats
import Synchronization

/// What of the model takes room, and how it goes.
extension StoredModel {
    /// 5 s: how long eviction waits for peers that are being sent a shard.
    static let uploadPatience = Duration.seconds(5)

    var cacheUse: CacheUse {
        let (book, external, now) = (self.book.withLock { $0 }, self.files.externalPositions, self.clock.now())
        var use = CacheUse()
        for (position, entry) in book.entries.enumerated() where entry.state != .absent || entry.keep.holds > 0 {
            let bytes = self.charge(for: position, external)
            guard entry.state != .absent else {
                use.reserved += bytes
                continue
            }
            use.resident += bytes
            if entry.keep.isPinned { use.pinned += bytes }
            if entry.keep.holds > 0 { use.held += bytes }
            if self.isCandidate(position, book, external, now) { use.evictable += bytes }
        }
        return use
    }

    /// The shards that may go.
    var evictionCandidates: [CachedShard] {
        let (book, external, now) = (self.book.withLock { $0 }, self.files.externalPositions, self.clock.now())
        return self.manifest.shards.indices.filter { self.isCandidate($0, book, external, now) }.map { position in
            CachedShard(
                model: self.id,
                shard: ShardIndex(position),
                kind: self.manifest.shards[position].kind,
                bytes: self.charge(for: position, external),
                lastUsed: Int(book.entries[position].keep.lastUsed)
            )
        }
    }

    /// A shard that lies in a file of the user's, even in part, is not ours to evict.
    private func isCandidate(_ position: Int, _ book: ShardBook, _ external: Set<Int>, _ now: Int64) -> Bool {
        book.mayLeave(ShardIndex(position), at: now)
            && !self.manifest.shards[position].extents.contains { external.contains($0.file) }
    }

    private func charge(for position: Int, _ external: Set<Int>) -> Int {
        VacantBlocks.charge(for: self.manifest.shards[position], blockSize: self.blockSize) { !external.contains($0) }
    }

    /// Has shards go, and answers those that went: first nobody gets them any more, which `announce` tells the world, then
    /// those who are being sent one have a little time, then the index forgets them, then their blocks go. Whatever the
    /// moment at which the power fails, the index calls nothing durable that is not there.
    ///
    /// Shards that somebody pins, holds or writes to meanwhile stay.
    package func evict(_ shards: [ShardIndex], announce: ([ShardIndex]) -> Void) throws(StoreError) -> [ShardIndex] {
        self.evictionTurn.wait()
        defer { self.evictionTurn.signal() }
        let files = Set(shards.flatMap { self.manifest.shards[$0.position].extents.map(\.file) })
        do throws(StoreError) {
            try self.files.requireOwn(files)
        } catch {
            guard error.code == .missing else { throw error }
            try self.replaceMissing(files)
        }
        let leaving = self.book.withLock { $0.beginLeaving(shards, at: self.clock.now()) }
        guard !leaving.isEmpty else { return [] }
        announce(leaving)
        self.awaitUploads(of: leaving)
        let gone: [ShardIndex]
        do throws(StoreError) {
            gone = try self.forgetLeaving(leaving)
        } catch {
            self.book.withLock { book in for shard in leaving { book.stay(shard) } }
            throw error
        }
        try self.giveBack(gone)
        return gone
    }

    private func awaitUploads(of shards: [ShardIndex]) {
        let deadline = DispatchTime.now() + .seconds(Int(Self.uploadPatience.components.seconds))
        while self.book.withLock({ $0.isUploading(shards) }) {
            guard self.uploadEnded.wait(timeout: deadline) == .success else { return }
        }
    }

    private func forgetLeaving(_ shards: [ShardIndex]) throws(StoreError) -> [ShardIndex] {
        self.indexTurn.wait()
        defer { self.indexTurn.signal() }
        let leaving = self.book.withLock { $0.leaving(shards) }
        try self.index.markLost(self.id, leaving)
        return try self.gate.punching { () throws(StoreError) in self.book.withLock { $0.leave(leaving) } }
    }

    private func giveBack(_ shards: [ShardIndex]) throws(StoreError) {
        try self.gate.punching { () throws(StoreError) in
            let book = self.book.withLock { $0 }
            let vacant = VacantBlocks(manifest: self.manifest, blockSize: self.blockSize) { book.isVacant($0) }
            for run in vacant.runs(of: shards) { try self.files.punch(run.file, run.range) }
        }
    }
}
