import Foundation
import ShoalCore
import TestSupport
import Testing

@testable import ShoalStore

/// kill -9 at random moments of whatever the store does. Each process first looks whether all is there that the ones before
/// it have left (`Tests/StoreDriver`).
@Suite struct KillTests {
    /// How many processes each test has killed: 50, so that they are 200 in all; the soak sets it to 250.
    private static let kills = ProcessInfo.processInfo.environment["SHOAL_KILLS"].flatMap { Int($0) } ?? 50

    /// 150 ms: opening the store and looking through it takes the first third.
    private static let longestLife: UInt64 = 150_000

    @Test(.timeLimit(.minutes(30)), arguments: [1, 2] as [UInt64])
    func `a process that is killed leaves a store that is right`(seed: UInt64) async throws {
        let folder = try TemporaryFolder()
        try await Self.kill(home: folder("home"), beside: folder.path, seed: seed)
    }

    @Test(
        .enabled(if: LoopDisk.isAvailable, "\(LoopDisk.requirement)"),
        .timeLimit(.minutes(30)),
        arguments: [("small blocks", ["-b", "1024"], 24), ("a disk that is full now and then", [], 5)]
    )
    func `so does one on a small disk`(name: String, options: [String], megabytes: Int) async throws {
        let (folder, disk) = (try TemporaryFolder(), try LoopDisk(megabytes: megabytes, options: options))
        try await Self.kill(home: "\(disk.path)/home", beside: folder.path, seed: UInt64(megabytes))
    }

    private static func kill(home: String, beside: String, seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        for number in 0..<self.kills {
            let life = generator.next() % self.longestLife
            let arguments = [home, beside, "\(generator.next())", "\(life)"]
            let outcome = try await self.run(arguments)
            try #require(outcome.isKilled, "seed \(seed), process \(number) of \(arguments): \(outcome.said)")
        }
    }

    private static func run(_ arguments: [String]) async throws -> (isKilled: Bool, said: String) {
        try await withCheckedThrowingContinuation { continuation in
            // Waiting for a process blocks.
            DispatchQueue.global().async { continuation.resume(with: Result { try self.waitFor(arguments) }) }
        }
    }

    private static func waitFor(_ arguments: [String]) throws -> (isKilled: Bool, said: String) {
        let tests = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
        let process = Process()
        process.executableURL = (tests?.deletingLastPathComponent() ?? Bundle.main.bundleURL)
            .appending(component: "store-driver")
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardError = pipe
        try process.run()
        let said = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        let isKilled = process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGKILL
        return (isKilled, String(decoding: said, as: UTF8.self))
    }
}
