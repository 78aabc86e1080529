import Foundation
import TestSupport
import Testing

extension CommandTests {
    /// What a home holds: `list`, `verify`, `remove` and `adopt`, with a running node and without one.
    @Suite struct HoldingTests {
        /// What the tests read of `list --json`.
        private struct List: Decodable {
            struct Model: Decodable {
                var name: String?
                var manifest: String
                var format: String?
                var totalBytes: Int?
                var residentBytes: Int?
                var externalFiles: Int
                var lastUsed: Int?
                var state: String
            }

            var models: [Model]
        }

        private func list(_ stage: Stage, _ home: String) async throws -> [List.Model] {
            let outcome = try await stage.run("list", ["--json"], home: home)
            #expect(outcome.code == 0, "\(outcome)")
            return try JSONDecoder().decode(List.self, from: Data(outcome.stdout)).models
        }

        private func files(_ stage: Stage, _ home: String, _ link: String) -> String {
            stage.folder("\(home)/models/\(manifestID(in: link))/files")
        }

        private func flip(_ path: String, at offset: UInt64) throws {
            let file = try FileHandle(forUpdating: URL(filePath: path))
            try file.seek(toOffset: offset)
            let byte = try #require(try file.read(upToCount: 1)?.first)
            try file.seek(toOffset: offset)
            try file.write(contentsOf: Data([byte ^ 0xFF]))
            try file.close()
        }

        @Test func `list shows what the home holds, and what a node does with it`() async throws {
            try await onStage { stage in
                #expect(try await self.list(stage, "home").isEmpty)
                #expect(try await stage.run("list", home: "home").stderr.contains("holds no model"))
                let tracker = try await stage.tracker()
                let own = try stage.folder.write("own.bin", Weights.bytes(300_000))
                let other = try stage.folder.write("other.bin", Weights.bytes(200_000, seed: 2))
                #expect(try await stage.run("publish", [own, "--name", "Mine"], home: "home").code == 0)
                let seeder = try await stage.seeder(of: other, tracker: tracker.url)
                #expect(try await stage.run("fetch", [seeder.link], home: "home").code == 0)

                let idle = try await self.list(stage, "home")
                #expect(idle.map(\.name) == ["other.bin", "Mine"])
                #expect(idle.map(\.state) == ["idle", "idle"])
                #expect(idle.map(\.residentBytes) == [200_000, 300_000])
                #expect(idle.map(\.externalFiles) == [0, 1])
                #expect(idle.allSatisfy { $0.format == "files" && $0.lastUsed != nil })

                _ = try await stage.seeder(of: own, home: "home", tracker: tracker.url)
                let served = try await self.list(stage, "home")
                #expect(Set(served.map { "\($0.name ?? "") \($0.state)" }) == ["own.bin seeding", "other.bin idle"])
                let table = try await stage.run("list", home: "home")
                #expect(table.output.contains("own.bin"), "\(table)")
                #expect(table.output.contains("1 (1 yours)"), "\(table)")
            }
        }

        @Test func `verify repairs what is wrong from the swarm, by itself`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", Weights.bytes(20 << 20))
                let seeder = try await stage.seeder(of: file, tracker: tracker.url)
                #expect(try await stage.run("fetch", [seeder.link], home: "home").code == 0)
                let right = try await stage.run("verify", home: "home")
                #expect(right.code == 0 && right.output.contains("weights.bin"), "\(right)")
                #expect(right.output.contains(": right, 21.0 MB of 21.0 MB here"), "\(right)")

                let copy = self.files(stage, "home", seeder.link) + "/model.bin"
                try self.flip(copy, at: 17 << 20)
                let report = try await stage.run("verify", ["--no-repair"], home: "home")
                #expect(report.code == 1, "\(report)")
                #expect(report.output.contains("1 shard (4.2 MB) wrong or gone, 0 of them fetched again"), "\(report)")
                #expect(report.stderr.contains("error: 1 shard wrong or gone and not repaired"), "\(report)")

                #expect(try await stage.run("fetch", [seeder.link], home: "home").code == 0)
                try self.flip(copy, at: 5)
                let repaired = try await stage.run(
                    "verify",
                    [manifestID(in: seeder.link), "--bind", "127.0.0.1"],
                    home: "home"
                )
                #expect(repaired.code == 0, "\(repaired)")
                #expect(repaired.output.contains("1 shard (16.8 MB) wrong or gone, fetched again"), "\(repaired)")
                #expect(try contents(of: copy) == contents(of: file))
            }
        }

        @Test func `verify through a running node repairs while it serves`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", Weights.bytes(20 << 20))
                let seeder = try await stage.seeder(of: file, tracker: tracker.url)
                #expect(try await stage.run("fetch", [seeder.link], home: "home").code == 0)
                _ = try await stage.seeder(of: seeder.link, home: "home", tracker: tracker.url)
                let copy = self.files(stage, "home", seeder.link) + "/model.bin"
                try self.flip(copy, at: 17 << 20)
                let repaired = try await stage.run("verify", ["--json"], home: "home")
                #expect(repaired.code == 0, "\(repaired)")
                #expect(repaired.output.contains("\"repairedShards\":1"), "\(repaired)")
                #expect(try contents(of: copy) == contents(of: file))
                // A second look finds nothing to do.
                #expect(try await stage.run("verify", ["--json"], home: "home").output.contains("\"wrongShards\":0"))
            }
        }

        @Test func `verify says what it cannot repair`() async throws {
            try await onStage { stage in
                let own = try stage.folder.write("own.bin", Weights.bytes(300_000))
                let link = try await stage.run("publish", [own], home: "home").output
                try self.flip(own, at: 3)
                let outcome = try await stage.run("verify", ["--timeout", "1"], home: "home")
                #expect(outcome.code == 1, "\(outcome)")
                #expect(outcome.stderr.contains("files of yours are not repaired"), "\(outcome)")
                #expect(try contents(of: own).count == 300_000)
                let unknown = try await stage.run("verify", ["0123456789"], home: "home")
                #expect(unknown.code == 1 && unknown.stderr.contains("this home has no model 0123456789"), "\(unknown)")
                #expect(link.hasPrefix("magnet:"))
            }
        }

        @Test func `remove frees the disk and leaves the user's files alone`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", Weights.bytes(1 << 20))
                let seeder = try await stage.seeder(of: file, tracker: tracker.url)
                #expect(try await stage.run("fetch", [seeder.link], home: "home").code == 0)
                let id = manifestID(in: seeder.link)
                let removed = try await stage.run("remove", [String(id.prefix(8))], home: "home")
                #expect(removed.code == 0, "\(removed)")
                #expect(removed.stderr.contains("removed weights.bin (\(id.prefix(8))): 1."), "\(removed)")
                #expect(try await self.list(stage, "home").isEmpty)
                #expect(!FileManager.default.fileExists(atPath: stage.folder("home/models/\(id)")))
                #expect(try await stage.run("remove", [id], home: "home").code == 1)

                #expect(try await stage.run("publish", [file], home: "other").code == 0)
                let own = try await stage.run("remove", [seeder.link], home: "other")
                #expect(own.stderr.contains("yours, untouched: ") && own.stderr.contains("weights.bin"), "\(own)")
                #expect(try contents(of: file) == Weights.bytes(1 << 20))
            }
        }

        @Test func `remove through a running node leaves the swarm, and the model can come again`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", Weights.bytes(8 << 20))
                let own = try stage.folder.write("own.bin", Weights.bytes(1_000, seed: 3))
                let seeder = try await stage.seeder(of: file, tracker: tracker.url, ["--upload-limit", "500KiB"])
                let node = try await stage.seeder(of: own, home: "busy", tracker: tracker.url)
                // In the middle of a transfer, for which somebody waits.
                let fetch = try stage.start("fetch", [seeder.link], home: "busy")
                while try await self.list(stage, "busy").first(where: { $0.state == "fetching" })?.residentBytes ?? 0
                    == 0
                {
                    try Task.checkCancellation()
                }
                let removed = try await stage.run("remove", [seeder.link], home: "busy")
                #expect(removed.code == 0, "\(removed)")
                let waiting = try await fetch.outcome()
                #expect(waiting.code == 1 && waiting.stderr.contains("the model was removed meanwhile"), "\(waiting)")
                #expect(try await self.list(stage, "busy").map(\.name) == ["own.bin"])
                #expect(!FileManager.default.fileExists(atPath: self.files(stage, "busy", seeder.link)))

                // The seeder is told, and the node goes on with what it has.
                let again = try stage.start("fetch", [seeder.link, "--json"], home: "busy")
                while try await self.list(stage, "busy").first(where: { $0.state == "fetching" })?.residentBytes ?? 0
                    == 0
                {
                    try Task.checkCancellation()
                }
                again.send(SIGINT)
                _ = try await again.outcome()
                #expect(try await stage.run("fetch", [node.link], home: "third").code == 0)
            }
        }

        @Test func `adopt serves a whole file in place, with the manifest from the swarm`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let bytes = Weights.bytes(20 << 20)
                let file = try stage.folder.write("weights.bin", bytes)
                let mine = try stage.folder.write("mine/download.bin", bytes)
                let seeder = try await stage.seeder(of: file, tracker: tracker.url)
                let adopted = try await stage.run("adopt", [seeder.link, mine, "--bind", "127.0.0.1"], home: "home")
                #expect(adopted.code == 0, "\(adopted)")
                #expect(adopted.stderr.contains("adopted 1 file, 21.0 MB: served in place"), "\(adopted)")
                #expect(!FileManager.default.fileExists(atPath: self.files(stage, "home", seeder.link) + "/model.bin"))
                let fetched = try await stage.run("fetch", [seeder.link, "--json"], home: "home")
                #expect(try Summary(fetched).bytesFromPeers == 0)
                seeder.shoal.kill()
                _ = try await stage.seeder(of: seeder.link, home: "home", tracker: tracker.url)
                #expect(try await stage.run("fetch", [seeder.link], home: "third").code == 0)
                #expect(try contents(of: mine) == bytes)
            }
        }

        @Test func `adopt through a node that fetches saves it the parts that are there`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let bytes = Weights.bytes(20 << 20)
                let file = try stage.folder.write("weights.bin", bytes)
                // An interrupted download: the first shard and a bit.
                let mine = try stage.folder.write("part.bin", Array(bytes[..<(18 << 20)]))
                let seeder = try await stage.seeder(of: file, tracker: tracker.url, ["--upload-limit", "500KiB"])
                let own = try stage.folder.write("own.bin", Weights.bytes(1_000, seed: 3))
                _ = try await stage.seeder(of: own, home: "busy", tracker: tracker.url)
                let fetch = try stage.start("fetch", [seeder.link, "--json"], home: "busy")
                while try await self.list(stage, "busy").first(where: { $0.state == "fetching" }) == nil {
                    try Task.checkCancellation()
                }
                let adopted = try await stage.run("adopt", [seeder.link, mine], home: "busy")
                #expect(adopted.code == 0, "\(adopted)")
                #expect(adopted.stderr.contains("out of files that are not whole"), "\(adopted)")
                let outcome = try await fetch.outcome()
                #expect(outcome.code == 0, "\(outcome)")
                #expect(try Summary(outcome).bytesFromPeers < 6 << 20)
                #expect(try contents(of: self.files(stage, "busy", seeder.link) + "/model.bin") == bytes)
                #expect(try contents(of: mine).count == 18 << 20)
            }
        }

        @Test func `adopt says what it does not know`() async throws {
            try await onStage { stage in
                let own = try stage.folder.write("own.bin", Weights.bytes(300_000))
                let stranger = try stage.folder.write("stranger.bin", Weights.bytes(300_000, seed: 9))
                let link = try await stage.link(to: own)
                let lost = try await stage.run("adopt", [link, own], home: "home")
                #expect(lost.code == 1 && lost.stderr.contains("no tracker is known"), "\(lost)")
                let nothing = try await stage.run("adopt", [link, stage.folder("nothing")], home: "publisher")
                #expect(nothing.code == 1 && nothing.stderr.contains("does not exist"), "\(nothing)")
                try FileManager.default.removeItem(atPath: own)
                let wrong = try await stage.run("adopt", [link, stranger], home: "publisher")
                #expect(wrong.code == 1 && wrong.stderr.contains("is of that model"), "\(wrong)")
            }
        }

        /// How a file of the user's may come to be another one.
        enum Change: CaseIterable {
            case size
            case time
            /// Size and time as before.
            case inode
            case gone
        }

        private func make(_ change: Change, _ path: String) throws {
            let manager = FileManager.default
            let time = try manager.attributesOfItem(atPath: path)[.modificationDate] as? Date
            switch change {
            case .size:
                let file = try FileHandle(forWritingTo: URL(filePath: path))
                try file.truncate(atOffset: 1_000)
                try file.close()
            case .time:
                try self.flip(path, at: 7)
                let past = try #require(time).addingTimeInterval(-10)
                try manager.setAttributes([.modificationDate: past], ofItemAtPath: path)
            case .inode:
                // Kept beside it, so that the new one cannot have its number.
                try manager.moveItem(atPath: path, toPath: path + ".old")
                try Data(Weights.bytes(300_000, seed: 7)).write(to: URL(filePath: path))
                try manager.setAttributes([.modificationDate: try #require(time)], ofItemAtPath: path)
            case .gone: try manager.removeItem(atPath: path)
            }
        }

        @Test(arguments: Change.allCases)
        func `a file that changes behind a running seeder is served no more, and the rest is`(
            change: Change
        ) async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                try stage.folder.write("m/a", Weights.bytes(300_000, seed: 1))
                try stage.folder.write("m/b", Weights.bytes(300_000, seed: 2))
                let seeder = try await stage.seeder(of: stage.folder("m"), tracker: tracker.url)
                try self.make(change, stage.folder("m/a"))
                let changed = try? contents(of: stage.folder("m/a"))
                let fetch = try stage.start("fetch", [seeder.link], home: "home")
                try await seeder.shoal.message("warning: not all is served any more: ")
                fetch.send(SIGINT)
                #expect(try await fetch.outcome().code == 130)
                let rest = try await stage.run("fetch", [seeder.link, "--include", "b"], home: "home")
                #expect(rest.code == 0, "\(rest)")
                // Nor is it written to when its own home fetches again.
                #expect((try? contents(of: stage.folder("m/a"))) == changed)
            }
        }
    }
}
