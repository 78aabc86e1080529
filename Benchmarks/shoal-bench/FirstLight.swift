import ArgumentParser
import Foundation

/// One seeder and one fetcher, two processes on loopback, beside the bare loop: what Shoal adds to its transport.
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
        /// Of seeder and fetcher together until the last chunk, in seconds; not what the seeder published the model with.
        var processor: Double?
        /// At most resident, in bytes. The seeder has published the model as well.
        var seederMemory: Double?
        var fetcherMemory: Double?
    }

    /// The way that chunks take.
    enum Lane: String, ExpressibleByArgument, CaseIterable {
        case webrtc
        case direct

        var options: [String] { self == .webrtc ? ["--no-direct-lane"] : [] }

        /// The same bytes without Shoal around them, in bytes a second.
        func limit(byteCount: Int) throws -> Double {
            switch self {
            case .webrtc: try BareLoop.measure(byteCount: byteCount).bytesPerSecond
            case .direct: try BareTLS.measure(byteCount: byteCount)
            }
        }

        var limitName: String { self == .webrtc ? "bare libdatachannel loop" : "bare TLS 1.3 over TCP" }
    }

    let stage: BenchStage
    let lane: Lane

    func round(_ number: Int) throws -> Round {
        let byteCount = self.stage.byteCount
        let limit = try self.lane.limit(byteCount: byteCount)
        let (tracker, url) = try self.stage.tracker()
        defer { tracker.stop() }
        let model = self.stage.model.path
        let seeder = try self.stage.start(
            ["seed", model, "--home", self.stage.path("seeder"), "--tracker", url, "--bind", "127.0.0.1"],
            reading: .output
        )
        defer { seeder.stop() }
        let link = try seeder.wait(for: "magnet:").line
        let published = seeder.processorSeconds
        let home = self.stage.path("fetcher-\(number)")
        let fetcher = try self.stage.start(
            ["fetch", link, "--home", home, "--bind", "127.0.0.1", "--log-level", "info"] + self.lane.options,
            reading: .error
        )
        defer { fetcher.stop() }
        let first = try fetcher.wait(for: "first chunk verified").time
        let last = try fetcher.wait(for: "every chunk verified").time
        let times = [seeder.processorSeconds, fetcher.processorSeconds, published.map { -$0 }].compactMap(\.self)
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
            processor: times.count == 3 ? times.reduce(0, +) : nil,
            seederMemory: seederMemory,
            fetcherMemory: fetcherMemory
        )
    }
}

/// `shoal-bench first-light`
struct FirstLightCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "first-light",
        abstract: "One seeder, one fetcher, two processes on loopback, beside the bare loop of the same transport."
    )

    @Option(help: "The way that chunks take: WebRTC's data channels, or TLS over TCP.")
    var lane = FirstLight.Lane.webrtc

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
            let bench = FirstLight(stage: stage, lane: self.lane)
            return try (0..<self.rounds).map { try bench.round($0) }
        }
        let scene = "one seeder, one fetcher, loopback, \(self.mebibytes) MiB, \(self.rounds) rounds"
        print("first light, \(self.lane.rawValue) lane: \(scene)")
        FigureRow(self.lane.limitName, "MB/s").print(rounds.map(\.limit).inMegabytes)
        FigureRow("shoal, first to last chunk", "MB/s").print(rounds.map(\.transfer).inMegabytes)
        FigureRow("ratio (goal: at least 0.70)", "").print(rounds.map { $0.transfer / $0.limit })
        FigureRow("first chunk (goal: within 1)", "s").print(rounds.map(\.firstChunk))
        FigureRow("whole fetch, synced", "s").print(rounds.map(\.whole))
        let gigabytes = Double(self.mebibytes << 20) / 1e9
        FigureRow("processor of both, a GB", "s").print(rounds.compactMap(\.processor).map { $0 / gigabytes })
        FigureRow("seeder's memory (goal: 150)", "MB").print(rounds.compactMap(\.seederMemory).inMegabytes)
        FigureRow("fetcher's memory (goal: 150)", "MB").print(rounds.compactMap(\.fetcherMemory).inMegabytes)
    }
}
