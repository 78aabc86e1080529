/// How quickly the node may move shard bytes.
extension NodeService {
    func limit(_ order: LimitOrder) async throws(NodeFailure) -> LimitReport {
        LimitReport(try await self.node.limit { (limits) throws(NodeFailure) in try order.apply(to: &limits) })
    }
}
