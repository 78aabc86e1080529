import Foundation
import TestSupport
import Testing

extension CommandTests {
    /// `config`, and commands that find their options in the home's file and in the environment.
    @Suite struct ConfigTests {
        /// What the tests read of `config --json`.
        private struct Config: Decodable {
            struct Line: Decodable {
                var name: String
                var value: String?
                var from: String
            }

            var file: String
            var settings: [Line]

            subscript(name: String) -> String? {
                self.settings.first { $0.name == name }.map { "\($0.value ?? "-") \($0.from)" }
            }
        }

        private func configure(_ stage: Stage, _ home: String, _ text: String) throws {
            let path = stage.folder(home)
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try Data(text.utf8).write(to: URL(filePath: path).appending(component: "config.json"))
        }

        @Test func `every value is shown with where it comes from`() async throws {
            try await onStage { stage in
                try self.configure(
                    stage,
                    "home",
                    #"{"upload-limit": "2MB", "download-limit": "3MB", "upload-slots": 4}"#
                )
                let outcome = try await stage.run(
                    "config",
                    ["--json", "--upload-slots", "7"],
                    home: "home",
                    environment: ["SHOAL_DOWNLOAD_LIMIT": "none", "SHOAL_BIN": "127.0.0.1"]
                )
                #expect(outcome.code == 0, "\(outcome)")
                #expect(outcome.stderr.contains("warning: $SHOAL_BIN is no setting: did you mean $SHOAL_BIND?"))
                let config = try JSONDecoder().decode(Config.self, from: Data(outcome.stdout))
                #expect(config.file == stage.folder("home/config.json"))
                #expect(config["upload-limit"] == "2MB file")
                #expect(config["download-limit"] == "none environment")
                #expect(config["upload-slots"] == "7 option")
                #expect(config["bind"] == "- default")

                let table = try await stage.run("config", home: "home")
                #expect(table.output.contains("upload-limit             2MB "), "\(table)")
                #expect(table.output.contains(stage.folder("home/config.json")))
            }
        }

        @Test func `who has configured a tracker names none`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let bytes = Weights.bytes(1_000_000)
                let file = try stage.folder.write("weights.bin", bytes)
                try self.configure(stage, "seeder", "{\"trackers\": [\"\(tracker.url)\"]}")
                let seeder = try stage.start("seed", [file], home: "seeder")
                let link = try await seeder.firstResult()
                #expect(link.contains("&tr="), "\(link)")
                // A link that names no tracker: the environment does.
                let bare = String(link.prefix { $0 != "&" })
                let copy = stage.folder("copy.bin")
                let fetched = try await stage.run(
                    "fetch",
                    [bare, "--output", copy],
                    home: "fetcher",
                    environment: ["SHOAL_TRACKERS": tracker.url]
                )
                #expect(fetched.code == 0, "\(fetched)")
                #expect(try contents(of: copy) == bytes)
                let published = try await stage.run(
                    "publish",
                    [file],
                    home: "publisher",
                    environment: ["SHOAL_TRACKERS": tracker.url]
                )
                #expect(published.output.contains("&tr="), "\(published)")
                let lost = try await stage.run("fetch", [bare], home: "nobody")
                #expect(lost.code == 1 && lost.stderr.contains("or configure some (`shoal config`)"), "\(lost)")
            }
        }

        @Test func `what a node starts with is its own, whatever the link names that it fetches first`() async throws {
            try await onStage { stage in
                let (own, others) = (try await stage.tracker(), try await stage.tracker())
                let theirs = try stage.folder.write("theirs.bin", Weights.bytes(1_000))
                let seeder = try await stage.seeder(of: theirs, tracker: others.url)
                try self.configure(stage, "home", "{\"trackers\": [\"\(own.url)\"]}")
                let node = try stage.start("fetch", [seeder.link, "--seed"], home: "home")
                try await node.message("seeding")
                let bytes = Weights.bytes(2_000, seed: 2)
                let mine = try stage.folder.write("mine.bin", bytes)
                let published = try await stage.run("publish", [mine], home: "home")
                let link = published.output.trimmingCharacters(in: .newlines)
                #expect(link.components(separatedBy: "&tr=").count == 2, "\(published)")
                // Who knows that tracker alone finds it there.
                let bare = String(link.prefix { $0 != "&" })
                let fetched = try await stage.run("fetch", [bare, "--tracker", own.url], home: "friend")
                #expect(fetched.code == 0, "\(fetched)")
            }
        }

        @Test func `an address that is away for now stops nodes alone`() async throws {
            try await onStage { stage in
                try self.configure(stage, "home", #"{"bind": "192.0.2.1"}"#)
                let file = try stage.folder.write("weights.bin", Weights.bytes(1_000))
                #expect(try await stage.run("publish", [file], home: "home").code == 0)
                let shown = try await stage.run("config", home: "home")
                #expect(shown.code == 0 && shown.output.contains("192.0.2.1"), "\(shown)")
                let tracker = try await stage.tracker()
                let arguments = ["seed", file, "--tracker", tracker.url, "--home", stage.folder("home")]
                let refused = try await stage.start(arguments).outcome()
                #expect(refused.code == 1 && refused.stdout.isEmpty, "\(refused)")
                #expect(refused.stderr.contains("\"bind\" is 192.0.2.1: this machine does not have that address"))
            }
        }

        @Test(arguments: [
            (#"{"uplod-limit": "2MB"}"#, #"config.json: "uplod-limit" is no setting: did you mean "upload-limit"?"#),
            (#"{"upload-limit": "1kB"}"#, #"config.json: "upload-limit": a rate is at least 16KiB"#),
            (#"{"upload-slots": 51}"#, #"config.json: "upload-slots": upload slots are a number from 1 to 50"#),
            (#"{"trackers": ["http://a"]}"#, #"config.json: "trackers": "#),
            (#"{"log-level": "loud"}"#, #"config.json: "log-level": it is one of trace, debug"#),
        ])
        func `a file that cannot be used stops a command before it does anything`(
            text: String,
            problem: String
        ) async throws {
            try await onStage { stage in
                try self.configure(stage, "home", text)
                let file = try stage.folder.write("weights.bin", Weights.bytes(1_000))
                for command in ["publish", "seed"] {
                    let outcome = try await stage.run(command, [file], home: "home")
                    #expect(outcome.code == 1 && outcome.stdout.isEmpty)
                    #expect(outcome.stderr.contains(problem), "\(outcome)")
                    #expect(!outcome.stderr.contains("published"), "\(outcome)")
                }
            }
        }
    }
}
