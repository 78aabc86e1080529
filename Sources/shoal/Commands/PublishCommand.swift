import ArgumentParser
import ShoalFormats
import ShoalNode
import ShoalSignaling
import ShoalStore

/// `shoal publish`: hashes a file or folder and prints its link.
struct PublishCommand: ShoalSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "publish",
        abstract: "Hash a file or folder in place and print its link.",
        discussion: """
            The files stay where they are and are never written to. `shoal seed` serves them; a node that is running \
            for this home does at once.
            """
    )

    @Argument(help: "The file or folder with the weights.", transform: { try notEmpty($0) })
    var path: String

    @Option(help: "What people call it; the name of the file or folder otherwise.")
    var name: String?

    @OptionGroup var home: HomeOptions
    @OptionGroup var trackers: TrackerOptions

    func run() async throws {
        try await NodeAccess.use(self.home) { home in
            try await self.publish(home)
        } through: { node in
            // Who publishes wants it to be found, and there is a node that can see to it.
            let trackers = self.trackers.trackers.map(\.description)
            try await node.seed(SeedOrder(source: Home.absolute(self.path), name: self.name, trackers: trackers))
        }
    }

    private func publish(_ home: Home) async throws {
        let settings = try Settings(try await self.home.settingsReader(self.trackers.contents))
        let store = try ModelStore(home: home)
        let disk = DiskPool(threads: 1)
        let model = try await Publishing.publish(self.path, in: store, on: disk)
        if settings.trackers.isEmpty {
            Console.say("the link names no tracker: whoever fetches it has to know one (--tracker URL adds it)")
        }
        let name = self.name ?? Publishing.name(of: self.path)
        let link = try store.signed(Publishing.link(to: model, named: name, trackers: settings.trackers))
        try store.remember(link)
        try Console.print(link.text)
    }
}
