import ShoalCore
import ShoalFormats
package import ShoalStore

extension CacheReport {
    /// The home as its store knows it.
    package init(_ cache: CacheSummary) {
        self.budgetBytes = cache.budget?.limit
        self.highMarkBytes = cache.budget?.highMark
        self.lowMarkBytes = cache.budget?.lowMark
        self.residentBytes = cache.use.resident
        self.reservedBytes = cache.use.reserved
        self.pinnedBytes = cache.use.pinned
        self.heldBytes = cache.use.held
        self.evictableBytes = cache.use.evictable
        self.obstacle = cache.obstacle
        self.next = cache.next.map { shard in
            Shard(
                manifest: shard.model.hex,
                shard: shard.shard.position,
                kind: shard.kind.rawValue,
                bytes: shard.bytes,
                lastUsed: shard.lastUsed / 1_000
            )
        }
    }
}
