import Foundation
import ShoalCore
import ShoalFormats
import TestSupport
import Testing

extension CommandTests {
    @Suite struct ManifestTests {
        @Test func `manifest of a path says what is in it`() async throws {
            try await onStage { stage in
                try stage.folder.write("model/a.bin", Weights.bytes(200_000))
                try stage.folder.write("model/b.bin", Weights.bytes(17 << 20))
                let outcome = try await stage.run("manifest", [stage.folder("model")], home: "home")
                #expect(outcome.code == 0, "\(outcome)")
                let lines = outcome.output.split(separator: "\n").map(String.init)
                let digest = Digest(sha256Of: Weights.bytes(200_000)).hex
                #expect(lines.contains { $0.hasPrefix("manifest  ") && $0.count == 10 + 64 })
                #expect(lines.contains("size      18.0 MB (18025792 bytes)"))
                #expect(lines.contains("shards    3 (3 dense)"))
                #expect(lines.contains("  \(digest)  200 kB  a.bin"))
            }
        }

        @Test func `the bytes that --json prints hash to the ID of the link`() async throws {
            try await onStage { stage in
                let file = try stage.folder.write("weights.bin", Weights.bytes(300_000))
                let link = try await stage.link(to: file)
                for (source, home) in [(file, "other"), (link, "publisher")] {
                    let outcome = try await stage.run("manifest", [source, "--json"], home: home)
                    #expect(outcome.code == 0, "\(outcome)")
                    #expect(ManifestID(ofManifestBytes: outcome.stdout).hex == manifestID(in: link))
                }
            }
        }

        @Test func `a manifest that this home lacks comes from the swarm`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", Weights.bytes(300_000))
                let seeder = try await stage.seeder(of: file, tracker: tracker.url)
                let outcome = try await stage.run("manifest", [seeder.link, "--json"], home: "asker")
                #expect(outcome.code == 0, "\(outcome)")
                #expect(ManifestID(ofManifestBytes: outcome.stdout).hex == manifestID(in: seeder.link))
            }
        }

        @Test func `a manifest that nobody has is given up after the time that was given`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let link = "magnet:?xt=urn:sha256:" + String(repeating: "ab", count: 32)
                let alone = try await stage.run("manifest", [link], home: "asker")
                #expect(alone.code == 1)
                #expect(alone.stderr.contains("no tracker is known: name one with --tracker URL"), "\(alone)")
                let arguments = [link, "--tracker", tracker.url, "--timeout", "1"]
                let outcome = try await stage.run("manifest", arguments, home: "asker")
                #expect(outcome.code == 1)
                #expect(outcome.stderr.contains("no peer sent the manifest within 1 s"), "\(outcome)")
                #expect(outcome.stdout.isEmpty)
            }
        }
    }
}
