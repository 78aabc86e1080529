import ShoalCore

/// How quickly shard bytes may move, and to how many peers at once. The node's owner sets it and may change it at any time.
///
/// What holds a swarm together (manifests, hash lists, gossip, pings) goes beside it, and is little.
package struct TransferLimits: Hashable, Codable, Sendable {
    /// Of one direction, in bytes a second; nil sets no limit.
    package struct Rates: Hashable, Codable, Sendable {
        /// Of all peers together.
        package var total: Int?
        /// Of each peer.
        package var perPeer: Int?

        package init(total: Int? = nil, perPeer: Int? = nil) {
            self.total = total
            self.perPeer = perPeer
        }
    }

    package var upload = Rates()
    package var download = Rates()
    /// Up to how many peers are served at once; nil: as ``MeshConfiguration/uploadSlots`` says.
    package var uploadSlots: Int?

    package init() {}

    /// 16 KiB a second, a chunk in eight seconds: of less a peer thinks that it will not be served.
    private static let leastPerSlot = Cutting.chunkSize / 8

    /// The least and the most slots, where the configuration has `range`: no more than the upload limit feeds.
    func slots(of range: ClosedRange<Int>) -> ClosedRange<Int> {
        let wanted = self.uploadSlots.map { min(range.lowerBound, $0)...$0 } ?? range
        guard let total = self.upload.total else { return wanted }
        let most = max(1, total / Self.leastPerSlot)
        return min(wanted.lowerBound, most)...min(wanted.upperBound, most)
    }

    /// What no owner can have set; nil for what one can.
    var fault: String? {
        for rate in [self.upload.total, self.upload.perPeer, self.download.total, self.download.perPeer] {
            if let rate, !(1...TokenBucket.limit).contains(rate) { return "a limit of \(rate) bytes a second" }
        }
        if let slots = self.uploadSlots, !(1...1_000_000).contains(slots) { return "\(slots) upload slots" }
        return nil
    }
}
