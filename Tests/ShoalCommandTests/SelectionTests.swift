import Foundation
import TestSupport
import Testing

extension CommandTests {
    /// `fetch --include`: some files of a model.
    @Suite struct SelectionTests {
        /// A folder with three quantisations, and who serves it.
        private func folder(_ stage: Stage, tracker: String, _ arguments: [String] = []) async throws -> String {
            for (seed, name) in ["Q4_K_M/model", "Q8_0/model", "config"].enumerated() {
                try stage.folder.write("m/\(name).bin", Weights.bytes(400_000 * (seed + 1), seed: UInt64(seed + 1)))
            }
            return try await stage.seeder(of: stage.folder("m"), tracker: tracker, arguments).link
        }

        private func size(_ stage: Stage, _ home: String, _ link: String) async throws -> String {
            try await stage.run("list", ["--json"], home: home).output
        }

        @Test func `only matching files are fetched, copied and checked, and the rest comes when it is wanted`()
            async throws
        {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let link = try await self.folder(stage, tracker: tracker.url)
                let arguments = [link, "--include", "*Q4*", "--include", "config*", "--exclude", "config.bin"]
                let part = try await stage.run(
                    "fetch",
                    arguments + ["--output", stage.folder("copy"), "--json"],
                    home: "h"
                )
                #expect(part.code == 0, "\(part)")
                let summary = try Summary(part)
                #expect(summary.bytes == 400_000 && summary.bytesFromPeers == 400_000)
                #expect(try contents(of: stage.folder("copy/Q4_K_M/model.bin")) == Weights.bytes(400_000, seed: 1))
                #expect(!FileManager.default.fileExists(atPath: stage.folder("copy/config.bin")))
                #expect(try await self.size(stage, "h", link).contains("\"residentBytes\":400000"))

                // The same again needs nobody.
                let again = try await stage.run("fetch", arguments + ["--json"], home: "h")
                #expect(try Summary(again).bytesFromPeers == 0)
                // Serving does not fetch.
                let seeder = try stage.start("seed", [link], home: "h")
                _ = try await seeder.firstResult()
                try await seeder.message("only 400 kB of 2.4 MB are here")
                #expect(try await self.size(stage, "h", link).contains("\"state\":\"serving\""))
                seeder.send(SIGINT)
                _ = try await seeder.outcome()

                let all = try await stage.run("fetch", [link, "--json"], home: "h")
                #expect(try Summary(all).bytes == 2_400_000)
                #expect(try Summary(all).bytesFromPeers == 2_000_000)
            }
        }

        @Test func `a pattern that matches nothing is an error that lists the files`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let link = try await self.folder(stage, tracker: tracker.url)
                for home in ["h", "h", "seeder"] {
                    let outcome = try await stage.run("fetch", [link, "--include", "*Q5*"], home: home)
                    #expect(outcome.code == 1, "\(outcome)")
                    #expect(
                        outcome.stderr.contains("error: no file matches *Q5*; the model has 3 files:"),
                        "\(outcome)"
                    )
                    #expect(outcome.stderr.contains("\n  Q8_0/model.bin"), "\(outcome)")
                }
                let usage = try await stage.run("fetch", [link, "--include", ""], home: "h")
                #expect(usage.code == 2)
            }
        }

        @Test func `commands that want parts of a model through one node get the sum of them`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let link = try await self.folder(stage, tracker: tracker.url, ["--upload-limit", "500KiB"])
                let own = try stage.folder.write("own.bin", Weights.bytes(1_000, seed: 9))
                _ = try await stage.seeder(of: own, home: "busy", tracker: tracker.url)
                let large = try stage.start("fetch", [link, "--include", "config.bin", "--json"], home: "busy")
                let small = try await stage.run("fetch", [link, "--include", "Q4*", "--json"], home: "busy")
                #expect(small.code == 0, "\(small)")
                #expect(try Summary(small).bytes == 400_000)
                let outcome = try await large.outcome()
                #expect(outcome.code == 0, "\(outcome)")
                #expect(try Summary(outcome).bytes == 1_200_000)
                #expect(try await self.size(stage, "busy", link).contains("\"residentBytes\":1600000"))
            }
        }

        @Test func `a part that nobody waits for any more is asked for no more`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let link = try await self.folder(stage, tracker: tracker.url, ["--upload-limit", "100KiB"])
                let own = try stage.folder.write("own.bin", Weights.bytes(1_000, seed: 9))
                _ = try await stage.seeder(of: own, home: "busy", tracker: tracker.url)
                let fetch = try stage.start("fetch", [link, "--include", "config.bin"], home: "busy")
                while try await !self.size(stage, "busy", link).contains("\"state\":\"fetching\"") {
                    try Task.checkCancellation()
                }
                fetch.send(SIGINT)
                #expect(try await fetch.outcome().code == 130)
                while try await !self.size(stage, "busy", link).contains("\"state\":\"serving\"") {
                    try Task.checkCancellation()
                }
            }
        }
    }
}
