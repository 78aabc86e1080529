import ArgumentParser
import Foundation

/// `shoal-bench heal`
struct HealCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "heal",
        abstract: "Ten nodes share a model on loopback; nodes or the tracker are killed, the rest must finish.",
        discussion: """
            Each kill is a kill -9 between 20 % and 70 % of the whole transfer. Every node is recorded; what victims \
            owed and when it came from others is read from the recordings, which are replayed. A Markdown table is on \
            stdout. The exit code is 1 when a survivor does not finish, a wrong byte is on a disk or a node was banned.
            """
    )

    enum Kill: String, ExpressibleByArgument, CaseIterable {
        case one
        case three
        case source
        case tracker
        case all

        var victims: [HealRun.Victim] {
            HealRun.Victim(rawValue: self.rawValue).map { [$0] } ?? HealRun.Victim.allCases
        }
    }

    @Option(
        help: "Who is killed: one or three fetchers, the source that serves most, the tracker, or all of these in turn."
    )
    var kill = Kill.all

    @Option(help: "How often, for each kind of victim.")
    var runs = 3

    @Option(help: "Size of the model.")
    var megabytes = 100

    @Option(help: "What each node may upload a second, in kB: low enough that the cores are not the limit.")
    var kilobytesPerSecond = 4_000

    @Option(help: "Seed of the first run; the next ones have the next numbers.")
    var seed: UInt64 = 1

    @Option(help: "Also write every run's figures into this file, as JSON.")
    var json: String?

    @Option(help: "Also keep every node's recording in this folder, for `shoal replay`.")
    var recordings: String?

    func validate() throws {
        try Bound("--runs", 1...1_000).check(self.runs)
        try Bound("--megabytes", 1...10_000).check(self.megabytes)
        try Bound("--kilobytes-per-second", 100...1_000_000).check(self.kilobytesPerSecond)
    }

    func run() async throws {
        let model = BenchModel.noise(byteCount: self.megabytes * 1_000_000)
        let outcomes = try await BenchStage.play(model, copies: HealRun.nodeCount) { stage in
            let links = try (0..<2).map { try Self.publish(stage, home: "library-\($0)") }
            return try self.kill.victims.flatMap { victim in
                try (0..<self.runs).map { try self.outcome(stage, victim, link: links[0], $0) }
            }
        }
        for line in HealTable(outcomes).lines { print(line) }
        if let json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try encoder.encode(outcomes).write(to: URL(filePath: json))
        }
    }

    private func outcome(
        _ stage: BenchStage,
        _ victim: HealRun.Victim,
        link: String,
        _ number: Int
    ) throws -> HealOutcome {
        let run = HealRun(
            stage: stage,
            victim: victim,
            seed: self.seed &+ UInt64(number),
            rate: self.kilobytesPerSecond * 1_000,
            link: link,
            keep: self.recordings
        )
        let outcome = try run.outcome()
        Notice.say(
            String(
                format:
                    "%@, seed %llu: killed %@ at %.0f %%, last owed chunk after %.0f ms, done in %.1f s (limit %.1f), "
                    + "%.1f s in all, processors %.0f %%",
                victim.rawValue,
                outcome.seed,
                outcome.killed.joined(separator: " "),
                outcome.progress * 100,
                outcome.survivorMilliseconds.last ?? 0,
                outcome.completion,
                outcome.fluidLimit,
                outcome.seconds,
                outcome.processorShare * 100
            )
        )
        guard outcome.faults.isEmpty else {
            throw BenchmarkError(
                "kill \(victim.rawValue), seed \(outcome.seed): \(outcome.faults.joined(separator: "; "))"
            )
        }
        return outcome
    }

    /// A home that has the model; its seeder needs no time for hashing then.
    private static func publish(_ stage: BenchStage, home: String) throws -> String {
        let child = try stage.start(["publish", stage.model.path, "--home", stage.path(home)], reading: .output)
        let link = try child.wait(for: "magnet:").line
        child.stop()
        return link
    }
}

/// The runs of each kind of victim in one row.
private struct HealTable {
    private(set) var lines = [
        "| killed | runs | owed chunks | each verified from others, ms p50 / p95 / max "
            + "| all of a survivor's, ms p50 / p95 / max | completion / limit, p50 / max | in vain | wrong bytes "
            + "| processors |",
        "|---|---|---|---|---|---|---|---|---|",
    ]

    init(_ outcomes: [HealOutcome]) {
        for victim in HealRun.Victim.allCases {
            let runs = outcomes.filter { $0.victim == victim.rawValue }
            guard !runs.isEmpty else { continue }
            let chunks = Quantiles(runs.flatMap(\.chunkMilliseconds))
            let survivors = Quantiles(runs.flatMap(\.survivorMilliseconds))
            let ratios = Quantiles(runs.map(\.ratio))
            let vain = Double(runs.reduce(0) { $0 + $1.bytesInVain })
            let bytes = Double(runs.reduce(0) { $0 + $1.bytes })
            let columns = [
                victim.rawValue,
                "\(runs.count)",
                "\(chunks.count)",
                chunks.text("%.0f"),
                survivors.text("%.0f"),
                String(format: "%.2f / %.2f", ratios.p50, ratios.most),
                String(format: "%.2f %%", 100 * vain / max(bytes, 1)),
                "\(runs.reduce(0) { $0 + $1.wrongBytes })",
                String(format: "%.0f %%", 100 * Quantiles(runs.map(\.processorShare)).p50),
            ]
            self.lines.append("| " + columns.joined(separator: " | ") + " |")
        }
    }
}
