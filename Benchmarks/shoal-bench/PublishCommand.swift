import ArgumentParser
import Foundation

/// Publishing one large file beside `openssl` hashing it: what chunks, hash lists and a manifest cost on top of the one
/// hash that any tool computes.
struct PublishBench {
    /// How one program went over the file.
    struct Pass {
        let seconds: Double
        let usage: Child.Usage
        /// Its result, as it printed it.
        let line: String
    }

    struct Round {
        let openssl: Pass
        let shoal: Pass

        /// How much of the other's speed is left.
        var ratio: Double { self.openssl.seconds / self.shoal.seconds }
    }

    let stage: BenchStage

    /// Far more than any disk needs.
    private var patience: Duration { .seconds(60 + self.stage.byteCount / 20_000_000) }

    /// Brings the file into the page cache.
    func warmUp() throws {
        if self.stage.byteCount > Int(ProcessInfo.processInfo.physicalMemory) / 4 * 3 {
            Notice.say("the file does not fit into the memory: both programs wait for the disk as well")
        }
        _ = try self.openssl()
    }

    /// Both programs, one after the other; who is first takes turns.
    func round(_ number: Int) throws -> Round {
        let openssl: Pass
        let shoal: Pass
        if number.isMultiple(of: 2) {
            openssl = try self.openssl()
            shoal = try self.shoal(number)
        } else {
            shoal = try self.shoal(number)
            openssl = try self.openssl()
        }
        try self.compare(openssl, number)
        try FileManager.default.removeItem(atPath: self.home(number))
        return Round(openssl: openssl, shoal: shoal)
    }

    private func openssl() throws -> Pass {
        // It becomes the program that it looks for: what is measured is that.
        let env = URL(filePath: "/usr/bin/env")
        return try self.pass(
            try self.stage.start(env, ["openssl", "dgst", "-sha256", self.stage.model.path], reading: .output),
            until: "= "
        )
    }

    private func shoal(_ number: Int) throws -> Pass {
        try self.pass(
            try self.stage.start(["publish", self.stage.model.path, "--home", self.home(number)], reading: .output),
            until: "magnet:"
        )
    }

    private func pass(_ child: Child, until result: String) throws -> Pass {
        let usage = try child.usageUntilEnd(within: self.patience)
        guard child.exitCode() == 0 else {
            throw BenchmarkError("\(child.name) failed: is it installed, and does it run by itself?")
        }
        let (line, time) = try child.wait(for: result, within: .seconds(20))
        return Pass(seconds: (time - child.started) / .seconds(1), usage: usage, line: line)
    }

    /// The manifest must have the hash that the other program found.
    private func compare(_ openssl: Pass, _ number: Int) throws {
        let digest = openssl.line.split(separator: " ").last ?? ""
        let models = URL(filePath: self.home(number)).appending(component: "models")
        let manifests = try FileManager.default.contentsOfDirectory(at: models, includingPropertiesForKeys: nil).map {
            String(decoding: try Data(contentsOf: $0.appending(component: "manifest.json")), as: UTF8.self)
        }
        guard digest.count == 64, manifests.count == 1, manifests[0].contains("\"sha256\":\"\(digest)\"") else {
            throw BenchmarkError("the manifest does not have the file's SHA-256, which is \(digest)")
        }
    }

    private func home(_ number: Int) -> String { self.stage.path("publisher-\(number)") }
}

/// `shoal-bench publish`
struct PublishCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish",
        abstract: "shoal publish beside one openssl dgst -sha256, on the same file in the page cache.",
        discussion: """
            The file is deleted in the end, Ctrl-C included. The exit code is 1 when the manifest has another hash than \
            openssl finds.
            """
    )

    @Option(help: "Size of the file.")
    var megabytes = 8_000

    @Option(help: "How often; each round is both programs, and who is first takes turns.")
    var rounds = 3

    @Option(help: "Where the file is made; the folder for temporary files otherwise.")
    var folder: String?

    func validate() throws {
        try Bound("--megabytes", 1...1_000_000).check(self.megabytes)
        try Bound.rounds.check(self.rounds)
    }

    func run() async throws {
        let model = BenchModel.noise(byteCount: self.megabytes * 1_000_000)
        let rounds = try await BenchStage.play(model, copies: 1, in: self.folder) { stage in
            let bench = PublishBench(stage: stage)
            try bench.warmUp()
            return try (0..<self.rounds).map { try bench.round($0) }
        }
        let gigabytes = Double(self.megabytes) / 1_000
        print("publishing one file, \(self.megabytes) MB in the page cache, \(self.rounds) rounds")
        FigureRow("openssl dgst -sha256", "GB/s").print(rounds.map { gigabytes / $0.openssl.seconds })
        FigureRow("shoal publish", "GB/s").print(rounds.map { gigabytes / $0.shoal.seconds })
        FigureRow("ratio (goal: at least 0.70)", "").print(rounds.map(\.ratio))
        FigureRow("openssl's processor time", "s").print(rounds.compactMap(\.openssl.usage.processorSeconds))
        FigureRow("publisher's processor time", "s").print(rounds.compactMap(\.shoal.usage.processorSeconds))
        FigureRow("publisher's memory (goal: 150)", "MB")
            .print(rounds.compactMap(\.shoal.usage.peakResidentBytes).inMegabytes)
    }
}
