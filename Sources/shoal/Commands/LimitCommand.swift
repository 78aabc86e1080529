import ArgumentParser
import ShoalNode

/// `shoal limit`: how quickly the node that runs may move shard bytes, from now on.
struct LimitCommand: ShoalSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "limit",
        abstract: "Show or change how quickly the node that is running uploads and downloads.",
        discussion: """
            Rates are a second: 2MB, 512KiB, 20Mbit, or none for no limit. What is on its way when a limit is lowered still \
            comes. They hold until the node ends; `shoal seed` and `shoal fetch` take them for its start.
            """
    )

    @Option(help: ArgumentHelp("To all peers together.", valueName: "rate"), transform: { try LimitOptions.rate($0) })
    var upload: Int?

    @Option(help: ArgumentHelp("From all peers together.", valueName: "rate"), transform: { try LimitOptions.rate($0) })
    var download: Int?

    @Option(help: ArgumentHelp("To each peer.", valueName: "rate"), transform: { try LimitOptions.rate($0) })
    var uploadPerPeer: Int?

    @Option(help: ArgumentHelp("From each peer.", valueName: "rate"), transform: { try LimitOptions.rate($0) })
    var downloadPerPeer: Int?

    @Option(
        help: ArgumentHelp(
            "Up to how many peers are served at once; none: as many as the uplink allows.",
            valueName: "n"
        ),
        transform: { try UploadSlots.count($0) }
    )
    var uploadSlots: Int?

    @Flag(help: "Print one JSON object on stdout.")
    var json = false

    @OptionGroup var home: HomeOptions

    func run() async throws {
        var order = LimitOrder()
        order.upload = self.upload
        order.download = self.download
        order.uploadPerPeer = self.uploadPerPeer
        order.downloadPerPeer = self.downloadPerPeer
        order.uploadSlots = self.uploadSlots
        var found: LimitReport?
        try await self.home.askNode(.limit(order)) { answer in
            if case .limits(let report) = answer { found = report }
        }
        guard let limits = found else { throw CommandError("the node did not say what its limits are") }
        guard !self.json else { return try Console.print(try Console.json(limits)) }
        for line in Self.lines(limits) { try Console.print(line) }
    }

    static func lines(_ limits: LimitReport) -> [String] {
        let slots = limits.uploadSlots.map { "at most \(Figures.peers($0)) at once" }
        return [
            "upload    " + self.sentence(limits.upload, perPeer: limits.uploadPerPeer, slots),
            "download  " + self.sentence(limits.download, perPeer: limits.downloadPerPeer, nil),
        ]
    }

    private static func sentence(_ rate: Int?, perPeer: Int?, _ slots: String?) -> String {
        let parts = [
            rate.map { Figures.rate(Double($0)) } ?? "no limit",
            perPeer.map { "\(Figures.rate(Double($0))) for each peer" },
            slots,
        ]
        return parts.compactMap(\.self).joined(separator: ", ")
    }
}
