import Dispatch
package import ShoalCore
import Synchronization

/// What making room came to.
package struct Eviction: Hashable, Sendable {
    /// How many shards went, and what they took.
    package var shards = 0
    package var bytes = 0
    /// By how many bytes the cache is larger than its budget all the same.
    package var excess = 0
    /// Why more did not go, in the first case of several; nil when nothing that may go was in the way.
    package var obstacle: String?

    package init() {}
}

extension ModelStore {
    /// Whether ``makeRoom(announce:settled:)`` has something to do.
    package func isFull() throws(StoreError) -> Bool {
        guard let budget = self.cacheBudget else { return false }
        return try self.cacheUse().taken > budget.highMark
    }

    /// Above the high mark of the budget has shards go until the low mark is reached, or nothing is left that may go.
    ///
    /// - Parameters:
    ///   - announce: told of shards that nobody gets any more, before they go.
    ///   - settled: told which of them stayed after all, because somebody wants them again or they could not be given back.
    package func makeRoom(
        announce: (ManifestID, [ShardIndex]) -> Void,
        settled: (ManifestID, _ stayed: [ShardIndex]) -> Void
    ) throws(StoreError) -> Eviction {
        self.evictionTurn.wait()
        defer { self.evictionTurn.signal() }
        var eviction = Eviction()
        guard let budget = self.cacheBudget, try self.isFull() else { return eviction }
        if let obstacle = try self.evictionObstacle() {
            eviction.obstacle = obstacle.message
        } else {
            try self.evict(downTo: budget.lowMark, &eviction, announce, settled)
        }
        eviction.excess = max(0, try self.cacheUse().taken - budget.limit)
        return eviction
    }

    /// Each turn either reaches the mark or finds shards that do not go, which the next one leaves out.
    private func evict(
        downTo mark: Int,
        _ eviction: inout Eviction,
        _ announce: (ManifestID, [ShardIndex]) -> Void,
        _ settled: (ManifestID, [ShardIndex]) -> Void
    ) throws(StoreError) {
        var tried: Set<CachedShard> = []
        while true {
            let excess = try self.cacheUse().taken - mark
            guard excess > 0 else { return }
            let order = EvictionOrder(try self.evictionOrder().shards.filter { !tried.contains($0) })
            let chosen = order.freeing(excess)
            guard !chosen.isEmpty else { return }
            tried.formUnion(chosen)
            let byModel = Dictionary(grouping: chosen, by: \.model).sorted { $0.key.hex < $1.key.hex }
            for (id, shards) in byModel {
                do throws(StoreError) {
                    let gone = try self.evict(shards.map(\.shard), of: id, announce, settled)
                    eviction.shards += gone.count
                    eviction.bytes += shards.filter { gone.contains($0.shard) }.reduce(0) { $0 + $1.bytes }
                } catch {
                    eviction.obstacle = eviction.obstacle ?? error.message
                }
            }
        }
    }

    private func evict(
        _ shards: [ShardIndex],
        of id: ManifestID,
        _ announce: (ManifestID, [ShardIndex]) -> Void,
        _ settled: (ManifestID, [ShardIndex]) -> Void
    ) throws(StoreError) -> Set<ShardIndex> {
        guard let model = try self.open(id) else { return [] }
        var announced: [ShardIndex] = []
        defer {
            let complete = model.state.complete
            let stayed = announced.filter { complete[$0.position] }
            if !stayed.isEmpty { settled(id, stayed) }
        }
        let gone = try model.evict(shards) { leaving in
            announced = leaving
            announce(id, leaving)
        }
        return Set(gone)
    }
}
