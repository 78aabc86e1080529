import ArgumentParser
import Foundation
import ShoalSignaling

/// `shoal-bench tracker`
struct TrackerLoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tracker",
        abstract: "A tracker with many idle sockets and many announces a second, on loopback.",
        discussion: """
            This process is the load, `shoal tracker` a process of its own. Every socket announces itself once; then \
            they take turns. What stands behind `--` goes to `shoal tracker`.
            """
    )

    @Option(help: "Sockets that are open at the same time, each of them a peer.")
    var sockets = 10_000

    @Option(help: "Announces a second, by all sockets together.")
    var announces = 1_000

    @Option(help: "How long, in seconds.")
    var seconds = 20

    @Option(help: "Swarms; each has as many of the sockets as the next.")
    var swarms = 100

    @Option(help: "Offers of 600 bytes in each announce, as libtorrent writes them.")
    var offers = 5

    @Argument(parsing: .postTerminator, help: "For `shoal tracker`.")
    var trackerArguments: [String] = []

    func validate() throws {
        // One port of this host for each socket; Linux gives away 28,232 of them.
        guard (1...20_000).contains(self.sockets) else { throw ValidationError("--sockets takes 1 to 20000") }
        guard (1...100_000).contains(self.announces) else { throw ValidationError("--announces takes 1 to 100000") }
        guard (1...3_600).contains(self.seconds) else { throw ValidationError("--seconds takes 1 to 3600") }
        guard (1...10_000).contains(self.swarms) else { throw ValidationError("--swarms takes 1 to 10000") }
        guard (0...10).contains(self.offers) else { throw ValidationError("--offers takes 0 to 10") }
    }

    func run() async throws {
        let files = self.sockets + 256
        let allowed = OpenFiles.allow(files)
        guard allowed >= files else {
            throw BenchmarkError(
                "the system allows \(allowed) open files and this needs \(files): "
                    + "say `ulimit -Hn \(files)` as root, or take fewer --sockets"
            )
        }
        let figures = try await BenchStage.play(.noise(byteCount: 0), copies: 0) { try self.measure(on: $0) }
        let cpu = String(format: "%.1f %% | %.1f %%", 100 * figures.cpuShare, 100 * figures.loadShare)
        let idle = String(format: "%.1f", Double(figures.bytesPerSocket) / 1_024)
        let median = String(format: "%.2f", figures.times.median / .milliseconds(1))
        let slow = String(format: "%.2f", figures.times.slow / .milliseconds(1))
        print("| sockets | announces/s | offers/s | CPU | load's CPU | peak, MiB | KiB a socket | p50, ms | p95, ms |")
        print("|---|---|---|---|---|---|---|---|---|")
        print(
            "| \(self.sockets) | \(figures.rate) | \(figures.offerRate) | \(cpu) | \(figures.peakBytes >> 20) "
                + "| \(idle) | \(median) | \(slow) |"
        )
    }

    private struct Figures {
        /// Announces that were answered, and offers that were handed on, in a second.
        var rate: Int
        var offerRate: Int
        /// The tracker's, of one core.
        var cpuShare: Double
        /// This process's: where it is near a core, the times are the load's rather than the tracker's.
        var loadShare: Double
        var peakBytes: Int
        /// What the tracker grew by for each socket that announced itself and then was silent.
        var bytesPerSocket: Int
        var times: (median: Duration, slow: Duration)
    }

    private func measure(on stage: BenchStage) throws -> Figures {
        let tracker = try stage.start(
            // All of them come from one address.
            ["tracker", "--listen", "127.0.0.1:0", "--connections-per-address", "\(self.sockets)"]
                + self.trackerArguments,
            reading: .output
        )
        let url = try tracker.wait(for: "ws://", within: .seconds(20)).line
        let load = try TrackerLoad(url: url, sockets: self.sockets, swarms: self.swarms, offers: self.offers)
        let before = try self.memory(of: tracker)
        Notice.say("opening \(self.sockets) sockets")
        try load.open()
        let idle = try self.memory(of: tracker)
        Notice.say("\(self.announces) announces a second for \(self.seconds) s")
        let cpu = try self.processorSeconds(of: tracker)
        let ownCPU = Self.processorSeconds
        let run = try load.run(announces: self.announces, seconds: self.seconds)
        let spent = try self.processorSeconds(of: tracker) - cpu
        let ownSpent = Self.processorSeconds - ownCPU
        let peak = try self.memory(of: tracker)
        load.close()
        tracker.stop()
        return Figures(
            rate: Int(Double(run.times.count) / run.seconds),
            offerRate: Int(Double(run.offers) / run.seconds),
            cpuShare: spent / run.seconds,
            loadShare: ownSpent / run.seconds,
            peakBytes: peak,
            bytesPerSocket: (idle - before) / self.sockets,
            times: (run.time(atShare: 0.5), run.time(atShare: 0.95))
        )
    }

    /// Of this process, user and system.
    private static var processorSeconds: Double {
        Double(clock()) / Double(CLOCKS_PER_SEC)
    }

    private func memory(of tracker: Child) throws -> Int {
        guard let bytes = tracker.peakResidentBytes else { throw Self.unknown }
        return Int(bytes)
    }

    private func processorSeconds(of tracker: Child) throws -> Double {
        guard let seconds = tracker.processorSeconds else { throw Self.unknown }
        return seconds
    }

    private static let unknown = BenchmarkError("this system does not say what a process has used: it needs /proc")
}
