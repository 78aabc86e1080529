import ArgumentParser
import Foundation
import ShoalFormats
import ShoalStore

/// `shoal-bench cache`
struct CacheCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache",
        abstract: "An engine whose cache is smaller than its model, while its node uploads: eviction and refill.",
        discussion: """
            The model is a GGUF; of the experts of a layer a token uses 4, the popular ones much oftener. \
            Two runs: with a budget, and without one for comparison. Rates are capped so that the network is not what \
            takes the cores; the engine takes what is left of them. The exit code is 1 when a load fails or brings wrong \
            bytes.
            """
    )

    @Option(help: "Size of the model.")
    var megabytes = 128

    @Option(help: "How many layers it has.")
    var layers = 8

    @Option(help: "How many experts a layer has, each of them a shard.")
    var experts = 32

    @Option(help: "How much of the model the cache may hold, in percent.")
    var budget = 40

    @Option(help: "How long each of the two runs takes.")
    var seconds = 20

    @Option(help: "What the seeder uploads a second at most, to all, in kB.")
    var kilobytesPerSecond = 40_000

    @Option(help: "What the engine's node uploads a second at most, in kB.")
    var uploadKilobytesPerSecond = 8_000

    func validate() throws {
        try Bound("--megabytes", 16...16_000).check(self.megabytes)
        try Bound("--layers", 1...100).check(self.layers)
        try Bound("--experts", 8...1_000).check(self.experts)
        try Bound("--budget", 5...99).check(self.budget)
        try Bound("--seconds", 1...3_600).check(self.seconds)
        try Bound("--kilobytes-per-second", 100...1_000_000).check(self.kilobytesPerSecond)
        try Bound("--upload-kilobytes-per-second", 100...1_000_000).check(self.uploadKilobytesPerSecond)
    }

    private var shape: ExpertShape {
        ExpertShape(
            layers: self.layers,
            perLayer: self.experts,
            used: 4,
            expertBytes: self.megabytes * 1_000_000 / (self.layers * self.experts)
        )
    }

    func run() async throws {
        let model = BenchModel.experts(self.shape)
        let budget = CacheBudget(limit: model.byteCount / 100 * self.budget)
        // The engine and the other fetcher have it as well.
        let (bounded, unbounded) = try await BenchStage.play(model, copies: 3) { stage in
            let (tracker, url) = try stage.tracker()
            defer { tracker.stop() }
            let seeder = try stage.start(
                [
                    "seed", stage.model.path, "--home", stage.path("seeder"), "--tracker", url,
                    "--bind", "127.0.0.1", "--upload-limit", "\(self.kilobytesPerSecond * 1_000)B",
                ],
                reading: .output
            )
            defer { seeder.stop() }
            let link = try MagnetLink(parsing: try seeder.wait(for: "magnet:").line)
            return (
                try await self.figures(stage, link, budget: budget),
                try await self.figures(stage, link, budget: nil)
            )
        }
        self.show(bounded, unbounded, budget)
        let wrong = bounded.engine.wrongBytes + unbounded.engine.wrongBytes
        guard wrong == 0 else { throw BenchmarkError("\(wrong) bytes were wrong") }
    }

    private func figures(_ stage: BenchStage, _ link: MagnetLink, budget: CacheBudget?) async throws -> CacheFigures {
        try await CacheRun(
            stage: stage,
            shape: self.shape,
            link: link,
            budget: budget,
            uploadLimit: self.uploadKilobytesPerSecond * 1_000,
            duration: .seconds(self.seconds)
        ).figures()
    }

    private func show(_ bounded: CacheFigures, _ unbounded: CacheFigures, _ budget: CacheBudget) {
        func megabytes(_ bytes: Int) -> String { String(format: "%.1f MB", Double(bytes) / 1_000_000) }
        func times(_ values: [Double]) -> String {
            let quantiles = Quantiles(values)
            return quantiles.count == 0 ? "–" : String(format: "%.1f / %.1f ms", quantiles.p50, quantiles.p95)
        }
        let rows: [(String, (CacheFigures) -> String)] = [
            (
                "loads a second, \(self.shape.expertBytes / 1_000) kB each",
                { String(format: "%.0f", $0.loadsPerSecond) }
            ),
            ("hit rate", { String(format: "%.1f %%", 100 * $0.hitRate) }),
            ("hit, p50 / p95", { times($0.engine.hits) }),
            ("first load, p50 / p95", { times($0.engine.firsts) }),
            ("refill, p50 / p95", { times($0.engine.refills) }),
            ("refills", { "\($0.engine.refills.count)" }),
            ("evicted shards", { "\($0.watch.evicted)" }),
            ("fetched again", { megabytes($0.refetchedBytes) }),
            ("resident at most", { megabytes($0.watch.resident) }),
            ("in flight at most", { megabytes($0.watch.inFlight) }),
            ("above high mark and in flight", { megabytes($0.watch.excess) }),
            ("upload to another", { String(format: "%.2f MB/s", $0.uploadRate / 1_000_000) }),
            ("wrong bytes", { "\($0.engine.wrongBytes)" }),
        ]
        print(
            "model \(self.megabytes) MB, \(self.shape.expertCount) experts, budget \(megabytes(budget.limit)), high mark \(megabytes(budget.highMark)), "
                + "\(self.seconds) s each, upload at most \(self.uploadKilobytesPerSecond / 1_000) MB/s"
        )
        print("| | with the budget | without |")
        print("|---|---|---|")
        for (label, text) in rows { print("| \(label) | \(text(bounded)) | \(text(unbounded)) |") }
    }
}
