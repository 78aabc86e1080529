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
        /// At most resident, in bytes. The seeder has published the model as well.
        var seederMemory: Double?
        var fetcherMemory: Double?
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
struct FirstLightCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "first-light",
        abstract: "One seeder, one fetcher, two processes on loopback, beside the bare loop."
    )

    @Option(help: "How much is fetched.")
    var mebibytes = 512

    @Option(help: "How often; each round measures the limit and then Shoal.")
    var rounds = 3

    func validate() throws {
        try Bound("--mebibytes", 1...65_536).check(self.mebibytes)
        try Bound.rounds.check(self.rounds)
    }

    func run() async throws {
        let model = BenchModel.noise(byteCount: self.mebibytes << 20)
        let rounds = try await BenchStage.play(model, copies: 2) { stage in
            let bench = FirstLight(stage: stage)
            return try (0..<self.rounds).map { try bench.round($0) }
        }
        print("first light: one seeder, one fetcher, loopback, \(self.mebibytes) MiB, \(self.rounds) rounds")
        FigureRow("bare libdatachannel loop", "MB/s").print(rounds.map(\.limit).inMegabytes)
        FigureRow("shoal, first to last chunk", "MB/s").print(rounds.map(\.transfer).inMegabytes)
        FigureRow("ratio (goal: at least 0.70)", "").print(rounds.map { $0.transfer / $0.limit })
        FigureRow("first chunk (goal: within 1)", "s").print(rounds.map(\.firstChunk))
        FigureRow("whole fetch, synced", "s").print(rounds.map(\.whole))
        FigureRow("seeder's memory (goal: 150)", "MB").print(rounds.compactMap(\.seederMemory).inMegabytes)
        FigureRow("fetcher's memory (goal: 150)", "MB").print(rounds.compactMap(\.fetcherMemory).inMegabytes)
    }
}
