package import ShoalSwarm

/// How quickly a node moves shard bytes; `shoal limit --json` prints it as it is. Bytes a second; missing: no limit.
package struct LimitReport: Hashable, Codable, Sendable {
    /// To all peers together, and to each of them.
    package var upload: Int?
    package var uploadPerPeer: Int?
    /// From all peers together, and from each of them.
    package var download: Int?
    package var downloadPerPeer: Int?
    /// Up to how many peers are served at once; missing: as the uplink allows.
    package var uploadSlots: Int?

    package init(_ limits: TransferLimits) {
        self.upload = limits.upload.total
        self.uploadPerPeer = limits.upload.perPeer
        self.download = limits.download.total
        self.downloadPerPeer = limits.download.perPeer
        self.uploadSlots = limits.uploadSlots
    }

    var isUnlimited: Bool { self == LimitReport(TransferLimits()) }
}

/// Limits to change. Missing: as it was; 0: no limit any more.
package struct LimitOrder: Hashable, Codable, Sendable {
    /// 16 KiB/s, below which a chunk takes longer than peers wait for one, to 1 TB/s, above which a limit is a mistake.
    package static let rates = 16_384...1_000_000_000_000
    /// 50 slots: a node has no more connections.
    package static let slots = 1...50

    package var upload: Int?
    package var uploadPerPeer: Int?
    package var download: Int?
    package var downloadPerPeer: Int?
    package var uploadSlots: Int?

    /// Changes nothing.
    package init() {}

    /// Writes what is to change into `limits`.
    package func apply(to limits: inout TransferLimits) throws(NodeFailure) {
        try Self.set(&limits.upload.total, to: self.upload, within: Self.rates, "an upload limit")
        try Self.set(&limits.upload.perPeer, to: self.uploadPerPeer, within: Self.rates, "an upload limit for a peer")
        try Self.set(&limits.download.total, to: self.download, within: Self.rates, "a download limit")
        try Self.set(
            &limits.download.perPeer,
            to: self.downloadPerPeer,
            within: Self.rates,
            "a download limit for a peer"
        )
        try Self.set(&limits.uploadSlots, to: self.uploadSlots, within: Self.slots, "a number of upload slots")
    }

    private static func set(
        _ limit: inout Int?,
        to value: Int?,
        within range: ClosedRange<Int>,
        _ name: String
    ) throws(NodeFailure) {
        guard let value else { return }
        guard value == 0 || range.contains(value) else {
            throw NodeFailure(
                .failed,
                "\(name) of \(value) is not within \(range.lowerBound) and \(range.upperBound), and not 0 for none"
            )
        }
        limit = value == 0 ? nil : value
    }
}
