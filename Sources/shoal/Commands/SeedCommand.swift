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
        discussion: "The link stands on stdout as soon as others can find this node."
    )

    @Argument(
        help: "A link of a model that this home has, or a file or folder.",
        transform: { try Source(parsing: $0) }
    )
    var source: Source

    @OptionGroup var home: HomeOptions
    @OptionGroup var trackers: TrackerOptions
    @OptionGroup var network: NetworkOptions

    func run() async throws {
        let home = try Home(path: self.home.path)
        defer { home.close() }
        let store = try ModelStore(home: home)
        let (model, given) = try await self.model(in: store)
        let trackers = self.trackers.merged(with: given)
        guard !trackers.isEmpty else {
            throw CommandError("nobody could find this node: name a tracker with --tracker URL")
        }
        // What is printed names every tracker that this node is at.
        var link = given
        link.trackers = trackers.map(\.description)
        try self.tellMissing(of: model)
        let session = try NodeSession.start(
            home: home,
            store: store,
            trackers: trackers,
            authority: self.trackers.tlsAuthority,
            network: self.network,
            logger: self.home.logger
        )
        _ = session.node.add(model, link: link, fetches: false)
        let outcome = await Result { try await self.serve(link, session) }
        await session.stop()
        try outcome.get()
        try Task.checkCancellation()
    }

    /// A node that has only a part of the model says so each time: it would look healthy otherwise.
    private func tellMissing(of model: StoredModel) throws {
        let state = model.state
        guard !state.complete.isFull else { return }
        guard state.verifiedBytes > 0 else {
            for finding in model.findings { Console.say("warning: \(finding)") }
            throw CommandError("nothing of that model is here any more: get it with `shoal fetch --seed LINK`")
        }
        let amount = "\(Figures.bytes(state.verifiedBytes)) of \(Figures.bytes(model.manifest.totalSize))"
        Console.say("warning: only \(amount) are here and served; `shoal fetch --seed LINK` gets the rest")
    }

    private func model(in store: ModelStore) async throws -> (StoredModel, MagnetLink) {
        let disk = DiskPool(threads: 1)
        switch self.source {
        case .path(let path):
            let model = try await Publishing.publish(path, in: store, on: disk)
            let name = Publishing.name(of: path)
            return (model, Publishing.link(to: model, named: name, trackers: self.trackers.trackers))
        case .link(let link):
            guard let model = try await Opening.open(link, in: store, on: disk) else {
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
