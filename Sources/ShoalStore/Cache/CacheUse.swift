/// What models take of the disk, in bytes of whole blocks.
package struct CacheUse: Hashable, Sendable {
    /// Of shards that are here, in part or whole.
    package var resident = 0
    /// Kept for shards that are not here yet and are about to come.
    package var reserved = 0
    /// Of ``resident``: pinned.
    package var pinned = 0
    /// Of ``resident``: somebody computes with them or waits for the rest of them.
    package var held = 0
    /// Of ``resident``: may go.
    package var evictable = 0

    package init() {}

    /// What counts against the budget.
    package var taken: Int { self.resident + self.reserved }

    static func += (sum: inout CacheUse, use: CacheUse) {
        sum.resident += use.resident
        sum.reserved += use.reserved
        sum.pinned += use.pinned
        sum.held += use.held
        sum.evictable += use.evictable
    }
}
