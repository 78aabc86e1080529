import Foundation
import TestSupport
import Testing

/// `--record` and `shoal replay`, with real processes.
@Suite(.timeLimit(.minutes(1)))
struct ReplayTests {
    /// The fields of `replay --json` that tests look at.
    private struct Report: Decodable {
        var bytes: Int
        var peers: Int
        var end: String
    }

    @Test
    func `a recorded fetch replays, and what is damaged or cut short is said`() async throws {
        try await onStage { stage in
            try stage.folder.write("model.bin", Weights.bytes(600_000))
            let (_, url) = try await stage.tracker()
            let seeder = try await stage.seeder(
                of: stage.folder("model.bin"),
                tracker: url,
                ["--record", stage.folder("seeder.rec")]
            )
            let path = stage.folder("fetch.rec")
            let fetch = try await stage.run("fetch", [seeder.link, "--record", path], home: "fetcher")
            #expect(fetch.code == 0, "\(fetch)")
            let replayed = try await stage.run("replay", [path, "--json"])
            #expect(replayed.code == 0, "\(replayed)")
            let report = try JSONDecoder().decode(Report.self, from: Data(replayed.stdout))
            #expect(report.bytes == 600_000)
            #expect(report.peers == 1)
            #expect(report.end == "the node stopped")

            let shown = try await stage.run("replay", [path, "--effects", "--until", "3"])
            #expect(shown.code == 0)
            #expect(shown.output.contains(" > addSwarm(") && shown.output.contains(" < makeOffer("))
            #expect(!shown.output.contains("swarmCompleted"))

            var damaged = try contents(of: path)
            damaged[damaged.count / 2] ^= 1
            try stage.folder.write("damaged.rec", damaged)
            let refused = try await stage.run("replay", [stage.folder("damaged.rec")])
            #expect(refused.code == 1)
            #expect(refused.stderr.contains("damaged at byte "))

            // Killed, it says nothing more; what it had written is enough.
            seeder.shoal.kill()
            _ = try await seeder.shoal.outcome()
            let cut = try await stage.run("replay", [stage.folder("seeder.rec")])
            #expect(cut.code == 0, "\(cut)")
            #expect(cut.output.contains("served    5 chunks"))
            #expect(cut.output.contains("the node was killed, or still runs"))
        }
    }

    @Test
    func `a recording never overwrites a file`() async throws {
        try await onStage { stage in
            try stage.folder.write("model.bin", Weights.bytes(1_000))
            try stage.folder.write("kept.rec", Array("mine".utf8))
            let (_, url) = try await stage.tracker()
            let outcome = try await stage.run(
                "seed",
                [stage.folder("model.bin"), "--tracker", url, "--record", stage.folder("kept.rec")],
                home: "seeder"
            )
            #expect(outcome.code == 1)
            #expect(outcome.stderr.contains("name a new file"))
            #expect(try contents(of: stage.folder("kept.rec")) == Array("mine".utf8))
        }
    }
}
