import Foundation
import TestSupport
import Testing

extension CommandTests {
    /// Copies of rare shards between processes.
    @Suite struct ReplicationTests {
        @Test func `a seeder that is killed does not take the last copy, when another node may copy`() async throws {
            try await onStage { stage in
                let bytes = Weights.bytes(300_000)
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", bytes)
                let seeder = try await stage.seeder(of: file, tracker: tracker.url)
                let copier = try stage.start(
                    "seed",
                    [seeder.link, "--replicate", "1GB", "--log-level", "debug"],
                    home: "copier"
                )
                try await copier.message("swarmCompleted")
                seeder.shoal.remove()
                let copy = stage.folder("copy.bin")
                let outcome = try await stage.run("fetch", [seeder.link, "--output", copy], home: "fetcher")
                #expect(outcome.code == 0, "\(outcome)")
                #expect(try contents(of: copy) == bytes)
                let again = try await stage.run("seed", [file, "--replicate", "1GB"], home: "copier")
                #expect(again.stderr.contains("it was started without this --bind, --replicate"), "\(again)")
            }
        }
    }
}
