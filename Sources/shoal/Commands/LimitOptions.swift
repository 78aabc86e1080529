import ArgumentParser
import Configuration
import ShoalNode

/// How quickly a node that starts may move shard bytes; `shoal limit` changes it later.
struct LimitOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Serve no more than this a second, to all peers together: 2MB, 512KiB, 20Mbit, none.",
            valueName: "rate"
        ),
        transform: { try checked($0) }
    )
    var uploadLimit: String?

    @Option(
        help: ArgumentHelp("Fetch no more than this a second, from all peers together.", valueName: "rate"),
        transform: { try checked($0) }
    )
    var downloadLimit: String?

    @Option(
        help: ArgumentHelp("Serve no more than this a second to each peer.", valueName: "rate"),
        transform: { try checked($0) }
    )
    var uploadLimitPerPeer: String?

    @Option(
        help: ArgumentHelp("Fetch no more than this a second from each peer.", valueName: "rate"),
        transform: { try checked($0) }
    )
    var downloadLimitPerPeer: String?

    @Option(
        help: ArgumentHelp("Serve at most this many peers at once; else as many as the uplink allows.", valueName: "n"),
        transform: { text in
            _ = try UploadSlots.count(text)
            return text
        }
    )
    var uploadSlots: String?

    /// Bytes a second; 0 for none, as in ``LimitOrder``.
    static func rate(_ text: String) throws -> Int {
        text.lowercased() == Settings.none ? 0 : try TransferRate(parsing: text).bytesPerSecond
    }

    /// What is no rate is a wrong use of the command, before anything else is looked at.
    private static func checked(_ text: String) throws -> String {
        _ = try self.rate(text)
        return text
    }

    /// What was given.
    var contents: [Setting: ConfigContent] {
        let rates: [Setting: String?] = [
            .uploadLimit: self.uploadLimit, .downloadLimit: self.downloadLimit,
            .uploadLimitPerPeer: self.uploadLimitPerPeer, .downloadLimitPerPeer: self.downloadLimitPerPeer,
        ]
        var contents = rates.compactMapValues { $0.map(ConfigContent.string) }
        contents[.uploadSlots] = self.uploadSlots.map(ConfigContent.string)
        return contents
    }
}

/// How many peers are served at once at most.
enum UploadSlots {
    /// 0 for "none": as many as the uplink allows, as in ``LimitOrder``.
    static func count(_ text: String) throws -> Int {
        guard text.lowercased() != Settings.none else { return 0 }
        guard let count = Int(text), LimitOrder.slots.contains(count) else {
            throw ValidationError(
                "upload slots are a number from \(LimitOrder.slots.lowerBound) to \(LimitOrder.slots.upperBound), or none"
            )
        }
        return count
    }
}
