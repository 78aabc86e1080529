package import ShoalCore
import Synchronization

/// Uses of shards that the index does not know yet.
struct UnsavedUses: Sendable {
    /// When they were saved last, in milliseconds since 1970.
    var since: Int64
    var shards: Set<ShardIndex> = []

    init(since: Int64) { self.since = since }
}

/// When shards were used last, and which are pinned.
extension StoredModel {
    /// 60 s: one transaction a minute for all uses of a model. A crash forgets those of the last minute, which matters
    /// little.
    private static let savingInterval: Int64 = 60_000

    func noteUse(of shard: ShardIndex) {
        let now = self.clock.now()
        self.book.withLock { $0.used(shard, at: now) }
        let isDue = self.uses.withLock { uses in
            uses.shards.insert(shard)
            return now - uses.since >= Self.savingInterval
        }
        if isDue { self.saveUses() }
    }

    /// Writes the uses to the index that it does not know; also for the end of a node. Nobody who reads is to fail because of it: what cannot be
    /// written stays for the next time.
    package func saveUses() {
        let shards = self.uses.withLock { uses in
            uses.since = self.clock.now()
            defer { uses.shards = [] }
            return uses.shards
        }
        guard !shards.isEmpty else { return }
        let uses = self.book.withLock { book in shards.sorted().map { ($0, book.entries[$0.position].keep.lastUsed) } }
        do throws(StoreError) {
            try self.index.saveUses(self.id, uses)
        } catch {
            self.uses.withLock { $0.shards.formUnion(shards) }
        }
    }

    func lastUse(of shard: ShardIndex) -> Int64 { self.book.withLock { $0.entries[shard.position].keep.lastUsed } }

    /// Shards that are kept out of eviction for good. Those that are not here yet will be.
    package var pins: Bitfield { self.book.withLock { $0.pins } }

    package func pin(_ shards: Bitfield) throws(StoreError) { try self.setPinned(shards, true) }

    package func unpin(_ shards: Bitfield) throws(StoreError) { try self.setPinned(shards, false) }

    private func setPinned(_ shards: Bitfield, _ isPinned: Bool) throws(StoreError) {
        let shards = shards.setBits.map { ShardIndex($0) }
        try self.index.setPinned(self.id, shards, isPinned)
        self.book.withLock { $0.setPinned(shards, isPinned) }
    }
}
