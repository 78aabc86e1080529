package import ShoalCore
import ShoalFormats
import Synchronization

/// What the store knows of the home as a cache.
struct CacheState: Sendable {
    var budget: CacheBudget?
    /// Bytes of the disk that models take which are not open; nil until somebody has looked.
    var unopened: [ManifestID: Int]?
    /// Whether the file system can punch holes; nil until somebody has tried.
    var canPunch: Bool?
}

/// A look at the home as a cache.
package struct CacheSummary: Hashable, Sendable {
    /// Nil: there is none.
    package let budget: CacheBudget?
    package let use: CacheUse
    /// What would go, the next first.
    package let next: [CachedShard]
    /// Why nothing can.
    package let obstacle: String?

    package init(budget: CacheBudget?, use: CacheUse, next: [CachedShard], obstacle: String?) {
        self.budget = budget
        self.use = use
        self.next = next
        self.obstacle = obstacle
    }
}

/// The home as a cache of a bounded size.
extension ModelStore {
    /// Nil: models may take the whole disk, and nothing is evicted.
    package var cacheBudget: CacheBudget? { self.cache.withLock { $0.budget } }

    /// Holds for the home, from now on and after the next start.
    package func setCacheBudget(_ budget: CacheBudget?) throws(StoreError) {
        try self.index.setCacheBudget(budget)
        self.cache.withLock { $0.budget = budget }
    }

    /// What the models take of the disk. Files of the user's do not count. Of a model that is not open its files are measured, and
    /// all that the index calls durable and not pinned may go.
    package func cacheUse() throws(StoreError) -> CacheUse {
        var use = CacheUse()
        for model in self.openModels { use += model.cacheUse }
        use.resident += try self.unopenedBytes().values.reduce(0, +)
        for (shard, isPinned) in try self.unopenedShards() {
            if isPinned { use.pinned += shard.bytes } else if shard.kind != .header { use.evictable += shard.bytes }
        }
        return use
    }

    /// The cache as people want to see it, with the next `limit` shards that would go.
    package func cacheSummary(next limit: Int) throws(StoreError) -> CacheSummary {
        let obstacle = try self.evictionObstacle()?.message
        return CacheSummary(
            budget: self.cacheBudget,
            use: try self.cacheUse(),
            next: obstacle == nil ? Array(try self.evictionOrder().shards.prefix(limit)) : [],
            obstacle: obstacle
        )
    }

    /// Everything that may go, the next first.
    func evictionOrder() throws(StoreError) -> EvictionOrder {
        let open = self.openModels.flatMap { $0.evictionCandidates }
        let others = try self.unopenedShards().filter { !$0.isPinned && $0.shard.kind != .header }.map(\.shard)
        return EvictionOrder(open + others)
    }

    /// Keeps room for shards that are about to be fetched, until the lease is closed. Fails when they do not fit even if all that
    /// may go goes. Whoever reserves makes the room then (``makeRoom(announce:settled:)``).
    package func reserve(_ shards: Bitfield, of model: StoredModel) throws(StoreError) -> ShardLease {
        let lease = model.lease(shards)
        guard let budget = self.cacheBudget else { return lease }
        do throws(StoreError) {
            let use = try self.cacheUse()
            let evictable = try self.evictionObstacle() == nil ? use.evictable : 0
            guard use.taken - evictable > budget.limit else { return lease }
            throw StoreError(
                .overBudget,
                "the cache may take \(ByteCount.text(budget.limit)), and what would have to stay in it (what is to be fetched, "
                    + "what is pinned, and what cannot be evicted) is \(ByteCount.text(use.taken - evictable - budget.limit)) "
                    + "more: raise the budget (shoal cache --budget), unpin or remove something, or fetch less"
            )
        } catch {
            lease.close()
            throw error
        }
    }

    /// Why nothing can be evicted, whatever the budget says.
    func evictionObstacle() throws(StoreError) -> StoreError? {
        let known = self.cache.withLock { $0.canPunch }
        let canPunch: Bool
        if let known { canPunch = known } else { canPunch = try self.folder.canPunch() }
        self.cache.withLock { $0.canPunch = canPunch }
        guard !canPunch else { return nil }
        return StoreError(
            .notEvictable,
            "the models cannot be evicted: the file system of \(self.folder.path) cannot take back a part of a file. Remove "
                + "whole models, or move the home to ext4, XFS, btrfs or APFS"
        )
    }

    private var openModels: [StoredModel] { self.opened.withLock { Array($0.values) } }

    private func unopenedShards() throws(StoreError) -> [(shard: CachedShard, isPinned: Bool)] {
        try self.index.cachedShards(besides: Set(self.opened.withLock { $0.keys }))
    }

    private func unopenedBytes() throws(StoreError) -> [ManifestID: Int] {
        if let known = self.cache.withLock({ $0.unopened }) { return known }
        return try self.inTurn { () throws(StoreError) in
            var bytes: [ManifestID: Int] = [:]
            for id in try self.folder.modelIDs() where self.openModel(id) == nil {
                bytes[id] = try self.folder.model(id)?.allocatedBytes()
            }
            self.cache.withLock { $0.unopened = bytes }
            return bytes
        }
    }
}
