import Foundation
import TestSupport
import Testing

/// `Examples/load-shards`, as people run it.
@Suite(.serialized, .timeLimit(.minutes(1))) struct ExampleTests {
    private func run(_ arguments: [String]) async throws -> (code: Int32, output: String) {
        let tests = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
        let process = Process()
        process.executableURL = (tests?.deletingLastPathComponent() ?? Bundle.main.bundleURL)
            .appending(component: "load-shards")
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        let end = Journal<Int32>()
        process.terminationHandler = { end.note($0.terminationStatus) }
        try process.run()
        defer { process.terminate() }
        let code = try await end.first("the end of the example") { $0 }
        // A few lines, which the pipe holds.
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        return (code, String(decoding: output, as: UTF8.self))
    }

    @Test func `the example loads what it says it loads`() async throws {
        try await inHall { hall in
            let outcome = try await self.run([hall.link, hall.folder("example"), "127.0.0.1"])
            #expect(outcome.code == 0, "\(outcome)")
            let lines = outcome.output.split(separator: "\n")
            #expect(lines.first == "model \(hall.modelID): 4 shards")
            #expect(lines.contains("shard 0: \(Hall.headerSize) bytes"))
            #expect(lines.contains("the beginning of shard 3: 1000 bytes"))
            #expect(lines.contains("expert 0 of layer 2: 196608 bytes"))
        }
    }

    @Test func `the example says how it is used, and what is wrong`() async throws {
        let usage = try await self.run([])
        #expect(usage.code == 2)
        #expect(usage.output.hasPrefix("usage: load-shards"))
        let folder = try TemporaryFolder()
        let wrong = try await self.run(["magnet:?dn=x", folder("home"), "127.0.0.1"])
        #expect(wrong.code == 1)
        #expect(wrong.output.hasPrefix("error: The link does not say which model it means"))
    }
}
