import Foundation
import TestSupport
import Testing

extension CommandTests {
    /// A home as a cache: `cache`, `pin` and `unpin`, and fetches into one that is full.
    @Suite struct CacheTests {
        /// What the tests read of `cache --json`.
        private struct Cache: Decodable {
            struct Shard: Decodable {
                var manifest: String
                var shard: Int
            }

            var budgetBytes: Int?
            var residentBytes: Int
            var pinnedBytes: Int
            var evictableBytes: Int
            var next: [Shard]
        }

        private func cache(_ stage: Stage, _ arguments: [String] = []) async throws -> Cache {
            let outcome = try await stage.run("cache", ["--json"] + arguments, home: "home")
            #expect(outcome.code == 0, "\(outcome)")
            return try JSONDecoder().decode(Cache.self, from: Data(outcome.stdout))
        }

        @Test func `a fetch into a full cache has others make way, but nothing that is pinned`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                var links: [String] = []
                for number in 0..<3 {
                    let bytes = Weights.bytes(3_000_000, seed: UInt64(number))
                    let file = try stage.folder.write("m\(number).bin", bytes)
                    links.append(try await stage.seeder(of: file, home: "s\(number)", tracker: tracker.url).link)
                }
                #expect(try await stage.run("fetch", [links[0]], home: "home").code == 0)
                #expect(try await stage.run("fetch", [links[1]], home: "home").code == 0)
                let before = try await self.cache(stage)
                #expect(before.budgetBytes == nil && before.residentBytes >= 6_000_000)
                // Used least recently, it would go first.
                #expect(before.next.first?.manifest == manifestID(in: links[0]))
                let pinned = try await stage.run("pin", [links[0]], home: "home")
                #expect(pinned.stderr.contains("1 of 1 shards pinned, 3.0 MB of 3.0 MB"), "\(pinned)")
                let listed = try await stage.run("list", ["--json"], home: "home")
                #expect(listed.output.contains("\"pinnedBytes\":3000000"), "\(listed)")
                let bounded = try await self.cache(stage, ["--budget", "7MB"])
                #expect(bounded.budgetBytes == 7_000_000)
                #expect(bounded.next.map(\.manifest) == [manifestID(in: links[1])])

                #expect(try await stage.run("fetch", [links[2]], home: "home").code == 0)
                let after = try await self.cache(stage)
                #expect(after.residentBytes < 7_000_000 && after.pinnedBytes >= 3_000_000)
                #expect(after.next.map(\.manifest) == [manifestID(in: links[2])])

                let refused = try await stage.run("cache", ["--budget", "5MB"], home: "home")
                #expect(refused.code == 0 && refused.output.contains("budget 5.0 MB"), "\(refused)")
                let tooMuch = try await stage.run("fetch", [links[1]], home: "home")
                #expect(tooMuch.code == 1)
                #expect(tooMuch.stderr.contains("raise the budget") || tooMuch.stderr.contains("Raise the budget"))

                #expect(try await stage.run("unpin", [manifestID(in: links[0])], home: "home").code == 0)
                #expect(try await stage.run("fetch", [links[1]], home: "home").code == 0)
                #expect(try await self.cache(stage, ["--budget", "none"]).budgetBytes == nil)
            }
        }

        @Test func `a running node keeps to a budget at once, and tells its peers`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("m.bin", Weights.bytes(3_000_000))
                let source = try await stage.seeder(of: file, tracker: tracker.url)
                #expect(try await stage.run("fetch", [source.link], home: "home").code == 0)
                let node = try stage.start("seed", [source.link], home: "home")
                _ = try await node.firstResult()
                #expect(try await stage.run("pin", [source.link, "0"], home: "home").code == 0)
                #expect(try await self.cache(stage, ["--budget", "1MB"]).residentBytes >= 3_000_000)
                #expect(try await stage.run("cache", home: "home").output.contains("above the budget"))
                #expect(try await stage.run("unpin", [source.link], home: "home").code == 0)
                try await node.messages.wait(for: "the eviction", within: .seconds(30)) { lines in
                    lines.contains("1 shards make way: the cache is full") ? () : nil
                }
                // The node has not fetched it again.
                #expect(try await stage.run("fetch", [source.link], home: "home").stderr.contains("aise the budget"))
            }
        }

        @Test func `what is wrong is said before anything happens`() async throws {
            try await onStage { stage in
                #expect(try await stage.run("cache", ["--budget", "much"], home: "home").code == 2)
                #expect(try await stage.run("pin", ["abcd", "1-"], home: "home").code == 2)
                let unknown = try await stage.run("pin", ["abcd"], home: "home")
                #expect(unknown.code == 1 && unknown.stderr.contains("shoal list"), "\(unknown)")
                let file = try stage.folder.write("m.bin", Weights.bytes(10))
                let link = try await stage.link(to: file)
                let outside = try await stage.run("pin", [link, "1"], home: "publisher")
                #expect(outside.stderr.contains("the model has no shard 1"), "\(outside)")
            }
        }
    }
}
