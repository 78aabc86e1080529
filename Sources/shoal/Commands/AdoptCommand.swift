import ArgumentParser
import ShoalFormats
import ShoalNode
import ShoalSignaling
import ShoalStore

/// `shoal adopt`: files that are on the disk already become files of a model.
struct AdoptCommand: ShoalSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "adopt",
        abstract: "Use files that are already on this disk for a model, instead of fetching them.",
        discussion: """
            Every byte is hashed. A file that is whole is served where it is and never written to; out of another one \
            (an interrupted download, say) the right parts are copied into the home. The manifest comes from this home, or \
            from the swarm when a tracker is known.
            """
    )

    @Argument(help: "The model's link.", transform: { try MagnetLink(parsing: $0) })
    var link: MagnetLink

    @Argument(
        help: "The file, or the folder in which the files lie as in the model. Links are followed.",
        transform: { try notEmpty($0) }
    )
    var path: String

    @Option(
        help: ArgumentHelp("Give up when the manifest has not come for so long. (default: 30)", valueName: "seconds"),
        transform: { try Patience(parsing: $0) }
    )
    var timeout = Patience(30)

    @OptionGroup var node: NodeOptions

    func run() async throws {
        let order = AdoptOrder(
            link: self.link.text,
            path: Home.absolute(self.path),
            trackers: self.node.trackers.trackers.map(\.description),
            patience: self.timeout.duration.inSeconds
        )
        let latest = Latest<AdoptReport>()
        try await NodeAccess.use(self.node.home) { home in
            try await self.adopt(order, home, latest)
        } through: { running in
            self.node.tellUnused(by: running)
            try await running.ask(.adopt(order)) { Self.take($0, latest) }
        }
        guard let report = latest.value else { throw CommandError("the node did not say what it adopted") }
        try self.tell(report)
    }

    private func adopt(_ order: AdoptOrder, _ home: Home, _ latest: Latest<AdoptReport>) async throws {
        let settings = try await self.node.settings()
        let store = try ModelStore(home: home)
        let trackers = self.node.trackers.merged(with: self.link, configured: settings.trackers)
        guard try !trackers.isEmpty || store.modelIDs().contains(self.link.manifestID) else {
            throw CommandError(
                "this home does not have that model's manifest, and no tracker is known: name one with --tracker URL"
            )
        }
        try await self.node.runNode(home, store, settings, trackers: trackers) { session in
            try await session.carryOut(.adopt(order)) { Self.take($0, latest) }
        }
    }

    private static func take(_ answer: NodeAnswer, _ latest: Latest<AdoptReport>) {
        if case .adopted(let report) = answer { latest.set(report) }
    }

    private func tell(_ report: AdoptReport) throws {
        let here = "\(Figures.bytes(report.residentBytes)) of \(Figures.bytes(report.totalBytes)) are here now"
        guard report.files > 0 || report.copiedBytes > 0 else {
            guard report.unknownBytes > 0 else { return Console.say("nothing to adopt: \(here)") }
            throw CommandError("nothing in \(self.path) is of that model, or can be told to be; \(here)")
        }
        if report.files > 0 {
            let files = report.files == 1 ? "1 file" : "\(report.files) files"
            Console.say("adopted \(files), \(Figures.bytes(report.inPlaceBytes)): served in place, never written to")
        }
        if report.copiedBytes > 0 {
            Console.say("copied \(Figures.bytes(report.copiedBytes)) out of files that are not whole")
        }
        if report.unknownBytes > 0 {
            Console.say("\(Figures.bytes(report.unknownBytes)) are not of that model, or cannot be told to be")
        }
        Console.say("\(here); `shoal seed LINK` serves it, `shoal fetch LINK` gets what is missing")
    }
}
