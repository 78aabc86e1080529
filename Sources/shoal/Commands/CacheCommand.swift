import ArgumentParser
import Foundation
import ShoalNode
import ShoalStore

/// `shoal cache`: how much of the disk the home's models take, may take, and what would go next.
struct CacheCommand: ShoalSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "cache",
        abstract: "Show or bound how much of the disk the models of this home take.",
        discussion: """
            With a budget, shards that were used least recently go when the models take more: experts before dense weights, \
            never what is pinned or in use. What has gone is fetched again when it is asked for. Files of yours that are \
            served in place do not count. Without --budget nothing changes.
            """
    )

    /// What `--budget` says.
    enum Budget: Hashable, Sendable {
        case unbounded
        case bytes(Int)

        init(parsing text: String) throws {
            self = text.lowercased() == "none" ? .unbounded : .bytes(try DataSize(parsing: text).bytes)
        }
    }

    @Option(
        help: ArgumentHelp("How much they may take from now on (20GB), or none for no bound.", valueName: "size"),
        transform: { try Budget(parsing: $0) }
    )
    var budget: Budget?

    @Flag(help: "Print one JSON object on stdout.")
    var json = false

    @OptionGroup var home: HomeOptions

    private var order: CacheOrder {
        switch self.budget {
        case .unbounded: CacheOrder(budget: nil, isUnbounded: true)
        case .bytes(let bytes): CacheOrder(budget: bytes, isUnbounded: false)
        case nil: CacheOrder(budget: nil, isUnbounded: false)
        }
    }

    func run() async throws {
        let report = try await NodeAccess.use(self.home) { home in
            let store = try ModelStore(home: home)
            if try CacheWork.set(self.order, store) {
                // Nobody is served by a home that has no node.
                _ = try store.makeRoom { _, _ in
                } settled: { _, _ in
                }
            }
            return try CacheWork.report(store)
        } through: { node in
            var report: CacheReport?
            try await node.ask(.cache(self.order)) { answer in
                if case .cache(let cache) = answer { report = cache }
            }
            guard let report else { throw CommandError("the node did not say what its cache holds") }
            return report
        }
        guard !self.json else { return try Console.print(try Console.json(report)) }
        for line in Self.lines(report) { try Console.print(line) }
        guard !report.next.isEmpty else { return }
        try Console.print("next to go:")
        try Console.print(Table(report.next, columns: Self.columns))
    }

    static func lines(_ report: CacheReport) -> [String] {
        var lines: [String] = []
        if let budget = report.budgetBytes, let high = report.highMarkBytes, let low = report.lowMarkBytes {
            lines.append(
                "budget \(Figures.bytes(budget)): above \(Figures.bytes(high)) shards go, down to \(Figures.bytes(low))"
            )
        } else {
            lines.append("no budget: models may take the whole disk (--budget 20GB bounds them)")
        }
        lines.append(
            "taken \(Figures.bytes(report.residentBytes)), reserved for fetches \(Figures.bytes(report.reservedBytes))"
        )
        lines.append(
            "pinned \(Figures.bytes(report.pinnedBytes)), in use \(Figures.bytes(report.heldBytes)), "
                + "may go \(Figures.bytes(report.evictableBytes))"
        )
        if let obstacle = report.obstacle { lines.append("warning: \(obstacle)") }
        if report.excessBytes > 0, report.budgetBytes != nil {
            lines.append(
                "warning: \(Figures.bytes(report.excessBytes)) above the budget: raise it, unpin something, or remove a model"
            )
        }
        return lines
    }

    private static let columns: [Table.ReportColumn<CacheReport.Shard>] = [
        .init(.init("MANIFEST")) { String($0.manifest.prefix(8)) },
        .init(.init("SHARD", isNumber: true)) { "\($0.shard)" },
        .init(.init("KIND")) { $0.kind },
        .init(.init("SIZE", isNumber: true)) { Figures.bytes($0.bytes) },
        .init(.init("LAST USED", dispensability: 1)) { Figures.moment($0.lastUsed) },
    ]
}
