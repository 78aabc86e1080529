package import ShoalCore
package import ShoalFormats

/// A shard that takes room of the cache, as eviction sees it.
package struct CachedShard: Hashable, Sendable {
    package let model: ManifestID
    package let shard: ShardIndex
    package let kind: Manifest.Shard.Kind
    /// Of the disk: every block that some of the shard lies in, whole. So the sum over all shards is no less than what the
    /// disk holds of them.
    package let bytes: Int
    /// Milliseconds since 1970.
    package let lastUsed: Int

    package init(model: ManifestID, shard: ShardIndex, kind: Manifest.Shard.Kind, bytes: Int, lastUsed: Int) {
        self.model = model
        self.shard = shard
        self.kind = kind
        self.bytes = bytes
        self.lastUsed = lastUsed
    }
}

/// What of the cache may go, and in which order: a pure decision.
package struct EvictionOrder: Hashable, Sendable {
    /// The first to go first.
    package let shards: [CachedShard]

    /// - Parameter candidates: shards that may go, in any order.
    package init(_ candidates: [CachedShard]) { self.shards = candidates.sorted(by: Self.goesBefore) }

    /// The fewest of them, from the first on, that free `bytes`; all, if they do not.
    package func freeing(_ bytes: Int) -> [CachedShard] {
        var freed = 0
        return Array(
            self.shards.prefix { shard in
                defer { freed += shard.bytes }
                return freed < bytes
            }
        )
    }

    /// An expert can be had again when the router picks it, dense weights are needed for every token: experts first. Then
    /// what was used least recently; the rest only makes the order one.
    private static func goesBefore(_ left: CachedShard, _ right: CachedShard) -> Bool {
        let (leftRank, rightRank) = (self.rank(left.kind), self.rank(right.kind))
        if leftRank != rightRank { return leftRank < rightRank }
        if left.lastUsed != right.lastUsed { return left.lastUsed < right.lastUsed }
        if left.model != right.model { return left.model.hex < right.model.hex }
        return left.shard < right.shard
    }

    private static func rank(_ kind: Manifest.Shard.Kind) -> Int {
        switch kind {
        case .expert: 0
        case .dense: 1
        case .header: 2
        }
    }
}
