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
        let table = Table(
            columns: Self.columns.map(\.head),
            rows: models.map { model in Self.columns.map { $0.cell(model) } }
        )
        for line in table.lines(width: Console.resultColumns) { try Console.print(line) }
    }

    /// What `--json` prints: an object, so that there is room beside the list.
    private struct ModelList: Encodable {
        let models: [ModelReport]
    }

    private struct ModelColumn: Sendable {
        let head: Table.Column
        let cell: @Sendable (ModelReport) -> String

        init(_ head: Table.Column, _ cell: @escaping @Sendable (ModelReport) -> String) {
            self.head = head
            self.cell = cell
        }
    }

    private static let columns = [
        ModelColumn(.init("MODEL")) { String(($0.name ?? "?").prefix(40)) },
        ModelColumn(.init("MANIFEST")) { String($0.manifest.prefix(8)) },
        ModelColumn(.init("FORMAT", dispensability: 3)) { $0.format ?? "?" },
        ModelColumn(.init("SIZE", isNumber: true)) { $0.totalBytes.map(Figures.bytes) ?? "?" },
        ModelColumn(.init("HERE", isNumber: true)) { $0.residentBytes.map(Figures.bytes) ?? "?" },
        ModelColumn(.init("PINNED", isNumber: true, dispensability: 2)) { Self.pinned($0) },
        ModelColumn(.init("FILES", isNumber: true, dispensability: 2)) { Self.files($0) },
        ModelColumn(.init("STATE")) { $0.state.rawValue },
        ModelColumn(.init("LAST USED", dispensability: 1)) { Self.lastUse($0) },
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
