/// The home as a cache: its budget, what would go, what is to stay.
extension NodeService {
    func cache(_ order: CacheOrder) async throws -> CacheReport {
        let result = await self.node.chores.run { () -> Result<CacheReport, any Error> in
            Result {
                if try CacheWork.set(order, self.store) { self.node.sweep() }
                return try CacheWork.report(self.store)
            }
        }
        return try result.get()
    }

    func pin(_ order: PinOrder) async throws -> PinReport {
        let result = await self.node.chores.run { () -> Result<PinReport, any Error> in
            Result { try CacheWork.pin(order, self.store) }
        }
        let report = try result.get()
        // What is no longer pinned may be too much.
        if !order.isPinned { self.node.sweep() }
        return report
    }
}
