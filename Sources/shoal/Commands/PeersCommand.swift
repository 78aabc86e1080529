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
        try Console.print(Table(peers, columns: Self.columns))
    }

    /// What `--json` prints: an object, so that there is room beside the list.
    private struct PeerList: Encodable {
        let peers: [PeerReport]
    }

    private static let columns: [Table.ReportColumn<PeerReport>] = [
        .init(.init("PEER")) { $0.node.map { String($0.prefix(8)) } ?? "?" },
        .init(.init("AGENT", dispensability: 2)) { String(($0.agent ?? "?").prefix(16)) },
        .init(.init("STATE")) { $0.state.rawValue },
        .init(.init("SCORE", isNumber: true)) { "\($0.score.total)" },
        .init(.init("DOWN", isNumber: true)) { Figures.rate(Double($0.downBytesPerSecond)) },
        .init(.init("UP", isNumber: true)) { Figures.rate(Double($0.upBytesPerSecond)) },
        .init(.init("RTT", isNumber: true)) { peer in
            peer.roundTripSeconds.map { "\(Int(($0 * 1_000).rounded())) ms" } ?? "?"
        },
        .init(.init("IN FLIGHT", isNumber: true, dispensability: 1)) { "\($0.inFlight.count)/\($0.window)" },
        .init(.init("LANE", dispensability: 1)) { $0.lane.rawValue },
        .init(.init("PATH")) { peer in peer.path.map { "\($0.remote.kind) \($0.remote.address)" } ?? "?" },
    ]
}
