import Foundation
import TestSupport
import Testing

extension CommandTests {
    @Suite struct FetchTests {
        @Test func `a file crosses through a tracker, and the figures are right`() async throws {
            try await onStage { stage in
                let bytes = Weights.bytes(3_000_001)
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", bytes)
                let seeder = try await stage.seeder(of: file, tracker: tracker.url)
                let copy = stage.folder("copy.bin")
                let arguments = [seeder.link, "--output", copy, "--json"]
                let outcome = try await stage.run("fetch", arguments, home: "fetcher")
                #expect(outcome.code == 0, "\(outcome)")
                #expect(try contents(of: copy) == bytes)

                let object = try #require(
                    try JSONSerialization.jsonObject(with: Data(outcome.stdout)) as? [String: Any]
                )
                #expect(
                    object.keys.sorted()
                        == ["bytes", "bytesFromPeers", "bytesPerSecond", "manifest", "peers", "seconds", "signedBy"]
                )
                let summary = try Summary(outcome)
                #expect(summary.bytes == bytes.count)
                #expect(summary.bytesFromPeers == bytes.count)
                #expect(summary.peers == 1)
                #expect(summary.seconds > 0 && summary.seconds < 60)
                #expect(abs(summary.bytesPerSecond * summary.seconds - Double(bytes.count)) < 1)
                #expect(summary.manifest == manifestID(in: seeder.link))
            }
        }

        /// Root may do what others must not, to sockets above all, and would never see that the program asks for it.
        @Test(.enabled(if: canLackPrivileges, "root needs setpriv for this"))
        func `a file crosses between users without privileges`() async throws {
            try await onStage { stage in
                let file = try stage.folder.write("weights.bin", Weights.bytes(400_000))
                let tracker = try stage.startUnprivileged(["tracker", "--listen", "127.0.0.1:0"])
                let own = ["--bind", "127.0.0.1", "--home"]
                let announced = ["seed", file, "--tracker", try await tracker.firstResult()]
                let seeder = try stage.startUnprivileged(announced + own + [stage.folder("seeder")])
                let wanted = ["fetch", try await seeder.firstResult(), "--timeout", "30"]
                let fetcher = try stage.startUnprivileged(wanted + own + [stage.folder("fetcher")])
                let outcome = try await fetcher.outcome()
                #expect(outcome.code == 0, "\(outcome)")
            }
        }

        @Test func `a second fetch takes nothing from peers, not even a tracker's time`() async throws {
            try await onStage { stage in
                let bytes = Weights.bytes(400_000)
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", bytes)
                let seeder = try await stage.seeder(of: file, tracker: tracker.url)
                #expect(try await stage.run("fetch", [seeder.link], home: "fetcher").code == 0)
                seeder.shoal.kill()
                tracker.shoal.kill()
                let arguments = [seeder.link, "--json", "--output", stage.folder("copy.bin")]
                let again = try await stage.run("fetch", arguments, home: "fetcher")
                #expect(again.code == 0, "\(again)")
                let summary = try Summary(again)
                #expect(summary.bytes == bytes.count)
                #expect(summary.bytesFromPeers == 0)
                #expect(summary.peers == 0)
                #expect(try contents(of: stage.folder("copy.bin")) == bytes)
            }
        }

        @Test func `a model that went bad at home is noticed and fetched again`() async throws {
            try await onStage { stage in
                let bytes = Weights.bytes(400_000)
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", bytes)
                let seeder = try await stage.seeder(of: file, tracker: tracker.url)
                #expect(try await stage.run("fetch", [seeder.link], home: "fetcher").code == 0)
                let own = stage.folder("fetcher/models/\(manifestID(in: seeder.link))/files/model.bin")
                let handle = try FileHandle(forUpdating: URL(filePath: own))
                try handle.seek(toOffset: 200_000)
                try handle.write(contentsOf: Data([1, 2, 3, 4]))
                try handle.close()
                let arguments = [seeder.link, "--json", "--output", stage.folder("copy.bin")]
                let again = try await stage.run("fetch", arguments, home: "fetcher")
                #expect(again.code == 0, "\(again)")
                #expect(try Summary(again).bytesFromPeers > 0)
                #expect(try contents(of: stage.folder("copy.bin")) == bytes)
            }
        }

        @Test func `a seeder that has only a part of the model says so`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("parts/a.bin", Weights.bytes(300_000))
                try stage.folder.write("parts/b.bin", Weights.bytes(200_000, seed: 2))
                let link = try await stage.link(to: stage.folder("parts"), tracker: tracker.url)
                try FileManager.default.removeItem(atPath: file)
                let seeder = try stage.start("seed", [link], home: "publisher")
                try await seeder.message("only 200 kB of 500 kB are here and served")
                try FileManager.default.removeItem(atPath: stage.folder("parts/b.bin"))
                seeder.remove()
                let nothing = try await stage.run("seed", [link], home: "publisher")
                #expect(nothing.code == 1)
                #expect(nothing.stderr.contains("nothing of that model is here any more"), "\(nothing)")
            }
        }

        @Test func `a folder crosses with its folders and its empty files`() async throws {
            try await onStage { stage in
                let files = [
                    "config.json": Array("{}".utf8), "parts/one/a.bin": Weights.bytes(200_000),
                    "parts/two/b.bin": Weights.bytes(131_072, seed: 2), "parts/empty": [],
                ]
                for (name, bytes) in files { try stage.folder.write("model/\(name)", bytes) }
                let tracker = try await stage.tracker()
                let seeder = try await stage.seeder(of: stage.folder("model"), tracker: tracker.url)
                let copy = stage.folder("deep/copy")
                let outcome = try await stage.run("fetch", [seeder.link, "--output", copy], home: "fetcher")
                #expect(outcome.code == 0, "\(outcome)")
                #expect(outcome.stdout.isEmpty)
                var found: Set<String> = []
                let walk = FileManager.default.enumerator(atPath: copy)
                while let name = walk?.nextObject() as? String {
                    if walk?.fileAttributes?[.type] as? FileAttributeType == .typeRegular { found.insert(name) }
                }
                #expect(found == Set(files.keys))
                for (name, bytes) in files { #expect(try contents(of: "\(copy)/\(name)") == bytes) }
            }
        }

        @Test func `two fetch at once`() async throws {
            try await onStage { stage in
                let bytes = Weights.bytes(3_000_000)
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", bytes)
                let seeder = try await stage.seeder(of: file, tracker: tracker.url)
                let fetchers = try ["one", "two"].map { (name: String) in
                    try stage.start("fetch", [seeder.link, "--output", stage.folder("\(name).bin")], home: name)
                }
                for fetcher in fetchers {
                    let outcome = try await fetcher.outcome()
                    #expect(outcome.code == 0, "\(outcome)")
                }
                for name in ["one", "two"] { #expect(try contents(of: stage.folder("\(name).bin")) == bytes) }
            }
        }

        @Test func `who fetched with --seed serves when the first seeder is gone`() async throws {
            try await onStage { stage in
                let bytes = Weights.bytes(1_000_000)
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", bytes)
                let seeder = try await stage.seeder(of: file, tracker: tracker.url)
                let second = try stage.start("fetch", [seeder.link, "--seed", "--json"], home: "second")
                #expect(try await second.firstResult().contains("\"bytesFromPeers\":1000000"))
                seeder.shoal.remove()

                let copy = stage.folder("copy.bin")
                let outcome = try await stage.run("fetch", [seeder.link, "--output", copy], home: "third")
                #expect(outcome.code == 0, "\(outcome)")
                #expect(try contents(of: copy) == bytes)

                second.send(SIGINT)
                #expect(try await second.outcome().code == 130)
            }
        }

        @Test func `a home that has the model already serves it with fetch --seed, and its link with seed`()
            async throws
        {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", Weights.bytes(200_000))
                let seeder = try await stage.seeder(of: file, tracker: tracker.url)
                #expect(try await stage.run("fetch", [seeder.link], home: "second").code == 0)
                seeder.shoal.remove()

                let again = try stage.start("fetch", [seeder.link, "--seed", "--json"], home: "second")
                #expect(try await again.firstResult().contains("\"bytesFromPeers\":0"))
                #expect(try await stage.run("fetch", [seeder.link], home: "third").code == 0)
                again.remove()

                let third = try stage.start("seed", [seeder.link], home: "third")
                #expect(try await third.firstResult() == seeder.link)
                #expect(try await stage.run("fetch", [seeder.link], home: "fourth").code == 0)
            }
        }
    }
}

/// What a program without root's capabilities begins with, for root.
private let unprivileged = ["/usr/bin/setpriv", "--bounding-set=-all", "--inh-caps=-all"]

private let canLackPrivileges = getuid() != 0 || FileManager.default.isExecutableFile(atPath: unprivileged[0])

extension Stage {
    fileprivate func startUnprivileged(_ arguments: [String]) throws -> RunningShoal {
        guard getuid() == 0 else { return try self.start(arguments) }
        let entry = Array(unprivileged[1...]) + [RunningShoal.program.path]
        return try self.start(entry + arguments, of: URL(filePath: unprivileged[0]))
    }
}
