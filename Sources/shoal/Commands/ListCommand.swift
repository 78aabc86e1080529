import ArgumentParser
import ShoalNode
import ShoalStore

/// `shoal list`: what the home holds.
struct ListCommand: ShoalSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the models of this home: how much of each is here, and what is done with it.",
        discussion: "--json has more; docs/node-socket.md explains it."
    )

    @Flag(help: "Print one JSON object on stdout.")
    var json = false

    @OptionGroup var home: HomeOptions

    func run() async throws {
        let models = try await NodeAccess.use(self.home) { home in
            let store = try ModelStore(home: home)
            return try store.list().map { ModelReport($0) }
        } through: { node in
            var models: [ModelReport] = []
            try await node.ask(.list) { answer in
                if case .model(let report) = answer { models.append(report) }
            }
            return models
        }
        guard !self.json else { return try Console.print(try Console.json(ModelList(models: models))) }
        guard !models.isEmpty else { return Console.say("this home holds no model: `shoal fetch LINK` gets one") }
        try Console.print(Table(models, columns: Self.columns))
    }

    /// What `--json` prints: an object, so that there is room beside the list.
    private struct ModelList: Encodable {
        let models: [ModelReport]
    }

    private static let columns: [Table.ReportColumn<ModelReport>] = [
        .init(.init("MODEL")) { String(($0.name ?? "?").prefix(40)) },
        .init(.init("MANIFEST")) { String($0.manifest.prefix(8)) },
        .init(.init("FORMAT", dispensability: 3)) { $0.format ?? "?" },
        .init(.init("SIZE", isNumber: true)) { $0.totalBytes.map(Figures.bytes) ?? "?" },
        .init(.init("HERE", isNumber: true)) { $0.residentBytes.map(Figures.bytes) ?? "?" },
        .init(.init("PINNED", isNumber: true, dispensability: 2)) { Self.pinned($0) },
        .init(.init("FILES", isNumber: true, dispensability: 2)) { Self.files($0) },
        .init(.init("STATE")) { $0.state.rawValue },
        .init(.init("LAST USED", dispensability: 1)) { Self.lastUse($0) },
    ]

    private static func files(_ model: ModelReport) -> String {
        guard let files = model.files else { return "?" }
        return model.externalFiles == 0 ? "\(files)" : "\(files) (\(model.externalFiles) yours)"
    }

    private static func pinned(_ model: ModelReport) -> String {
        guard let pinned = model.pinnedBytes else { return "?" }
        return pinned == 0 ? "-" : Figures.bytes(pinned)
    }

    private static func lastUse(_ model: ModelReport) -> String {
        model.lastUsed.map(Figures.moment) ?? "?"
    }
}
