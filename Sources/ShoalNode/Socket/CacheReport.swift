/// The home as a cache; `shoal cache --json` prints it as it is. All sizes are bytes of whole blocks of the disk.
package struct CacheReport: Hashable, Codable, Sendable {
    package struct Shard: Hashable, Codable, Sendable {
        package var manifest: String
        package var shard: Int
        package var kind: String
        package var bytes: Int
        /// Unix time in seconds.
        package var lastUsed: Int
    }

    /// 20 shards: what is next, not what is last.
    package static let shownShards = 20

    /// Missing: models may take the whole disk.
    package var budgetBytes: Int?
    /// Above the high mark shards go until the low one is reached.
    package var highMarkBytes: Int?
    package var lowMarkBytes: Int?
    package var residentBytes: Int
    /// Kept for what is being fetched.
    package var reservedBytes: Int
    package var pinnedBytes: Int
    package var heldBytes: Int
    package var evictableBytes: Int
    /// Why nothing can be evicted.
    package var obstacle: String?
    /// What would go next.
    package var next: [Shard]

    /// By how much more than the budget is taken.
    package var excessBytes: Int {
        self.budgetBytes.map { max(0, self.residentBytes + self.reservedBytes - $0) } ?? 0
    }
}

/// What of a model is pinned.
package struct PinReport: Hashable, Codable, Sendable {
    package var manifest: String
    package var name: String?
    package var pinnedShards: Int
    package var pinnedBytes: Int
    package var shards: Int
    package var totalBytes: Int
}

/// A look at the cache, after its budget was changed if that is wanted.
package struct CacheOrder: Hashable, Codable, Sendable {
    /// In bytes; missing: as it was.
    package var budget: Int?
    /// True: models may take the whole disk.
    package var isUnbounded: Bool?

    package init(budget: Int?, isUnbounded: Bool) {
        self.budget = budget
        self.isUnbounded = isUnbounded ? true : nil
    }
}

/// Shards to pin, or to pin no longer.
package struct PinOrder: Hashable, Codable, Sendable {
    /// A link, or the beginning of a manifest ID.
    package var model: String
    /// ``ShardRanges``; missing: all.
    package var shards: String?
    package var isPinned: Bool

    package init(model: String, shards: String?, isPinned: Bool) {
        self.model = model
        self.shards = shards
        self.isPinned = isPinned
    }
}
