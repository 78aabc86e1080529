import Foundation
import Synchronization
import TestSupport

/// One `shoal` process: what it prints, line by line as it comes, and how it ends.
///
/// A ``Stage`` starts it and sees to it that it is gone when the test is.
final class RunningShoal: Sendable {
    /// How a process ended and all that it printed.
    struct Outcome: Sendable, CustomStringConvertible {
        /// Of `exit`; the negative number of the signal when one killed it.
        let code: Int32
        let stdout: [UInt8]
        let stderr: String

        /// What a script would read.
        var output: String { String(decoding: self.stdout, as: UTF8.self) }

        var description: String { "exit \(self.code), stdout: \(self.output), stderr: \(self.stderr)" }
    }

    /// The lines of stdout and stderr, without their ends. Over when the stream is.
    let results = Journal<String>()
    let messages = Journal<String>()
    private let process: Process
    private let stdout = Mutex<[UInt8]>([])
    private let stderr = Mutex<[UInt8]>([])
    private let end = Journal<Int32>()

    /// Starts `shoal`, or another program; `stderr` is read here unless it is given to a file of the caller's (a terminal, say).
    init(
        _ arguments: [String],
        of program: URL = RunningShoal.program,
        environment: [String: String],
        stderr: FileHandle? = nil
    ) throws {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = stderr ?? errors
        let end = self.end
        process.terminationHandler = { process in
            let isKilled = process.terminationReason == .uncaughtSignal
            end.note(isKilled ? -process.terminationStatus : process.terminationStatus)
        }
        self.process = process
        try process.run()
        self.read(output, into: self.results) { [self] bytes in self.stdout.withLock { $0 += bytes } }
        if stderr == nil {
            self.read(errors, into: self.messages) { [self] bytes in self.stderr.withLock { $0 += bytes } }
        } else {
            self.messages.end()
        }
    }

    /// `shoal`, which the build puts beside the tests.
    static var program: URL {
        let tests = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
        let folder = tests?.deletingLastPathComponent() ?? Bundle.main.bundleURL
        return folder.appending(component: "shoal")
    }

    var id: Int32 { self.process.processIdentifier }

    func send(_ signal: Int32) {
        guard self.process.isRunning else { return }
        Foundation.kill(self.id, signal)
    }

    /// Ends it at once, as a crash or a power cut would.
    func kill() { self.send(SIGKILL) }

    /// Ends it, whatever it does, and returns when it is gone.
    func remove() {
        self.kill()
        self.process.waitUntilExit()
    }

    /// How it ended, once it has and everything that it printed is read.
    func outcome(within limit: Duration = .seconds(60)) async throws -> Outcome {
        do {
            try await self.results.ended(within: limit)
            try await self.messages.ended()
        } catch let error as NotSeen {
            throw error.adding("stderr so far:\n" + self.messages.entries.joined(separator: "\n"))
        }
        let code = try await self.end.first("the exit code") { $0 }
        return Outcome(
            code: code,
            stdout: self.stdout.withLock { $0 },
            stderr: String(decoding: self.stderr.withLock { $0 }, as: UTF8.self)
        )
    }

    /// A line for people that contains `text`.
    @discardableResult
    func message(_ text: String, within limit: Duration = .seconds(30)) async throws -> String {
        try await self.messages.first("a line with \"\(text)\"", within: limit) { $0.contains(text) ? $0 : nil }
    }

    /// Returns when verified chunks came from `count` peers. For a fetch with `--log-level trace`, which tells whom it
    /// thanks.
    func hasChunks(from count: Int) async throws {
        try await self.messages.wait(for: "chunks from \(count) peers") { lines in
            let thanks = lines.filter { $0.contains("message sent") && $0.contains("shoal.message=ack") }
            let words = thanks.flatMap { $0.split(separator: " ") }
            return Set(words.filter { $0.hasPrefix("shoal.connection=") }).count >= count ? () : nil
        }
    }

    /// The first line on stdout.
    func firstResult() async throws -> String {
        do {
            return try await self.results.first("a line on stdout") { $0 }
        } catch let error as NotSeen {
            throw error.adding("stderr so far:\n" + self.messages.entries.joined(separator: "\n"))
        }
    }

    /// Reads `pipe` to its end on a thread of its own.
    private func read(_ pipe: Pipe, into lines: Journal<String>, _ keep: @escaping @Sendable ([UInt8]) -> Void) {
        let handle = pipe.fileHandleForReading
        Thread {
            var line: [UInt8] = []
            while true {
                let bytes = [UInt8](handle.availableData)
                guard !bytes.isEmpty else { break }
                keep(bytes)
                for byte in bytes {
                    if byte == UInt8(ascii: "\n") {
                        lines.note(String(decoding: line, as: UTF8.self))
                        line = []
                    } else {
                        line.append(byte)
                    }
                }
            }
            if !line.isEmpty { lines.note(String(decoding: line, as: UTF8.self)) }
            lines.end()
        }.start()
    }
}
