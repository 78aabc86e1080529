import ArgumentParser
import Foundation
import ShoalFormats
import ShoalSignaling

/// `shoal-bench siege`
struct SiegeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "siege",
        abstract: "An honest peer fetches from a seeder while strangers make trouble, on loopback.",
        discussion: """
            Tracker, seeder and fetcher are `shoal` processes; the strangers are in this one, and begin when the fetcher is \
            connected. Each kind of trouble is compared with a fetch without any, in the same round. 3 s later a \
            newcomer asks for the manifest: that takes as long as it takes to be let in. \
            The seeder's upload limit keeps the cores from being the limit. A Markdown table is on stdout.
            """
    )

    @Option(
        help: "What the strangers do: \(Siege.allCases.map(\.rawValue).joined(separator: ", ")). Default: each in turn."
    )
    var trouble: [Siege] = []

    @Option(help: "How often each of them is measured.")
    var rounds = 1

    @Option(help: "Size of the model.")
    var megabytes = 80

    @Option(help: "What the seeder may upload a second, in kB.")
    var kilobytesPerSecond = 8_000

    func validate() throws {
        try Bound.rounds.check(self.rounds)
        try Bound("--megabytes", 1...10_000).check(self.megabytes)
        try Bound("--kilobytes-per-second", 100...1_000_000).check(self.kilobytesPerSecond)
    }

    func run() async throws {
        let model = BenchModel.noise(byteCount: self.megabytes * 1_000_000)
        let sieges = self.trouble.isEmpty ? Siege.allCases : self.trouble
        try await BenchStage.play(model, copies: 2) { stage in
            let run = try SiegeRun(stage: stage, rate: self.kilobytesPerSecond * 1_000)
            for line in SiegeTable.head { print(line) }
            for round in 0..<self.rounds {
                let peace = try await run.outcome(of: nil, "\(round)")
                print(SiegeTable.line("none", peace, of: peace))
                for siege in sieges {
                    let outcome = try await run.outcome(of: siege, "\(round)-\(siege.rawValue)")
                    print(SiegeTable.line(siege.description, outcome, of: peace))
                }
            }
        }
    }
}

extension Siege: ExpressibleByArgument {}

/// One honest fetch, with or without strangers.
struct SiegeRun {
    /// 3 s: by then the strangers are at full strength.
    private static let lead = Duration.seconds(3)
    /// 60 s: who is not let in by then is kept out.
    private static let newcomersPatience = 60

    let stage: BenchStage
    /// The seeder's upload limit, in bytes a second.
    let rate: Int
    private let link: MagnetLink

    struct Outcome {
        /// From the moment at which the fetcher was connected, when the strangers came, to the end of its fetch.
        var bytesPerSecond: Double
        /// Until a newcomer had the manifest; nil: not within a minute.
        var newcomerSeconds: Double?
        /// The most that they ever had resident; nil where the system does not say.
        var seederBytes: Double?
        var trackerBytes: Double?
        /// Of one core, while the fetch went on.
        var seederShare: Double
        var trackerShare: Double
        var deeds: String
    }

    init(stage: BenchStage, rate: Int) throws {
        self.stage = stage
        self.rate = rate
        let child = try stage.start(
            ["publish", stage.model.path, "--home", stage.path("seeder")],
            reading: .output
        )
        self.link = try MagnetLink(parsing: try child.wait(for: "magnet:").line)
        child.stop()
    }

    /// Longer than any fetch that gets through: ten times what it takes in peace, and a minute.
    private var patience: Duration { .seconds(60 + 10 * self.stage.byteCount / self.rate) }

    func outcome(of siege: Siege?, _ name: String) async throws -> Outcome {
        let (tracker, url) = try self.stage.tracker()
        let node = ["--tracker", url, "--bind", "127.0.0.1"]
        let home = self.stage.path("seeder")
        let seeder = try self.stage.start(
            ["seed", self.link.text, "--home", home, "--upload-limit", "\(self.rate)B"] + node,
            reading: .output
        )
        defer { for child in [seeder, tracker] { child.kill() } }
        try seeder.wait(for: "magnet:", within: .seconds(30))
        let ground = Siege.Ground(
            tracker: try TrackerURL(url),
            link: self.link,
            home: home,
            strangersHome: self.stage.path("stranger-\(name)")
        )
        let besieger = try await siege?.besieger(of: ground)
        let fetcher = try self.stage.start(
            ["fetch", self.link.text, "--home", self.stage.path("fetcher-\(name)")] + node,
            reading: .error
        )
        let start = try fetcher.wait(for: "connected to", within: .seconds(30)).time
        let before = [seeder, tracker].map { $0.processorSeconds ?? 0 }
        try await besieger?.begin()
        try await Task.sleep(for: Self.lead)
        let newcomer = try self.newcomerSeconds(node, "\(name)")
        let end = try fetcher.wait(for: "fetched ", within: self.patience).time
        let seconds = (end - start) / .seconds(1)
        let spent = zip([seeder, tracker], before).map { ($0.processorSeconds ?? 0) - $1 }
        let watched = (ContinuousClock.now - start) / .seconds(1)
        let outcome = Outcome(
            bytesPerSecond: Double(self.stage.byteCount) / seconds,
            newcomerSeconds: newcomer,
            seederBytes: seeder.peakResidentBytes,
            trackerBytes: tracker.peakResidentBytes,
            seederShare: spent[0] / watched,
            trackerShare: spent[1] / watched,
            deeds: besieger?.deeds ?? "–"
        )
        await besieger?.end()
        fetcher.stop()
        try FileManager.default.removeItem(atPath: self.stage.path("fetcher-\(name)"))
        return outcome
    }

    private func newcomerSeconds(_ node: [String], _ name: String) throws -> Double? {
        let newcomer = try self.stage.start(
            ["manifest", self.link.text, "--home", self.stage.path("newcomer-\(name)")] + node
                + ["--timeout", "\(Self.newcomersPatience)"],
            reading: .output
        )
        guard newcomer.exitCode() == 0 else { return nil }
        return (ContinuousClock.now - newcomer.started) / .seconds(1)
    }
}

private enum SiegeTable {
    static let head = [
        "| strangers | honest peer, MB/s | of peace | newcomer, s | seeder, MiB | CPU | tracker, MiB | CPU | their work |",
        "|---|---|---|---|---|---|---|---|---|",
    ]

    static func line(_ name: String, _ outcome: SiegeRun.Outcome, of peace: SiegeRun.Outcome) -> String {
        let rate = String(format: "%.2f", outcome.bytesPerSecond / 1_000_000)
        let share = String(format: "%.2f", outcome.bytesPerSecond / peace.bytesPerSecond)
        let memory = [outcome.seederBytes, outcome.trackerBytes].map { bytes in
            bytes.map { String(format: "%.0f", $0 / 1_048_576) } ?? "–"
        }
        let processor = [outcome.seederShare, outcome.trackerShare].map { String(format: "%.0f %%", 100 * $0) }
        let newcomer = outcome.newcomerSeconds.map { String(format: "%.1f", $0) } ?? "kept out"
        let cells = [name, rate, share, newcomer, memory[0], processor[0], memory[1], processor[1], outcome.deeds]
        return "| " + cells.joined(separator: " | ") + " |"
    }
}
