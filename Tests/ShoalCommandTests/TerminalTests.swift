import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

extension CommandTests {
    @Suite struct TerminalTests {
        private static let escape: Character = "\u{1B}"

        @Test func `without a terminal there are lines, no escape codes`() async throws {
            try await onStage { stage in
                let tracker = try await stage.tracker()
                let file = try stage.folder.write("weights.bin", Weights.bytes(1_000_000))
                let seeder = try await stage.seeder(of: file, tracker: tracker.url)
                let outcome = try await stage.run("fetch", [seeder.link], home: "fetcher")
                #expect(outcome.code == 0)
                #expect(!outcome.stderr.contains(Self.escape) && !outcome.stderr.contains("\r"))
                #expect(outcome.stderr.contains("fetched weights.bin: 1.0 MB in "))
                #expect(outcome.stderr.contains("1.0 MB from 1 peer, 0 B were here already"))
                #expect(outcome.stdout.isEmpty)
                seeder.shoal.send(SIGINT)
                let seeded = try await seeder.shoal.outcome()
                #expect(!seeded.stderr.contains(Self.escape) && !seeded.stderr.contains("\r"))
                #expect(seeded.output == seeder.link + "\n")
            }
        }

        /// What `publish` of some MB draws on a terminal.
        private func drawing(_ environment: [String: String]) async throws -> String {
            let journal = Journal<String>()
            try await onStage { stage in
                let file = try stage.folder.write("weights.bin", Weights.bytes(32 << 20))
                let terminal = try Terminal(journal)
                let shoal = try stage.start(
                    "publish",
                    [file],
                    home: "home",
                    environment: environment,
                    stderr: terminal.slave
                )
                #expect(try await shoal.outcome().code == 0)
                try terminal.hangUp()
                try await journal.ended()
            }
            return journal.entries.joined()
        }

        @Test func `on a terminal a coloured bar is drawn over itself`() async throws {
            let text = try await self.drawing(["TERM": "xterm"])
            #expect(text.contains("\r\u{1B}[2Khashing "))
            #expect(text.contains("\u{1B}[32m"))
            #expect(text.contains("33.6 MB in 2 shards"))
        }

        @Test func `with NO_COLOR the bar has no colour`() async throws {
            let text = try await self.drawing(["TERM": "xterm", "NO_COLOR": "1"])
            #expect(text.contains("\r\u{1B}[2Khashing "))
            #expect(!text.contains("\u{1B}[32m") && !text.contains("\u{1B}[0m"))
        }

        @Test func `SHOAL_HOME is the home, unless --home names another`() async throws {
            try await onStage { stage in
                let file = try stage.folder.write("weights.bin", Weights.bytes(1_000))
                let environment = ["SHOAL_HOME": stage.folder("from-environment")]
                #expect(try await stage.run("publish", [file], environment: environment).code == 0)
                #expect(FileManager.default.fileExists(atPath: stage.folder("from-environment/models")))
                #expect(try await stage.run("publish", [file], home: "named", environment: environment).code == 0)
                #expect(FileManager.default.fileExists(atPath: stage.folder("named/models")))
                #expect(try await stage.run("publish", [file]).code == 0)
                #expect(FileManager.default.fileExists(atPath: stage.folder("user/.shoal/models")))
            }
        }
    }
}

/// A pseudo-terminal; what is written on it goes to a journal.
private struct Terminal {
    struct Failure: Error {
        let code = errno
    }

    let slave: FileHandle

    init(_ journal: Journal<String>) throws {
        var master: Int32 = -1
        var slave: Int32 = -1
        guard openpty(&master, &slave, nil, nil, nil) == 0 else { throw Failure() }
        self.slave = FileHandle(fileDescriptor: slave, closeOnDealloc: false)
        let source = master
        Thread {
            var buffer = [UInt8](repeating: 0, count: 4_096)
            // The read fails when the last writer has hung up.
            while case let count = read(source, &buffer, buffer.count), count > 0 {
                journal.note(String(decoding: buffer[..<count], as: UTF8.self))
            }
            close(source)
            journal.end()
        }.start()
    }

    func hangUp() throws { try self.slave.close() }
}
