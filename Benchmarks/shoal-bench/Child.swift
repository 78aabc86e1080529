import Foundation
import Synchronization

/// A process of ours whose lines are read as they come, each with the moment at which it came.
final class Child: Sendable {
    private struct State {
        var lines: [(text: String, time: ContinuousClock.Instant)] = []
        var hasEnded = false
    }

    let started: ContinuousClock.Instant
    private let process: Process
    private let state = Mutex(State())
    private let news = DispatchSemaphore(value: 0)
    private let hasExited = DispatchSemaphore(value: 0)

    /// Starts `program`; `stream` says which of its outputs is read, the other is dropped.
    init(_ program: URL, _ arguments: [String], reading stream: Stream) throws {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = program
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = stream == .output ? pipe : FileHandle.nullDevice
        process.standardError = stream == .error ? pipe : FileHandle.nullDevice
        let hasExited = self.hasExited
        process.terminationHandler = { _ in hasExited.signal() }
        self.process = process
        self.started = .now
        try process.run()
        let handle = pipe.fileHandleForReading
        Thread.detachNewThread { [self] in self.read(handle) }
    }

    enum Stream {
        case output
        case error
    }

    /// The moment at which a line with `text` in it came; waits for it.
    @discardableResult
    func wait(
        for text: String,
        within limit: Duration = .seconds(300)
    ) throws -> (line: String, time: ContinuousClock.Instant) {
        let end = DispatchTime.now() + .milliseconds(Int(limit / .milliseconds(1)))
        while true {
            let (found, hasEnded) = self.state.withLock { state in
                (state.lines.first { $0.text.contains(text) }, state.hasEnded)
            }
            if let found { return (found.text, found.time) }
            guard !hasEnded, self.news.wait(timeout: end) == .success else {
                throw BenchmarkError("\(self.name) never said “\(text)”")
            }
        }
    }

    /// What it was started as, in short.
    var name: String {
        let program = self.process.executableURL?.lastPathComponent ?? "a process"
        return ([program] + (self.process.arguments ?? []).prefix(1)).joined(separator: " ")
    }

    /// The most memory that the process ever had resident, in bytes (`VmHWM`, proc(5)); nil where the system does not say.
    var peakResidentBytes: Double? {
        let path = "/proc/\(self.process.processIdentifier)/status"
        guard let status = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }) else { return nil }
        return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Double($0) }.map { $0 * 1_024 }
    }

    /// Processor time so far, user and system, in seconds (proc(5)); nil where the system does not say.
    var processorSeconds: Double? {
        let path = "/proc/\(self.process.processIdentifier)/stat"
        guard let stat = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        // The name, in parentheses, may hold anything; utime and stime are the 12th and 13th field behind it.
        let fields = (stat.split(separator: ")").last ?? "").split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return nil }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// What a process has used; nil where the system does not say.
    struct Usage {
        var peakResidentBytes: Double?
        var processorSeconds: Double?
    }

    /// Waits for the end of a process that ends by itself, and answers what it had used 10 ms before at the most: of what
    /// has ended the system tells nothing.
    func usageUntilEnd(within limit: Duration) throws -> Usage {
        let end = ContinuousClock.now + limit
        var usage = Usage()
        repeat {
            guard ContinuousClock.now < end else { throw BenchmarkError("\(self.name) did not end within \(limit)") }
            usage.peakResidentBytes = self.peakResidentBytes ?? usage.peakResidentBytes
            usage.processorSeconds = self.processorSeconds ?? usage.processorSeconds
        } while self.hasExited.wait(timeout: .now() + .milliseconds(10)) == .timedOut
        self.hasExited.signal()
        return usage
    }

    /// How the process ended, once it has; for processes that end by themselves. Kills it after 10 minutes.
    func exitCode() -> Int32 {
        if self.hasExited.wait(timeout: .now() + .seconds(600)) == .success { self.hasExited.signal() }
        self.kill()
        return self.process.terminationStatus
    }

    /// Asks the process to end, and kills it when it takes more than 20 s.
    func stop() {
        if self.process.isRunning { self.process.interrupt() }
        if self.hasExited.wait(timeout: .now() + .seconds(20)) == .success {
            self.hasExited.signal()
        } else {
            self.kill()
        }
    }

    /// Ends the process at once, as a crash or a power cut would, and waits until it is gone.
    func kill() {
        if self.process.isRunning { Foundation.kill(self.process.processIdentifier, SIGKILL) }
        self.process.waitUntilExit()
    }

    private func read(_ handle: FileHandle) {
        var rest = ""
        while case let data = handle.availableData, !data.isEmpty {
            let now = ContinuousClock.now
            rest += String(decoding: data, as: UTF8.self)
            let parts = rest.split(separator: "\n", omittingEmptySubsequences: false)
            rest = String(parts.last ?? "")
            self.state.withLock { state in
                state.lines += parts.dropLast().map { (String($0), now) }
            }
            self.news.signal()
        }
        self.state.withLock { $0.hasEnded = true }
        self.news.signal()
    }
}
