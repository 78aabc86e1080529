import Foundation
import TestSupport
import Testing

extension CommandTests {
    /// `limit`, and the options of the same kind that a node starts with.
    @Suite struct LimitTests {
        /// What the tests read of `limit --json`.
        private struct Limits: Hashable, Decodable {
            var upload: Int?
            var uploadPerPeer: Int?
            var download: Int?
            var downloadPerPeer: Int?
            var uploadSlots: Int?
        }

        private func limits(_ stage: Stage, _ home: String, _ arguments: [String] = []) async throws -> Limits {
            let outcome = try await stage.run("limit", ["--json"] + arguments, home: home)
            #expect(outcome.code == 0, "\(outcome)")
            return try JSONDecoder().decode(Limits.self, from: Data(outcome.stdout))
        }

        @Test func `a transfer that would take a quarter of an hour is done once both ends lift their limits`()
            async throws
        {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let bytes = Weights.bytes(16 << 20)
                let file = try stage.folder.write("weights.bin", bytes)
                let start = ["--upload-limit-per-peer", "16KiB", "--upload-slots", "2"]
                let seeder = try await stage.seeder(of: file, tracker: tracker.url, start)
                let copy = stage.folder("copy.bin")
                let fetcher = try stage.start(
                    "fetch",
                    [seeder.link, "--output", copy, "--log-level", "trace", "--download-limit", "16KiB"],
                    home: "fetcher"
                )
                try await fetcher.hasChunks(from: 1)
                #expect(try await self.limits(stage, "seeder") == Limits(uploadPerPeer: 16_384, uploadSlots: 2))
                #expect(try await self.limits(stage, "fetcher") == Limits(download: 16_384))

                let lifted = try await self.limits(
                    stage,
                    "seeder",
                    ["--upload-per-peer", "none", "--upload", "800Mbit"]
                )
                #expect(lifted == Limits(upload: 100_000_000, uploadSlots: 2))
                #expect(try await self.limits(stage, "fetcher", ["--download", "none"]) == Limits())
                #expect(try await fetcher.outcome(within: .seconds(60)).code == 0)
                #expect(try contents(of: copy) == bytes)

                let words = try await stage.run("limit", ["--upload-slots", "none"], home: "seeder")
                #expect(words.output == "upload    100 MB/s\ndownload  no limit\n", "\(words)")
                let status = try await stage.run("status", home: "seeder")
                #expect(status.output.contains("limits       upload    100 MB/s\n"), "\(status)")
            }
        }

        @Test(arguments: [
            (["--upload", "fast"], "a rate is a number with a unit"), (["--download", "1KiB"], "at least 16KiB"),
            (["--upload-slots", "0"], "a number from 1 to 50"), (["--upload-slots", "51"], "a number from 1 to 50"),
        ])
        func `what is no limit is said before anything happens`(arguments: [String], problem: String) async throws {
            try await onStage { stage in
                let outcome = try await stage.run("limit", arguments, home: "nobody")
                #expect(outcome.code == 2 && outcome.stderr.contains(problem), "\(outcome)")
            }
        }

        @Test func `without a node there is nothing to limit`() async throws {
            try await onStage { stage in
                let outcome = try await stage.run("limit", ["--upload", "1MB"], home: "nobody")
                #expect(outcome.code == 1)
                #expect(outcome.stderr.contains("error: no node is running for \(stage.folder("nobody")): start one"))
            }
        }
    }
}
