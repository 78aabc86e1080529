import Foundation
import ModelFixtures
import ShoalCore
import ShoalFormats
import ShoalStore
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

        @Test func `manifest of a mixture says what its experts weigh`() async throws {
            try await onStage { stage in
                var model = GGUFFile()
                model["general.architecture"] = .text("qwen3moe")
                model["qwen3moe.expert_used_count"] = .uint32(2)
                model["qwen3moe.context_length"] = .uint32(4_096)
                model.tensors = [.init("token_embd.weight", [256, 1_000])]
                for layer in 1..<3 {
                    for part in ["gate", "up", "down"] {
                        model.tensors.append(.init("blk.\(layer).ffn_\(part)_exps.weight", [256, 50, 8], "F16"))
                    }
                }
                let file = try stage.folder.write("mixture.gguf", model.bytes)
                let outcome = try await stage.run("manifest", [file], home: "home")
                #expect(outcome.code == 0, "\(outcome)")
                let lines = outcome.output.split(separator: "\n").map(String.init)
                #expect(lines.contains("format    gguf, layout 1"))
                #expect(lines.contains("model     qwen3moe, F16, 870 k parameters, 4096 tokens of context"))
                #expect(lines.contains("shards    18 (1 header, 1 dense, 16 expert)"))
                #expect(lines.contains("experts   16 in 2 layers, 76.8 kB each"))
                #expect(lines.contains("          1.2 MB together, 55 % of the model"))
                #expect(lines.contains("          2 used in each layer: a token needs 1.3 MB, 59 %"))
            }
        }

        @Test func `what is not understood of a model is noted, and what is damaged refused`() async throws {
            try await onStage { stage in
                var model = GGUFFixture.model(.mixtral, seed: 1)
                model["llama.expert_used_count"] = nil
                let odd = try stage.folder.write("odd.gguf", model.bytes)
                let outcome = try await stage.run("publish", [odd], home: "home")
                #expect(outcome.code == 0, "\(outcome)")
                #expect(outcome.stderr.contains("note: the experts of model.gguf are not registered"), "\(outcome)")
                model.lackingBytes = 500
                let damaged = try stage.folder.write("damaged.gguf", model.bytes)
                let refused = try await stage.run("publish", [damaged], home: "home")
                #expect(refused.code == 1)
                #expect(refused.stderr.contains("damaged.gguf: tensors["), "\(refused)")
                #expect(refused.stderr.contains("incomplete"), "\(refused)")
            }
        }

        @Test func `a fetch warns of a manifest that takes one expert for another`() async throws {
            try await onStage { stage in
                var model = GGUFFile()
                model["general.architecture"] = .text("llama")
                model["llama.block_count"] = .uint32(3)
                model["llama.expert_count"] = .uint32(2)
                model["llama.expert_used_count"] = .uint32(1)
                model.tensors = [.init("token_embd.weight", [100, 500])]
                for part in ["gate", "down", "up"] {
                    model.tensors.append(.init("blk.2.ffn_\(part)_exps.weight", [128, 128, 2]))
                }
                let file = try stage.folder.write("mixture.gguf", model.bytes)
                let link = try Self.linkOfLie(about: file, home: stage.folder("liar"))
                let tracker = try await stage.tracker()
                let liar = try stage.start("seed", [link, "--tracker", tracker.url], home: "liar")
                let outcome = try await stage.run("fetch", [try await liar.firstResult()], home: "fetcher")
                #expect(outcome.code == 0, "\(outcome)")
                #expect(outcome.stderr.contains("warning: "), "\(outcome)")
                #expect(outcome.stderr.contains("experts by themselves would not be"), "\(outcome)")
            }
        }

        /// Gives a home the bytes of `file` under a manifest that swaps its two experts; returns the link.
        private static func linkOfLie(about file: String, home: String) throws -> String {
            let home = try Home(path: home)
            defer { home.close() }
            let store = try ModelStore(home: home)
            let text = String(decoding: try store.publish(path: file).manifestBytes, as: UTF8.self)
                .replacing("\"2.0\":[[2,", with: "\"2.0\":[[3,")
                .replacing("\"2.1\":[[3,", with: "\"2.1\":[[2,")
            let bytes = Array(text.utf8)
            let lie = try store.receive(manifest: bytes, id: ManifestID(Digest(sha256Of: bytes)))
            _ = try store.adopt(file, into: lie)
            return MagnetLink(manifestID: lie.id).text
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
