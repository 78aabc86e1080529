import ArgumentParser
import ShoalNode
import ShoalStore

/// `shoal status`: what the node that runs is doing.
struct StatusCommand: ShoalSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show what the node that is running does: models, trackers, connections.",
        discussion: "--json has more; docs/node-socket.md explains it."
    )

    @Flag(help: "Print one JSON object on stdout.")
    var json = false

    @OptionGroup var home: HomeOptions

    func run() async throws {
        var found: StatusReport?
        try await self.home.askNode(.status) { answer in
            if case .status(let report) = answer { found = report }
        }
        guard let status = found else { throw CommandError("the node did not say what it does") }
        guard !self.json else { return try Console.print(try Console.json(status)) }
        for line in Self.lines(status) { try Console.print(line) }
    }

    private static func lines(_ status: StatusReport) -> [String] {
        let uptime = Figures.duration(status.uptimeSeconds)
        var lines = [
            "node         \(status.node.prefix(8)) (\(status.agent)), process \(status.process), up \(uptime)",
            "home         \(status.home)",
            "connections  \(status.connections.used) of \(status.connections.maximum)",
        ]
        if let metrics = status.metrics { lines.append("metrics      \(metrics)") }
        if let limits = status.limits.map(LimitCommand.lines) {
            lines += ["limits       \(limits[0])", "             \(limits[1])"]
        }
        for (position, tracker) in status.trackers.enumerated() {
            lines.append("\(position == 0 ? "trackers     " : "             ")\(self.line(of: tracker))")
        }
        let table = Table(status.swarms, columns: self.columns)
        return lines + [""] + table.lines(width: Console.resultColumns)
    }

    private static func line(of tracker: StatusReport.Tracker) -> String {
        switch tracker.state {
        case .connected:
            let counted = tracker.counted.map { ", counts \(Figures.peers($0))" } ?? ""
            return "\(tracker.url) connected\(counted)"
        case .connecting: return "\(tracker.url) connecting"
        case .waiting: return "\(tracker.url) lost, next try in \(Figures.duration(tracker.retrySeconds ?? 0))"
        case .idle: return "\(tracker.url) not in use"
        }
    }

    private static let columns: [Table.ReportColumn<StatusReport.Swarm>] = [
        .init(.init("MODEL")) { String(($0.name ?? "?").prefix(32)) },
        .init(.init("STATE")) { $0.state.rawValue },
        .init(.init("HERE", isNumber: true)) { swarm in
            guard let total = swarm.totalBytes else { return "?" }
            let percent = total == 0 ? 100 : Int(100 * Double(swarm.verifiedBytes) / Double(total))
            return "\(percent) % of \(Figures.bytes(total))"
        },
        .init(.init("PEERS", isNumber: true)) { "\($0.peers)" },
        .init(.init("DOWN", isNumber: true)) { Figures.rate(Double($0.downBytesPerSecond)) },
        .init(.init("UP", isNumber: true)) { Figures.rate(Double($0.upBytesPerSecond)) },
        .init(.init("MANIFEST", dispensability: 1)) { String($0.manifest.prefix(8)) },
    ]
}
