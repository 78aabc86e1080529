/// How much of the disk the models of a home may take.
package struct CacheBudget: Hashable, Sendable {
    /// In bytes.
    package let limit: Int

    package init(limit: Int) {
        precondition(limit >= 0, "a budget of \(limit) bytes")
        self.limit = limit
    }

    /// 95 %: above this shards are evicted. What is being received has the rest, so that a fetch need not wait for room.
    package var highMark: Int { self.limit - self.limit / 20 }

    /// 90 %: eviction goes down to this, so that not every shard that comes makes one go.
    package var lowMark: Int { self.limit - self.limit / 10 }
}
