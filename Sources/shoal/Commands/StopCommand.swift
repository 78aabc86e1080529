import ArgumentParser
import ShoalNode

/// `shoal stop`: ends the node that runs, as Ctrl-C in its terminal would.
struct StopCommand: ShoalSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "Stop the node that is running.",
        discussion: "It says goodbye to its peers and trackers first. What it has received is kept."
    )

    @OptionGroup var home: HomeOptions

    func run() async throws {
        try await self.home.askNode(.stop) { _ in }
    }
}
