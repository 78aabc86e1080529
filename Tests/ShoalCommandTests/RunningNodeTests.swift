import Foundation
import TestSupport
import Testing

extension CommandTests {
    /// Commands of a home while a node runs for it, in another process.
    @Suite struct RunningNodeTests {
        /// What the tests read of `status --json`.
        private struct Status: Decodable {
            struct Swarm: Decodable {
                var name: String?
                var manifest: String
                var state: String
                var verifiedBytes: Int
                var totalBytes: Int?
                var peers: Int
            }

            struct Tracker: Decodable {
                var url: String
                var state: String
            }

            struct Connections: Decodable {
                var used: Int
                var maximum: Int
            }

            var node: String
            var process: Int32
            var home: String
            var connections: Connections
            var trackers: [Tracker]
            var swarms: [Swarm]
        }

        /// What the tests read of `peers --json`.
        private struct Peers: Decodable {
            struct Peer: Decodable {
                struct Path: Decodable {
                    struct Candidate: Decodable {
                        var kind: String
                        var address: String
                    }

                    var local: Candidate
                    var remote: Candidate
                }

                struct Chunk: Decodable {
                    var shard: Int
                    var chunk: Int
                }

                var node: String?
                var agent: String?
                var state: String
                var role: String
                var lane: String
                var swarms: [String]
                var inFlight: [Chunk]
                var downBytesPerSecond: Int
                var upBytesPerSecond: Int
                var receivedBytes: Int
                var sentBytes: Int
                var path: Path?
            }

            var peers: [Peer]
        }

        private func status(_ stage: Stage, _ home: String) async throws -> Status {
            let outcome = try await stage.run("status", ["--json"], home: home)
            #expect(outcome.code == 0, "\(outcome)")
            return try JSONDecoder().decode(Status.self, from: Data(outcome.stdout))
        }

        private func peers(_ stage: Stage, _ home: String) async throws -> [Peers.Peer] {
            let outcome = try await stage.run("peers", ["--json"], home: home)
            #expect(outcome.code == 0, "\(outcome)")
            return try JSONDecoder().decode(Peers.self, from: Data(outcome.stdout)).peers
        }

        @Test func `seeder and fetcher show each other, and how fast they are`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", Weights.bytes(8 << 20))
                // Slow enough that the transfer lasts as long as the questions.
                let seeder = try await stage.seeder(of: file, tracker: tracker.url, ["--upload-limit", "500KiB"])
                let fetcher = try stage.start("fetch", [seeder.link, "--log-level", "trace"], home: "fetcher")
                try await fetcher.hasChunks(from: 1)

                let seeding = try await self.status(stage, "seeder")
                #expect(seeding.process == seeder.shoal.id)
                #expect(seeding.home == stage.folder("seeder"))
                #expect(seeding.swarms.map(\.state) == ["seeding"])
                #expect(seeding.swarms.map(\.name) == ["weights.bin"])
                #expect(seeding.swarms.map(\.manifest) == [manifestID(in: seeder.link)])
                #expect(seeding.trackers.map(\.url) == [tracker.url])
                #expect(seeding.trackers.map(\.state) == ["connected"])
                let fetching = try await self.status(stage, "fetcher")
                #expect(fetching.swarms.map(\.state) == ["fetching"])
                #expect(fetching.swarms.map(\.totalBytes) == [8 << 20])
                #expect(fetching.swarms.map(\.peers) == [1])
                #expect(fetching.connections.used >= 1 && fetching.connections.maximum == 50)

                let up = try #require(try await self.peers(stage, "seeder").first)
                let down = try #require(try await self.peers(stage, "fetcher").first)
                #expect(up.node == fetching.node && down.node == seeding.node)
                #expect(Set([up.role, down.role]) == ["initiator", "responder"])
                for peer in [up, down] {
                    #expect(peer.state == "open" && ["direct", "webrtc"].contains(peer.lane))
                    #expect(peer.swarms == [manifestID(in: seeder.link)])
                    #expect(peer.agent?.hasPrefix("shoal/") == true)
                    #expect(peer.path?.remote.address.hasPrefix("127.0.0.1:") == true)
                    #expect(peer.path?.local.kind == "host")
                }
                #expect(up.upBytesPerSecond > 0 && up.sentBytes > 0 && up.receivedBytes == 0)
                #expect(down.downBytesPerSecond > 0 && down.receivedBytes > 0 && !down.inFlight.isEmpty)

                let table = try await stage.run("peers", home: "fetcher")
                #expect(table.output.hasPrefix("PEER      AGENT"))
                #expect(table.output.contains(String(seeding.node.prefix(8))))
                let words = try await stage.run("status", home: "fetcher")
                #expect(words.output.contains("weights.bin  fetching"))
            }
        }

        @Test(arguments: ["status", "peers", "stop"])
        func `without a node there is nothing to show, and nothing is made`(command: String) async throws {
            try await onStage { stage in
                let outcome = try await stage.run(command, home: "nobody")
                #expect(outcome.code == 1)
                #expect(outcome.stdout.isEmpty)
                #expect(outcome.stderr.contains("error: no node is running for \(stage.folder("nobody")): start one"))
                #expect(!FileManager.default.fileExists(atPath: stage.folder("nobody")))
            }
        }

        @Test func `a running seeder fetches another model from another tracker, and goes on serving it`() async throws
        {
            try await onStage { stage in
                let bytes = Weights.bytes(3_000_001, seed: 2)
                let (near, far) = (try await stage.tracker(), try await stage.tracker())
                let own = try stage.folder.write("own.bin", Weights.bytes(1_000))
                let wanted = try stage.folder.write("wanted.bin", bytes)
                _ = try await stage.seeder(of: own, home: "busy", tracker: near.url)
                let other = try await stage.seeder(of: wanted, home: "other", tracker: far.url)
                let copy = stage.folder("copy.bin")
                let outcome = try await stage.run(
                    "fetch",
                    [other.link, "--output", copy, "--json", "--upload-limit", "1MB"],
                    home: "busy"
                )
                #expect(outcome.code == 0, "\(outcome)")
                #expect(try contents(of: copy) == bytes)
                let summary = try Summary(outcome)
                #expect(summary.bytes == bytes.count && summary.bytesFromPeers == bytes.count && summary.peers == 1)
                #expect(outcome.stderr.contains("it was started without this --bind, --upload-limit"))
                #expect(outcome.stderr.contains("`shoal limit` changes the limits"))

                other.shoal.remove()
                let third = try await stage.run("fetch", [other.link], home: "third")
                #expect(third.code == 0, "\(third)")
                let again = try await stage.run("fetch", [other.link, "--output", copy, "--json"], home: "busy")
                #expect(try Summary(again).bytesFromPeers == 0)
                #expect(try await self.status(stage, "busy").swarms.map(\.state) == ["seeding", "seeding"])
            }
        }

        @Test func `a fetch that is interrupted is no longer fetched by the node, and can go on`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let own = try stage.folder.write("own.bin", Weights.bytes(1_000))
                let wanted = try stage.folder.write("wanted.bin", Weights.bytes(4 << 20, seed: 2))
                _ = try await stage.seeder(of: own, home: "busy", tracker: tracker.url)
                let other = try await stage.seeder(
                    of: wanted,
                    home: "other",
                    tracker: tracker.url,
                    ["--upload-limit", "500KiB"]
                )
                let fetch = try stage.start("fetch", [other.link], home: "busy")
                try await self.until(stage, "busy") { $0.swarms.count == 2 && $0.swarms[1].verifiedBytes > 0 }
                #expect(try await self.status(stage, "busy").swarms.map(\.state) == ["seeding", "fetching"])
                fetch.send(SIGINT)
                #expect(try await fetch.outcome(within: .seconds(10)).code == 130)
                try await self.until(stage, "busy") { $0.swarms.count == 2 && $0.swarms[1].state == "serving" }
                let late = try await stage.run("fetch", [other.link, "--timeout", "1"], home: "busy")
                #expect(late.code == 1)
                #expect(late.stderr.contains("gave up after 1 s: "), "\(late)")
                let again = try await stage.run("fetch", [other.link, "--json"], home: "busy")
                #expect(again.code == 0, "\(again)")
                #expect(try Summary(again).bytesFromPeers < 4 << 20)
            }
        }

        /// Asks the node until it says what is waited for.
        private func until(_ stage: Stage, _ home: String, _ isSeen: (Status) -> Bool) async throws {
            while true {
                if isSeen(try await self.status(stage, home)) { return }
                try Task.checkCancellation()
            }
        }

        @Test func `publish, seed and manifest go through the node, which serves what they name`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let own = try stage.folder.write("own.bin", Weights.bytes(1_000))
                let more = try stage.folder.write("more.bin", Weights.bytes(300_000, seed: 2))
                let last = try stage.folder.write("last.bin", Weights.bytes(200_000, seed: 3))
                let seeder = try await stage.seeder(of: own, home: "busy", tracker: tracker.url)

                let published = try await stage.run("publish", [more, "--name", "more"], home: "busy")
                #expect(published.code == 0, "\(published)")
                #expect(published.stderr.contains("(process \(seeder.shoal.id)) serves it"))
                let link = published.output.trimmingCharacters(in: .newlines)
                #expect(link.contains("&dn=more&tr="))
                #expect(try await stage.run("fetch", [link], home: "fetcher").code == 0)

                let seeded = try await stage.run("seed", [last], home: "busy")
                #expect(seeded.code == 0, "\(seeded)")
                let lastLink = seeded.output.trimmingCharacters(in: .newlines)
                #expect(try await stage.run("fetch", [lastLink], home: "fetcher").code == 0)
                #expect(try await stage.run("seed", [lastLink], home: "busy").output == seeded.output)

                let manifest = try await stage.run("manifest", [lastLink, "--json"], home: "busy")
                #expect(manifest.code == 0, "\(manifest)")
                let plain = try await stage.run("manifest", [last, "--json"], home: "publisher")
                #expect(manifest.stdout == plain.stdout)
                #expect(try await self.status(stage, "busy").swarms.map(\.state) == ["seeding", "seeding", "seeding"])

                let unknown = "magnet:?xt=urn:sha256:" + String(repeating: "ab", count: 32)
                let nothing = try await stage.run("seed", [unknown], home: "busy")
                #expect(nothing.code == 1)
                #expect(nothing.stderr.contains("error: this home has nothing of that model"))
                let nobody = try await stage.run("manifest", [unknown, "--timeout", "1"], home: "busy")
                #expect(nobody.stderr.contains("error: no peer sent the manifest within 1 s"))
            }
        }

        @Test func `a manifest that only the swarm has comes through the node`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let own = try stage.folder.write("own.bin", Weights.bytes(1_000))
                let wanted = try stage.folder.write("wanted.bin", Weights.bytes(300_000, seed: 2))
                _ = try await stage.seeder(of: own, home: "busy", tracker: tracker.url)
                let other = try await stage.seeder(of: wanted, home: "other", tracker: tracker.url)
                let manifest = try await stage.run("manifest", [other.link], home: "busy")
                #expect(manifest.code == 0, "\(manifest)")
                #expect(manifest.output.contains("manifest  \(manifestID(in: other.link))"))
                let swarm = try #require(try await self.status(stage, "busy").swarms.last)
                #expect(swarm.state == "serving" && swarm.verifiedBytes == 0)
            }
        }

        @Test func `when the node is killed a waiting fetch goes on by itself, and a new node takes its place`()
            async throws
        {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let own = try stage.folder.write("own.bin", Weights.bytes(1_000))
                let wanted = try stage.folder.write("wanted.bin", Weights.bytes(4 << 20, seed: 2))
                let first = try await stage.seeder(of: own, home: "busy", tracker: tracker.url)
                // So slow that a minute would not be enough: the node is killed in the middle, however busy this machine is.
                let slow = try await stage.seeder(
                    of: wanted,
                    home: "slow",
                    tracker: tracker.url,
                    ["--upload-limit", "64KiB"]
                )
                let fetch = try stage.start("fetch", [slow.link], home: "busy")
                try await self.until(stage, "busy") { $0.swarms.count == 2 && $0.swarms[1].verifiedBytes > 0 }
                first.shoal.kill()
                try await fetch.message("has ended: going on without it")
                _ = try await stage.seeder(of: wanted, home: "quick", tracker: tracker.url)
                let outcome = try await fetch.outcome()
                #expect(outcome.code == 0, "\(outcome)")
                #expect(outcome.stderr.contains("were here already"))

                // Its socket is still there, and nobody is behind it.
                let second = try await stage.seeder(of: own, home: "busy", tracker: tracker.url)
                #expect(try await self.status(stage, "busy").process == second.shoal.id)
                second.shoal.kill()
                _ = try await second.shoal.outcome()
                #expect(FileManager.default.fileExists(atPath: stage.folder("busy/node.sock")))
                #expect(try await stage.run("status", home: "busy").stderr.contains("no node is running"))
                #expect(try await stage.run("publish", [own], home: "busy").code == 0)
            }
        }

        @Test func `nodes of two homes do not know of each other's commands`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", Weights.bytes(1_000))
                let one = try await stage.seeder(of: file, home: "one", tracker: tracker.url)
                let two = try await stage.seeder(of: file, home: "two", tracker: tracker.url)
                #expect(try await self.status(stage, "one").process == one.shoal.id)
                #expect(try await self.status(stage, "two").process == two.shoal.id)
                #expect(try await stage.run("stop", home: "one").code == 0)
                let stopped = try await one.shoal.outcome(within: .seconds(10))
                #expect(stopped.code == 130)
                #expect(stopped.stderr.contains("another command wants this node to stop"))
                #expect(!FileManager.default.fileExists(atPath: stage.folder("one/node.sock")))
                #expect(try await self.status(stage, "two").process == two.shoal.id)
            }
        }

        @Test func `a home whose path is too long for a socket still has a node`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", Weights.bytes(1_000))
                let home = String(repeating: "long", count: 25)
                let seeder = try await stage.seeder(of: file, home: home, tracker: tracker.url)
                try await seeder.shoal.message("choose a shorter --home")
                #expect(try await stage.run("fetch", [seeder.link], home: "fetcher").code == 0)
                #expect(try await stage.run("status", home: home).stderr.contains("choose a shorter --home"))
            }
        }
    }
}
