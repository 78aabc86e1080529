import Foundation
import Testing

/// `shoal-sim` as people run it. Swift seeds its hashing anew in each process: what depends on the order of a set or a
/// dictionary differs between two processes and not within one.
@Suite struct ProcessTests {
    private struct Outcome {
        var code: Int32
        var output: String
    }

    private static func run(_ arguments: [String]) throws -> Outcome {
        let tests = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
        let process = Process()
        process.executableURL = (tests?.deletingLastPathComponent() ?? Bundle.main.bundleURL)
            .appending(component: "shoal-sim")
        process.arguments = arguments
        process.currentDirectoryURL = ScenarioTests.folder.deletingLastPathComponent()
        process.standardInput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return Outcome(code: process.terminationStatus, output: String(decoding: output, as: UTF8.self))
    }

    private static func write(_ scenario: String) throws -> URL {
        let file = FileManager.default.temporaryDirectory.appending(component: "\(UUID()).scenario")
        try Data(scenario.utf8).write(to: file)
        return file
    }

    @Test(.timeLimit(.minutes(1))) func `two processes give the same digest for the same seed`() throws {
        let outcomes = try (0..<2).map { _ in try Self.run(["churn", "--nodes", "12", "--seed", "5"]) }
        #expect(outcomes[0].code == 0, "\(outcomes[0].output)")
        #expect(outcomes[0].output.contains("digest"))
        #expect(outcomes[0].output == outcomes[1].output)
    }

    @Test(.timeLimit(.minutes(1))) func `a violation is told with its seed and how to see it again`() throws {
        let file = try Self.write(
            "shards count=1 size=1MiB\nnodes a count=1\nat 1s cut a\nat 2s sleep a for=1s\nlimit 5s\n"
        )
        defer { try? FileManager.default.removeItem(at: file) }
        let outcome = try Self.run([file.path(), "--seeds", "3"])
        #expect(outcome.code == 1)
        #expect(outcome.output.contains("seed 1: WRONG"))
        #expect(outcome.output.contains("has 0 of 1 shards and no error when the time is up"))
        #expect(outcome.output.contains("again with   shoal-sim \(file.path()) --seed 1 --without 1,2 --trace"))
    }

    @Test(.timeLimit(.minutes(1))) func `a part of a run can be traced`() throws {
        let outcome = try Self.run(["first-light", "--events", "20", "--trace"])
        #expect(outcome.code == 0)
        #expect(outcome.output.contains("node 0 → connectTracker"))
        #expect(outcome.output.contains("20 events"))
    }

    @Test(.timeLimit(.minutes(1))) func `what is wrong with a scenario's file is said with its line`() throws {
        let file = try Self.write("shards count=1 size=1MiB\nnodes a cuont=1\n")
        defer { try? FileManager.default.removeItem(at: file) }
        let outcome = try Self.run([file.path()])
        #expect(outcome.code == 64)
        #expect(outcome.output.contains("line 2: count= is missing"))
    }

    @Test(.timeLimit(.minutes(1))) func `growth is a table with a line for each size`() throws {
        let outcome = try Self.run(["growth", "--largest", "10"])
        #expect(outcome.code == 0)
        #expect(outcome.output.hasPrefix("| nodes | control, B/s a node |"))
        #expect(outcome.output.contains("\n| 10 | "))
        #expect(!outcome.output.contains("\n| 100 | "))
    }
}
