import ArgumentParser
import Foundation
import TestSupport

/// One seeder with a slow uplink and eight fetchers: how close the last of them comes to the time in which the seeder
/// can send one copy, beside libtorrent doing the same.
struct Fanout {
    static let fetchers = 8

    let stage: BenchStage
    /// The seeder's, in bytes a second; fetchers have no limit.
    let rate: Int

    /// Seconds in which the seeder sends every byte once: no swarm is quicker.
    var limit: Double { Double(self.stage.byteCount) / Double(self.rate) }

    private var patience: Duration { .seconds(60 + 4 * self.stage.byteCount / self.rate) }

    /// Seconds from the start of the fetchers to the end of the last one's transfer.
    func shoal() throws -> Double {
        let (tracker, url) = try self.stage.tracker()
        var children = [tracker]
        defer { for child in children.reversed() { child.kill() } }
        let seeder = try self.stage.start(
            [
                "seed", self.stage.model.path, "--home", self.stage.path("seeder"), "--tracker", url,
                "--bind", "127.0.0.1", "--upload-limit", "\(self.rate)B",
            ],
            reading: .output
        )
        children.append(seeder)
        let link = try seeder.wait(for: "magnet:").line
        let start = ContinuousClock.now
        let fetchers = try (0..<Self.fetchers).map { number in
            let home = self.stage.path("fetcher-\(number)")
            return try self.stage.start(
                ["fetch", link, "--seed", "--home", home, "--bind", "127.0.0.1", "--log-level", "info"],
                reading: .error
            )
        }
        children += fetchers
        let ends = try fetchers.map { try $0.wait(for: "every chunk verified", within: self.patience).time }
        for child in fetchers { try child.wait(for: "fetched ", within: .seconds(60)) }
        for child in children.reversed() { child.stop() }
        for number in 0..<Self.fetchers {
            try FileManager.default.removeItem(atPath: self.stage.path("fetcher-\(number)"))
        }
        return ((ends.max() ?? start) - start) / .seconds(1)
    }

    /// The same with libtorrent.
    func libtorrent(_ python: URL, _ script: String) throws -> Double {
        let child = try self.stage.start(
            python,
            [script, self.stage.model.path, self.stage.path("libtorrent"), "\(self.rate)", "\(Self.fetchers)"],
            reading: .output
        )
        defer { child.kill() }
        let line = try child.wait(for: "seconds ", within: self.patience).line
        child.stop()
        try FileManager.default.removeItem(atPath: self.stage.path("libtorrent"))
        guard let seconds = Double(line.dropFirst("seconds ".count)) else {
            throw BenchmarkError("libtorrent's program said “\(line)”")
        }
        return seconds
    }
}

/// `shoal-bench fanout`
struct FanoutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fanout",
        abstract: "One seeder at 20 Mbit/s and eight fetchers on loopback, beside libtorrent 2.1.1 (TCP)."
    )

    @Option(help: "Size of the model.")
    var mebibytes = 64

    @Option(help: "The seeder's uplink, in kB a second.")
    var kilobytesPerSecond = 2_500

    @Option(help: "How often; each round is Shoal and then libtorrent.")
    var rounds = 1

    @Flag(help: "Leave libtorrent out.")
    var alone = false

    func validate() throws {
        try Bound("--mebibytes", 1...4_096).check(self.mebibytes)
        try Bound("--kilobytes-per-second", 100...1_000_000).check(self.kilobytesPerSecond)
        try Bound.rounds.check(self.rounds)
    }

    func run() async throws {
        let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let script = sources.appending(path: "libtorrent-fanout.py").path
        let model = BenchModel.noise(byteCount: self.mebibytes << 20)
        let figures = try await BenchStage.play(model, copies: 1 + Fanout.fetchers) { stage in
            let fanout = Fanout(stage: stage, rate: self.kilobytesPerSecond * 1_000)
            let python = self.alone ? nil : try Self.libtorrent()
            return try (0..<self.rounds).map { _ in
                (
                    limit: fanout.limit, shoal: try fanout.shoal(),
                    rival: try python.map { try fanout.libtorrent($0, script) }
                )
            }
        }
        print("| round | fluid limit, s | shoal, s | ratio | libtorrent 2.1.1, s | ratio |")
        print("|---|---|---|---|---|---|")
        for (number, round) in figures.enumerated() {
            let rival = round.rival.map { String(format: "%.2f | %.3f", $0, $0 / round.limit) } ?? "– | –"
            let own = String(format: "%.2f | %.2f | %.3f", round.limit, round.shoal, round.shoal / round.limit)
            print("| \(number + 1) | \(own) | \(rival) |")
        }
    }

    /// Python with libtorrent; installs it the first time.
    private static func libtorrent() throws -> URL {
        guard let python = PythonScript.libtorrent.python else {
            throw BenchmarkError("libtorrent 2.1.1 cannot be installed here: leave it out with --alone")
        }
        return python
    }
}
