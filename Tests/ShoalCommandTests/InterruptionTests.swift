import Foundation
import TestSupport
import Testing

extension CommandTests {
    /// What ends in the middle: seeders, trackers, the fetch itself.
    @Suite struct InterruptionTests {
        /// Long enough to be in its middle for a while, on any machine.
        static let size = 64 << 20

        @Test func `a seeder that is killed in mid transfer is replaced by the other`() async throws {
            try await onStage { stage in
                let bytes = Weights.bytes(Self.size)
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", bytes)
                let first = try await stage.seeder(of: file, home: "one", tracker: tracker.url)
                let second = try await stage.seeder(of: file, home: "two", tracker: tracker.url)
                #expect(first.link == second.link)
                let copy = stage.folder("copy.bin")
                let fetcher = try stage.start(
                    "fetch",
                    [first.link, "--output", copy, "--json", "--log-level", "trace"],
                    home: "fetcher"
                )
                try await fetcher.hasChunks(from: 2)
                first.shoal.kill()
                #expect(fetcher.results.entries.isEmpty, "the fetch was over before the seeder died")
                let outcome = try await fetcher.outcome()
                #expect(outcome.code == 0, "\(outcome.output)")
                #expect(try Summary(outcome).peers == 2)
                #expect(try contents(of: copy) == bytes)
            }
        }

        @Test func `a fetch that is interrupted ends with 130, and the next one goes on from there`() async throws {
            try await onStage { stage in
                let bytes = Weights.bytes(Self.size)
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", bytes)
                let seeder = try await stage.seeder(of: file, tracker: tracker.url)
                let first = try stage.start(
                    "fetch",
                    [seeder.link, "--json", "--log-level", "trace"],
                    home: "fetcher"
                )
                try await first.hasChunks(from: 1)
                first.send(SIGINT)
                let interrupted = try await first.outcome()
                #expect(interrupted.code == 130)
                #expect(interrupted.stdout.isEmpty)

                let copy = stage.folder("copy.bin")
                let second = try await stage.run(
                    "fetch",
                    [seeder.link, "--output", copy, "--json"],
                    home: "fetcher"
                )
                #expect(second.code == 0, "\(second)")
                let summary = try Summary(second)
                #expect(summary.bytes == bytes.count)
                #expect(summary.bytesFromPeers > 0 && summary.bytesFromPeers < bytes.count)
                #expect(try contents(of: copy) == bytes)
            }
        }

        @Test func `a fetch that is killed goes on from there, too`() async throws {
            try await onStage { stage in
                let bytes = Weights.bytes(Self.size)
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", bytes)
                let seeder = try await stage.seeder(of: file, tracker: tracker.url)
                let first = try stage.start("fetch", [seeder.link, "--log-level", "debug"], home: "fetcher")
                try await first.message("shardCompleted")
                first.remove()
                let second = try await stage.run("fetch", [seeder.link, "--json"], home: "fetcher")
                #expect(second.code == 0, "\(second)")
                #expect(try Summary(second).bytesFromPeers < bytes.count)
            }
        }

        @Test func `seed, tracker and a waiting fetch end with 130 at SIGINT and at SIGTERM`() async throws {
            try await onStage { stage in
                let file = try stage.folder.write("weights.bin", Weights.bytes(1_000))
                for signal in [SIGINT, SIGTERM] {
                    let tracker = try await stage.tracker()
                    let seeder = try await stage.seeder(of: file, tracker: tracker.url)
                    let other = "magnet:?xt=urn:sha256:" + String(repeating: "ab", count: 32)
                    let fetcher = try stage.start(
                        "fetch",
                        [other, "--tracker", tracker.url, "--log-level", "debug"],
                        home: "fetcher"
                    )
                    try await fetcher.message("trackerAnnounced")
                    for shoal in [fetcher, seeder.shoal, tracker.shoal] {
                        shoal.send(signal)
                        let outcome = try await shoal.outcome(within: .seconds(10))
                        #expect(outcome.code == 130, "\(outcome)")
                        #expect(!outcome.stderr.contains("error"))
                    }
                }
            }
        }

        @Test func `a tracker that comes after seeder and fetcher brings them together`() async throws {
            try await onStage { stage in
                let bytes = Weights.bytes(500_000)
                let file = try stage.folder.write("weights.bin", bytes)
                let port = try FreePort()
                let seeder = try await stage.seeder(of: file, tracker: port.url)
                let fetcher = try stage.start("fetch", [seeder.link, "--json"], home: "fetcher")
                try await fetcher.message("connection refused by \(port.url)")
                port.release()
                let tracker = try await stage.tracker(port: port.number)
                #expect(tracker.url == port.url)
                let outcome = try await fetcher.outcome()
                #expect(outcome.code == 0, "\(outcome)")
                #expect(try Summary(outcome).bytesFromPeers == bytes.count)
            }
        }

        @Test func `a tracker that is killed and comes back is found again`() async throws {
            try await onStage { stage in
                let bytes = Weights.bytes(500_000)
                let file = try stage.folder.write("weights.bin", bytes)
                let tracker = try await stage.tracker()
                let seeder = try await stage.seeder(of: file, tracker: tracker.url)
                tracker.shoal.remove()
                try await seeder.shoal.message("(next try in")
                let fetcher = try stage.start("fetch", [seeder.link, "--json"], home: "fetcher")
                try await fetcher.message("connection refused by \(tracker.url)")
                let port = try #require(URL(string: tracker.url)?.port)
                _ = try await stage.tracker(port: port)
                let outcome = try await fetcher.outcome()
                #expect(outcome.code == 0, "\(outcome)")
                #expect(try Summary(outcome).bytesFromPeers == bytes.count)
            }
        }
    }
}
