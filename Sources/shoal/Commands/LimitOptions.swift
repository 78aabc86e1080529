import ArgumentParser
import ShoalNode

/// How quickly a node that starts may move shard bytes; `shoal limit` changes it later.
struct LimitOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Serve no more than this a second, to all peers together: 2MB, 512KiB, 20Mbit.",
            valueName: "rate"
        ),
        transform: { try TransferRate(parsing: $0) }
    )
    var uploadLimit: TransferRate?

    @Option(
        help: ArgumentHelp("Fetch no more than this a second, from all peers together.", valueName: "rate"),
        transform: { try TransferRate(parsing: $0) }
    )
    var downloadLimit: TransferRate?

    @Option(
        help: ArgumentHelp("Serve no more than this a second to each peer.", valueName: "rate"),
        transform: { try TransferRate(parsing: $0) }
    )
    var uploadLimitPerPeer: TransferRate?

    @Option(
        help: ArgumentHelp("Fetch no more than this a second from each peer.", valueName: "rate"),
        transform: { try TransferRate(parsing: $0) }
    )
    var downloadLimitPerPeer: TransferRate?

    @Option(
        help: ArgumentHelp("Serve at most this many peers at once; else as many as the uplink allows.", valueName: "n"),
        transform: { try UploadSlots(parsing: $0).count }
    )
    var uploadSlots: Int?

    var order: LimitOrder {
        var order = LimitOrder()
        order.upload = self.uploadLimit?.bytesPerSecond
        order.download = self.downloadLimit?.bytesPerSecond
        order.uploadPerPeer = self.uploadLimitPerPeer?.bytesPerSecond
        order.downloadPerPeer = self.downloadLimitPerPeer?.bytesPerSecond
        order.uploadSlots = self.uploadSlots
        return order
    }

    var isEmpty: Bool { self.order == LimitOrder() }

    /// Adds what has no effect on a node that runs already.
    func addUnused(to options: inout [String]) {
        if self.uploadLimit != nil { options.append("--upload-limit") }
        if self.downloadLimit != nil { options.append("--download-limit") }
        if self.uploadLimitPerPeer != nil { options.append("--upload-limit-per-peer") }
        if self.downloadLimitPerPeer != nil { options.append("--download-limit-per-peer") }
        if self.uploadSlots != nil { options.append("--upload-slots") }
    }
}

/// How many peers are served at once at most.
struct UploadSlots: Hashable, Sendable {
    let count: Int

    init(parsing text: String) throws {
        guard let count = Int(text), LimitOrder.slots.contains(count) else {
            throw ValidationError(
                "upload slots are a number from \(LimitOrder.slots.lowerBound) to \(LimitOrder.slots.upperBound)"
            )
        }
        self.count = count
    }
}
