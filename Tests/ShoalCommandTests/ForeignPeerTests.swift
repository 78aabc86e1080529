import Foundation
import TestSupport
import Testing

extension CommandTests {
    /// A peer that was written from `docs/protocol.md` alone, on another WebRTC than ours.
    @Suite(.enabled(if: PythonScript.foreignPeer.isHere, "python3 cannot install aiortc here"))
    struct ForeignPeerTests {
        /// What the script prints of a shard that it got.
        private struct Fetched: Decodable {
            let agent: String
            let bytes: Int
            let chunks: Int
            let extents: [[Int]]
            let manifest: String
            let manifestBytes: Int
            let paths: [String]
        }

        /// So many that the manifest has more parts than may be asked for at once.
        private static let small = (0..<400).map { ("small/\($0)", Array("\($0)".utf8)) }

        private static let networks: ConditionTrait = .enabled(
            if: Namespace.canBeMade,
            "aiortc has no candidates on loopback, and there can be no network namespace here"
        )

        @Test func `it agrees with the vectors`() throws {
            let vectors = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .appending(path: "Vectors")
            let counts = try #require(
                try PythonScript.foreignVectors.lines([vectors.path], of: [String: Int].self).first
            )
            let names = ["canonical-json", "gossip", "layout1", "link", "manifest", "proofs", "wire"]
            #expect(counts.keys.sorted() == names)
            #expect(counts.values.allSatisfy { $0 > 5 })
        }

        @Test(Self.networks) func `it gets a shard from shoal seed, in the middle of a model`() async throws {
            try await onStage { stage in
                let weights = Weights.bytes(20_000_000)
                try stage.folder.write("m/config.json", Array("{}".utf8))
                try stage.folder.write("m/parts/weights.bin", weights)
                for (name, bytes) in Self.small { try stage.folder.write("m/\(name)", bytes) }
                let network = try await Namespace(on: stage)
                let seeder = try network.start("seed", [stage.folder("m"), "--tracker", network.tracker], home: "s")
                let link = try await seeder.firstResult()
                // Shards: config.json, 16 MiB of the weights, the rest of them, and small ones.
                for (shard, place) in [(0, 0..<2), (2, 16_777_216..<20_000_000)] {
                    let copy = stage.folder("shard-\(shard)")
                    let arguments = ["fetch", link, "--shard", "\(shard)", "--output", copy]
                    let outcome = try await network.start(.foreignPeer, arguments).outcome()
                    #expect(outcome.code == 0, "\(outcome)")
                    let fetched = try JSONDecoder().decode(Fetched.self, from: Data(outcome.stdout))
                    #expect(fetched.manifest == manifestID(in: link))
                    #expect(fetched.agent.hasPrefix("shoal/"))
                    #expect(fetched.manifestBytes > 5 * 16_384)
                    #expect(fetched.paths.prefix(2) == ["config.json", "parts/weights.bin"])
                    #expect(fetched.extents == [[shard == 0 ? 0 : 1, place.lowerBound, place.count]])
                    #expect(fetched.bytes == place.count)
                    #expect(fetched.chunks == (place.count + 131_071) / 131_072)
                    #expect(try contents(of: copy) == (shard == 0 ? Array("{}".utf8) : Array(weights[place])))
                }
                try await seeder.message("connected to")
            }
        }

        @Test(Self.networks) func `it publishes a folder as shoal does, and serves all of it alone`() async throws {
            try await onStage { stage in
                let files = [
                    "config.json": Array("{}".utf8), "empty": [], "größe.bin": Weights.bytes(131_073, seed: 2),
                    "parts/a.bin": Weights.bytes(5_000_000),
                ].merging(Self.small) { first, _ in first }
                for (name, bytes) in files { try stage.folder.write("m/\(name)", bytes) }
                let network = try await Namespace(on: stage)
                let peer = try network.start(.foreignPeer, ["serve", stage.folder("m"), "--tracker", network.tracker])
                let link = try await peer.firstResult()
                #expect(link == (try await stage.link(to: stage.folder("m"), tracker: network.tracker)))

                let copy = stage.folder("copy")
                let fetcher = try network.start("fetch", [link, "--output", copy, "--json"], home: "f")
                let outcome = try await fetcher.outcome()
                #expect(outcome.code == 0, "\(outcome)")
                let summary = try Summary(outcome)
                #expect(summary.bytesFromPeers == files.values.map(\.count).reduce(0, +))
                #expect(summary.peers == 1)
                #expect(outcome.stderr.contains("(foreign peer 1)"))
                for (name, bytes) in files { #expect(try contents(of: "\(copy)/\(name)") == bytes) }

                peer.send(SIGTERM)
                #expect(try await peer.outcome().code == 0)
            }
        }

        @Test(Self.networks) func `one that serves wrong bytes is banned, and an honest one gives them`() async throws {
            try await onStage { stage in
                let bytes = Weights.bytes(1_000_000)
                for name in ["a.bin", "b.bin"] { try stage.folder.write("m/\(name)", bytes + Array(name.utf8)) }
                let network = try await Namespace(on: stage)
                let arguments = ["serve", stage.folder("m"), "--tracker", network.tracker]
                let liar = try network.start(.foreignPeer, arguments + ["--lie"])
                let link = try await liar.firstResult()
                let copy = stage.folder("copy")
                let fetcher = try network.start("fetch", [link, "--output", copy, "--json"], home: "f")
                try await fetcher.message("it sent wrong bytes of two shards")
                // Nothing of it was kept.
                #expect(!FileManager.default.fileExists(atPath: copy))

                _ = try await network.start(.foreignPeer, arguments).firstResult()
                let outcome = try await fetcher.outcome()
                #expect(outcome.code == 0, "\(outcome)")
                #expect(try Summary(outcome).bytesFromPeers == 2_000_010)
                for name in ["a.bin", "b.bin"] {
                    #expect(try contents(of: "\(copy)/\(name)") == bytes + Array(name.utf8))
                }
            }
        }
    }
}
