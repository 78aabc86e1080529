import ArgumentParser
import ShoalNode
import ShoalStore

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
        // It is over when the home is free for the next node.
        let limit = ContinuousClock.now + .seconds(30)
        while self.isHeld() {
            guard ContinuousClock.now < limit else {
                throw CommandError(
                    "the node is stopping, and is not done after 30 s: it may be syncing much to a slow disk"
                )
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private func isHeld() -> Bool {
        do {
            try Home(path: self.home.path).close()
            return false
        } catch {
            return error.code == .locked
        }
    }
}
