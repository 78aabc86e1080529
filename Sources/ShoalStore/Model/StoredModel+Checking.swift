import Dispatch
package import ShoalCore
import ShoalFormats
import Synchronization

/// What is compared once more with what the manifest commits to.
extension StoredModel {
    /// Hashes what is here of the shard, because a peer says that it is wrong. False: it was, and is absent now. An
    /// absent shard is looked for again, and true if it is there after all (an external file that was restored).
    package func recheck(_ shard: ShardIndex) throws(StoreError) -> Bool {
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: Cutting.chunkSize, alignment: 4096)
        defer { scratch.deallocate() }
        return try self.recheck(shard, scratch)
    }

    /// Hashes what only the index calls durable, on all cores; everything else was hashed when the model was opened.
    /// Shards that are not what they were are absent afterwards.
    ///
    /// - Parameter chosen: only these shards; nil: all.
    package func recheckDurable(_ chosen: Bitfield? = nil, progress: ProgressHandler? = nil) throws(StoreError) {
        let shards = self.state.durable.setBits.filter { chosen?[$0] ?? true }
        let sizes = self.manifest.shards.map(\.size)
        let meter = ProgressMeter(total: shards.reduce(0) { $0 + sizes[$1] }, handler: progress)
        try AllCores.run(count: shards.count, scratch: Cutting.chunkSize) { item, scratch throws(StoreError) in
            _ = try self.recheck(ShardIndex(shards[item]), scratch)
            try meter.advance(by: sizes[shards[item]])
        }
        try meter.complete()
    }

    private func recheck(
        _ shard: ShardIndex,
        _ scratch: UnsafeMutableRawBufferPointer
    ) throws(StoreError) -> Bool {
        let examiner = ShardExaminer(map: self.map, hashes: self.hashes, files: self.files)
        let before = self.book.withLock { $0.chunks(of: shard) }
        if before.isEmpty {
            return try self.gate.writing { () throws(StoreError) in
                let found = try examiner.goodChunks(of: shard, scratch: scratch)
                self.unsynced.withLock { $0.formUnion(self.map.shards[shard.position].extents.lazy.map(\.file)) }
                self.book.withLock { book in
                    for chunk in found.setBits { book.verified(ChunkIndex(chunk), of: shard) }
                }
                return found.isFull
            }
        }
        for chunk in before.setBits where try !examiner.isGood(ChunkIndex(chunk), of: shard, scratch: scratch) {
            try self.lose([shard], because: "its bytes on disk are not the ones that were verified")
            return false
        }
        return true
    }

    /// Compares whole files with their SHA-256 in the manifest, once all their shards are durable. A mismatch means that the
    /// manifest contradicts itself: no peer can repair that.
    ///
    /// - Parameter files: their positions; nil: every file.
    package func finish(files: [Int]? = nil, progress: ProgressHandler? = nil) throws(StoreError) {
        let files = files ?? Array(self.manifest.files.indices)
        let shards = self.manifest.shards(of: files)
        let lease = self.lease(shards)
        defer { lease.close() }
        let unfinished = self.book.withLock { book in
            shards.setBits.count { book.state(of: ShardIndex($0)) != .durable }
        }
        guard unfinished == 0 else {
            throw StoreError(.incomplete, "\(unfinished) of \(shards.setCount) shards are not durable yet")
        }
        self.checkTurn.wait()
        defer { self.checkTurn.signal() }
        let known = self.checked.withLock { $0 }
        let unchecked = files.filter { !known.contains($0) }
        guard !unchecked.isEmpty else { return }
        let meter = ProgressMeter(
            total: unchecked.reduce(0) { $0 + self.manifest.files[$1].size },
            handler: progress
        )
        try AllCores.run(count: unchecked.count, scratch: Self.hashingBlock) { (item, scratch) throws(StoreError) in
            try self.check(unchecked[item], meter, scratch)
            self.checked.withLock { _ = $0.insert(unchecked[item]) }
        }
        if self.checked.withLock({ $0.count }) == self.manifest.files.count { try self.index.markChecked(self.id) }
        try meter.complete()
    }

    /// 1 MiB: a read long enough that the call does not matter.
    private static let hashingBlock = 1 << 20

    private func check(
        _ position: Int,
        _ meter: ProgressMeter,
        _ scratch: UnsafeMutableRawBufferPointer
    ) throws(StoreError) {
        let file = self.manifest.files[position]
        var hash = FileHash()
        var offset = 0
        while offset < file.size {
            let block = UnsafeMutableRawBufferPointer(rebasing: scratch[..<min(scratch.count, file.size - offset)])
            do throws(ModelFiles.ReadFailure) {
                guard try self.files.read(position, into: block, at: offset) == block.count else { break }
            } catch {
                try self.lose(error, otherwise: [])
                throw error.error
            }
            hash.update(UnsafeRawBufferPointer(block))
            offset += block.count
            try meter.advance(by: block.count)
        }
        guard offset == file.size, hash.digest == file.sha256 else {
            throw StoreError(
                .wrongContent,
                "\(file.path) does not have the SHA-256 that the manifest claims, although all its shards are right: "
                    + "the publisher's manifest is wrong; do not use the file"
            )
        }
    }
}
