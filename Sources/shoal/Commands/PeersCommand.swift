import ArgumentParser
import ShoalNode
import ShoalStore

/// `shoal peers`: the connections of the node that runs.
struct PeersCommand: ShoalSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "peers",
        abstract: "Show the peers of the node that is running: rates, round trips, paths.",
        discussion: "Rates are those of the last seconds. --json has more; docs/node-socket.md explains it."
    )

    @Flag(help: "Print one JSON object on stdout.")
    var json = false

    @OptionGroup var home: HomeOptions

    func run() async throws {
        var peers: [PeerReport] = []
        try await self.home.askNode(.peers) { answer in
            if case .peer(let report) = answer { peers.append(report) }
        }
        guard !self.json else { return try Console.print(try Console.json(PeerList(peers: peers))) }
        guard !peers.isEmpty else { return Console.say("no peer is connected") }
        let table = Table(
            columns: Self.columns.map(\.head),
            rows: peers.map { peer in Self.columns.map { $0.cell(peer) } }
        )
        for line in table.lines(width: Console.resultColumns) { try Console.print(line) }
    }

    /// What `--json` prints: an object, so that there is room beside the list.
    private struct PeerList: Encodable {
        let peers: [PeerReport]
    }

    private struct PeerColumn: Sendable {
        let head: Table.Column
        let cell: @Sendable (PeerReport) -> String

        init(_ head: Table.Column, _ cell: @escaping @Sendable (PeerReport) -> String) {
            self.head = head
            self.cell = cell
        }
    }

    private static let columns = [
        PeerColumn(.init("PEER")) { $0.node.map { String($0.prefix(8)) } ?? "?" },
        PeerColumn(.init("AGENT", dispensability: 2)) { String(($0.agent ?? "?").prefix(16)) },
        PeerColumn(.init("STATE")) { $0.state.rawValue },
        PeerColumn(.init("SCORE", isNumber: true)) { "\($0.score.total)" },
        PeerColumn(.init("DOWN", isNumber: true)) { Figures.rate(Double($0.downBytesPerSecond)) },
        PeerColumn(.init("UP", isNumber: true)) { Figures.rate(Double($0.upBytesPerSecond)) },
        PeerColumn(.init("RTT", isNumber: true)) { peer in
            peer.roundTripSeconds.map { "\(Int(($0 * 1_000).rounded())) ms" } ?? "?"
        },
        PeerColumn(.init("IN FLIGHT", isNumber: true, dispensability: 1)) { "\($0.inFlight.count)/\($0.window)" },
        PeerColumn(.init("PATH")) { peer in peer.path.map { "\($0.remote.kind) \($0.remote.address)" } ?? "?" },
    ]
}
