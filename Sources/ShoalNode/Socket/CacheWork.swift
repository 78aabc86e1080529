import ShoalCore
import ShoalFormats
package import ShoalStore

/// What both a node and a command that has no node do with a home's cache.
package enum CacheWork {
    package static func report(_ store: ModelStore) throws(StoreError) -> CacheReport {
        CacheReport(try store.cacheSummary(next: CacheReport.shownShards))
    }

    /// Changes the budget, if the order says so. True: there may be too much now.
    package static func set(_ order: CacheOrder, _ store: ModelStore) throws -> Bool {
        if order.isUnbounded == true {
            try store.setCacheBudget(nil)
            return false
        }
        guard let budget = order.budget else { return false }
        guard budget >= 0 else { throw NodeFailure(.failed, "a budget of \(budget) bytes") }
        try store.setCacheBudget(CacheBudget(limit: budget))
        return true
    }

    package static func pin(_ order: PinOrder, _ store: ModelStore) throws -> PinReport {
        let ranges = try order.shards.map { text throws(NodeFailure) in try ShardRanges(parsing: text) }
        let id = try store.model(named: order.model)
        guard let model = try store.open(id) else {
            throw StoreError(.missing, "this home has nothing of model \(id): `shoal fetch` gets it")
        }
        let count = model.manifest.shards.count
        let shards = try ranges?.field(count: count) ?? .full(count: count)
        if order.isPinned { try model.pin(shards) } else { try model.unpin(shards) }
        let pins = model.pins
        return PinReport(
            manifest: id.hex,
            name: try store.link(to: id).name.map(StatusReport.Swarm.shortened),
            pinnedShards: pins.setCount,
            pinnedBytes: pins.setBits.reduce(0) { $0 + model.manifest.shards[$1].size },
            shards: count,
            totalBytes: model.manifest.totalSize
        )
    }
}
