import ArgumentParser
import Foundation

/// One seeder and one fetcher, two processes on loopback, beside the bare loop: what Shoal adds to libdatachannel.
struct FirstLight {
    /// What one round showed.
    struct Round {
        /// Bytes a second from the first verified chunk to the last.
        var transfer: Double
        /// The same frames without Shoal around them, right before.
        var limit: Double
        /// From the start of `shoal fetch` to its first verified chunk, and to its end.
        var firstChunk: Double
        var whole: Double
        var seederMemory: Int?
        var fetcherMemory: Int?
    }

    let stage: BenchStage

    func round(_ number: Int) throws -> Round {
        let byteCount = self.stage.byteCount
        let limit = try BareLoop.measure(byteCount: byteCount).bytesPerSecond
        let (tracker, url) = try self.stage.tracker()
        defer { tracker.stop() }
        let model = self.stage.model.path
        let seeder = try self.stage.start(
            ["seed", model, "--home", self.stage.path("seeder"), "--tracker", url, "--bind", "127.0.0.1"],
            reading: .output
        )
        defer { seeder.stop() }
        let link = try seeder.wait(for: "magnet:").line
        let home = self.stage.path("fetcher-\(number)")
        let fetcher = try self.stage.start(
            ["fetch", link, "--home", home, "--bind", "127.0.0.1", "--log-level", "info"],
            reading: .error
        )
        defer { fetcher.stop() }
        let first = try fetcher.wait(for: "first chunk verified").time
        let last = try fetcher.wait(for: "every chunk verified").time
        let (seederMemory, fetcherMemory) = (seeder.peakResidentBytes, fetcher.peakResidentBytes)
        let end = try fetcher.wait(for: "fetched ").time
        // It takes its socket away as it ends.
        fetcher.stop()
        try FileManager.default.removeItem(atPath: home)
        return Round(
            transfer: Double(byteCount) / ((last - first) / .seconds(1)),
            limit: limit,
            firstChunk: (first - fetcher.started) / .seconds(1),
            whole: (end - fetcher.started) / .seconds(1),
            seederMemory: seederMemory,
            fetcherMemory: fetcherMemory
        )
    }
}

/// `shoal-bench first-light`
struct FirstLightCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "first-light",
        abstract: "One seeder, one fetcher, two processes on loopback, beside the bare loop."
    )

    @Option(help: "How much is fetched.")
    var mebibytes = 512

    @Option(help: "How often; each round measures the limit and then Shoal.")
    var rounds = 3

    func validate() throws {
        guard (1...65_536).contains(self.mebibytes) else { throw ValidationError("--mebibytes takes 1 to 65536") }
        guard (1...100).contains(self.rounds) else { throw ValidationError("--rounds takes 1 to 100") }
    }

    func run() throws {
        let rounds = try BenchStage.play(byteCount: self.mebibytes << 20) { stage in
            let bench = FirstLight(stage: stage)
            return try (0..<self.rounds).map { try bench.round($0) }
        }
        print("first light: one seeder, one fetcher, loopback, \(self.mebibytes) MiB, \(self.rounds) rounds")
        let megabyte = 1_000_000.0
        Row("bare libdatachannel loop", "MB/s").print(rounds.map { $0.limit / megabyte })
        Row("shoal, first to last chunk", "MB/s").print(rounds.map { $0.transfer / megabyte })
        Row("ratio (goal: at least 0.70)", "").print(rounds.map { $0.transfer / $0.limit })
        Row("first chunk (goal: within 1)", "s").print(rounds.map(\.firstChunk))
        Row("whole fetch, synced", "s").print(rounds.map(\.whole))
        Row("seeder's memory (goal: 150)", "MB").print(
            rounds.compactMap { $0.seederMemory.map { Double($0) / megabyte } }
        )
        Row("fetcher's memory (goal: 150)", "MB")
            .print(rounds.compactMap { $0.fetcherMemory.map { Double($0) / megabyte } })
    }
}

/// A line of a table: the median of some rounds, and their range.
private struct Row {
    let label: String
    let unit: String

    init(_ label: String, _ unit: String) {
        self.label = label
        self.unit = unit
    }

    func print(_ values: [Double]) {
        let sorted = values.sorted()
        guard let least = sorted.first, let most = sorted.last else { return }
        let figures = String(format: "%8.2f %@", sorted[sorted.count / 2], self.unit)
        let range = String(format: "(%.2f to %.2f)", least, most)
        Swift.print(self.label.padding(toLength: 30, withPad: " ", startingAt: 0), figures, range)
    }
}
