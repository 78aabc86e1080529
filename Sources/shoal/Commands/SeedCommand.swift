import ArgumentParser
import ShoalCore
import ShoalFormats
import ShoalNode
import ShoalSignaling
import ShoalStore
import ShoalSwarm

/// `shoal seed`: serves a model until it is stopped.
struct SeedCommand: ShoalSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "seed",
        abstract: "Serve a model until Ctrl-C; a path is published first.",
        discussion: """
            The link stands on stdout as soon as others can find this node. With --replicate the model need not be here: \
            shards that are about to get lost are copied from the swarm.
            """
    )

    @Argument(
        help: "A link of a model that this home has (or is to have copies of), or a file or folder.",
        transform: { try Source(parsing: $0) }
    )
    var source: Source

    @OptionGroup var replication: ReplicationOptions
    @OptionGroup var node: NodeOptions

    func run() async throws {
        try await NodeAccess.use(self.node.home) { home in
            try await self.seed(home)
        } through: { running in
            self.node.tellUnused(by: running, self.replication)
            let trackers = self.node.trackers.trackers.map(\.description)
            try await running.seed(SeedOrder(source: self.source.absoluteText, name: nil, trackers: trackers))
        }
    }

    private func seed(_ home: Home) async throws {
        let store = try ModelStore(home: home)
        let settings = try await self.node.settings(self.replication)
        let (model, given) = try await self.model(in: store, settings)
        let trackers = self.node.trackers.merged(with: given, configured: settings.trackers)
        guard !trackers.isEmpty else {
            throw CommandError(
                "nobody could find this node: name a tracker with --tracker URL, or configure some (`shoal config`)"
            )
        }
        // What is printed names every tracker that this node is at.
        var link = try store.signed(given)
        link.trackers = trackers.map(\.description)
        let printed = link
        if let model { try self.tellMissing(of: model, settings) }
        try await self.node.runNode(home, store, settings, trackers: trackers) { session in
            if let model {
                _ = try session.node.add(model, link: printed, fetches: false, at: trackers)
            } else {
                _ = try session.node.add(printed, fetches: false, at: trackers)
            }
            try await self.serve(printed, session)
        }
        try Task.checkCancellation()
    }

    private func tellMissing(of model: StoredModel, _ settings: Settings) throws {
        let state = model.state
        guard !state.complete.isFull, settings.replicationBudget == nil else { return }
        guard state.verifiedBytes > 0 else {
            for finding in model.findings { Console.say("warning: \(finding)") }
            throw CommandError("nothing of that model is here any more: get it with `shoal fetch --seed LINK`")
        }
        Publishing.tellPart(state.verifiedBytes, of: model.manifest.totalSize)
    }

    /// The model is nil when nothing of it is here, and copies are to be made.
    private func model(in store: ModelStore, _ settings: Settings) async throws -> (StoredModel?, MagnetLink) {
        let disk = DiskPool(threads: 1)
        switch self.source {
        case .path(let path):
            let model = try await Publishing.publish(path, in: store, on: disk)
            let name = Publishing.name(of: path)
            return (model, Publishing.link(to: model, named: name, trackers: self.node.trackers.trackers))
        case .link(let link):
            let model = try await Opening.open(link, in: store, on: disk)
            guard model != nil || settings.replicationBudget != nil else {
                throw CommandError("this home has nothing of that model: get it with `shoal fetch --seed LINK`")
            }
            return (model, link)
        }
    }

    /// Prints the link once a tracker knows of us, or has failed us for the first time, and tells of peers from then on.
    private func serve(_ link: MagnetLink, _ session: NodeSession) async throws {
        var isPrinted = false
        for await event in session.events {
            session.tell(event)
            switch event {
            case .observed(.trackerAnnounced), .observed(.trackerLost):
                if !isPrinted {
                    try Console.print(link.text)
                    Console.say("seeding; Ctrl-C stops")
                }
                isPrinted = true
            default: break
            }
        }
    }
}
