import ArgumentParser
import ShoalFormats
import ShoalNode
import ShoalStore

/// `shoal remove`: a model leaves the home.
struct RemoveCommand: ShoalSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove a model from this home, at once and without asking.",
        discussion: """
            A node that is running leaves the model's swarm first. Files of yours that were served in place are not \
            touched.
            """
    )

    @Argument(
        help: ArgumentHelp("Its link, or the beginning of its manifest ID.", valueName: "model"),
        transform: { try notEmpty($0) }
    )
    var model: String

    @OptionGroup var home: HomeOptions

    func run() async throws {
        let report = try await NodeAccess.use(self.home) { home in
            let store = try ModelStore(home: home)
            let id = try store.model(named: self.model)
            let name = try store.link(to: id).name
            return RemoveReport(id, name, try store.remove(id))
        } through: { node in
            var report: RemoveReport?
            try await node.ask(.remove(RemoveOrder(model: self.model))) { answer in
                if case .removed(let removed) = answer { report = removed }
            }
            guard let report else { throw CommandError("the node did not say what it removed") }
            return report
        }
        let name = report.name.map { "\($0) (\(report.manifest.prefix(8)))" } ?? String(report.manifest.prefix(8))
        Console.say("removed \(name): \(Figures.bytes(report.freedBytes)) freed")
        for path in report.externalPaths { Console.say("  yours, untouched: \(path)") }
        let more = report.externalFiles - report.externalPaths.count
        if more > 0 { Console.say("  and \(more) more files of yours") }
    }
}
