import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

extension CommandTests {
    /// What cannot be done: exit code 1, and one line that begins with "error: " and says what to do.
    @Suite struct FailureTests {
        private func expect(_ outcome: RunningShoal.Outcome, _ sentence: String) {
            #expect(outcome.code == 1, "\(outcome)")
            #expect(outcome.stdout.isEmpty)
            let last = outcome.stderr.split(separator: "\n").last ?? ""
            #expect(last.hasPrefix("error: ") && last.contains(sentence), "\(outcome)")
        }

        @Test func `without any tracker nothing is tried`() async throws {
            try await onStage { stage in
                let file = try stage.folder.write("weights.bin", Weights.bytes(1_000))
                let link = try await stage.link(to: file)
                self.expect(try await stage.run("fetch", [link], home: "fetcher"), "name one with --tracker URL")
                self.expect(try await stage.run("seed", [file], home: "seeder"), "name a tracker with --tracker URL")
                let published = try await stage.run("publish", [file], home: "publisher")
                #expect(published.code == 0)
                #expect(published.stderr.contains("the link names no tracker"))
            }
        }

        @Test func `a link whose trackers speak something else has none that can be used`() async throws {
            try await onStage { stage in
                let file = try stage.folder.write("weights.bin", Weights.bytes(1_000))
                let link = try await stage.link(to: file) + "&tr=udp%3A%2F%2F127.0.0.1%3A9%2Fannounce"
                let outcome = try await stage.run("fetch", [link], home: "fetcher")
                self.expect(outcome, "the link names no tracker that can be used")
                #expect(outcome.stderr.contains("a tracker of the link is not used: udp://127.0.0.1:9/announce: "))
            }
        }

        @Test func `a fetch whose time is up says what stood in the way`() async throws {
            try await onStage { stage in
                let file = try stage.folder.write("weights.bin", Weights.bytes(1_000))
                let port = try FreePort()
                let link = try await stage.link(to: file)
                let down = ["--tracker", port.url, "--timeout", "1"]
                self.expect(
                    try await stage.run("fetch", [link] + down, home: "fetcher"),
                    "gave up after 1 s: no tracker could be reached"
                )
                let tracker = try await stage.tracker()
                let alone = ["--tracker", tracker.url, "--timeout", "1"]
                self.expect(
                    try await stage.run("fetch", [link] + alone, home: "fetcher"),
                    "gave up after 1 s: no peer of this swarm was found; is somebody seeding it"
                )
            }
        }

        @Test func `a fetch whose time is up in mid transfer keeps what it has`() async throws {
            try await onStage { stage in
                let bytes = Weights.bytes(64 << 20)
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", bytes)
                let seeder = try await stage.seeder(of: file, tracker: tracker.url)
                let fetcher = try stage.start(
                    "fetch",
                    [seeder.link, "--timeout", "5", "--log-level", "trace"],
                    home: "fetcher"
                )
                try await fetcher.hasChunks(from: 1)
                seeder.shoal.send(SIGSTOP)
                let outcome = try await fetcher.outcome()
                self.expect(outcome, "of 67.1 MB are missing")
                seeder.shoal.send(SIGCONT)
                let again = try await stage.run("fetch", [seeder.link, "--json"], home: "fetcher")
                #expect(again.code == 0, "\(again)")
                #expect(try Summary(again).bytesFromPeers < bytes.count)
            }
        }

        @Test func `a home that cannot be made is named`() async throws {
            try await onStage { stage in
                let file = try stage.folder.write("weights.bin", Weights.bytes(1_000))
                let outcome = try await stage.run("publish", [file], home: "weights.bin/home")
                self.expect(outcome, "weights.bin/home is a file, not a folder")
                #expect(outcome.stderr.contains(stage.folder("weights.bin/home")))
            }
        }

        @Test func `a home that is held by a process that is no node is refused with its process ID`() async throws {
            try await onStage { stage in
                let file = try stage.folder.write("weights.bin", Weights.bytes(1_000))
                let link = try await stage.link(to: file, tracker: "ws://127.0.0.1:9")
                let lock = try stage.folder.write("shared/lock", Array("\(getpid())\n".utf8))
                // As a `publish` does while it hashes.
                let handle = try #require(FileHandle(forUpdatingAtPath: lock))
                #expect(flock(handle.fileDescriptor, LOCK_EX | LOCK_NB) == 0)
                for (command, argument) in [("publish", file), ("seed", file), ("fetch", link), ("manifest", file)] {
                    let outcome = try await stage.run(command, [argument], home: "shared")
                    self.expect(outcome, "another Shoal (process \(getpid())) holds \(stage.folder("shared"))")
                }
                for command in ["status", "peers", "stop"] {
                    let outcome = try await stage.run(command, home: "shared")
                    self.expect(
                        outcome,
                        "process \(getpid()) holds \(stage.folder("shared")) and is no node, or none yet"
                    )
                }
                try handle.close()
                #expect(try await stage.run("publish", [file], home: "shared").code == 0)
            }
        }

        @Test func `what is in the way of --output is left alone`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", Weights.bytes(300_000))
                let seeder = try await stage.seeder(of: file, tracker: tracker.url)
                let precious = try stage.folder.write("precious.txt", Array("precious".utf8))
                let arguments = [seeder.link, "--output", precious]
                let outcome = try await stage.run("fetch", arguments, home: "fetcher")
                self.expect(outcome, "\(precious) exists and is something else: remove it, or choose another name")
                #expect(try contents(of: precious) == Array("precious".utf8))
                let below = try await stage.run(
                    "fetch",
                    [seeder.link, "--output", precious + "/copy"],
                    home: "fetcher"
                )
                self.expect(below, "precious.txt/copy is a file, not a folder")
            }
        }

        @Test func `a tracker cannot have a port that is taken`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let address = String(tracker.url.dropFirst("ws://".count))
                let outcome = try await stage.run("tracker", ["--listen", address])
                self.expect(outcome, "cannot listen on \(address)")
            }
        }
    }
}
