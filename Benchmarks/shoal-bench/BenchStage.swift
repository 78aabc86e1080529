import Foundation
import ShoalCore
import Synchronization

/// Where a measurement plays: a temporary folder with a model, and the processes that were started for it. All traffic
/// is on 127.0.0.1.
///
/// What still runs when the measurement ends, however it ends, is killed, Ctrl-C included.
final class BenchStage: Sendable {
    let folder: URL
    let model: URL
    let byteCount: Int
    private let shoal: URL
    private let state = Mutex(State())

    private struct State {
        var children: [Child] = []
        /// Nothing is started any more.
        var isOver = false
    }

    /// Plays a measurement with a model of pseudo-random bytes, which nothing on the way can compress. When it fails
    /// the folder is kept, for whoever looks for the reason.
    static func play<Result>(byteCount: Int, _ measurement: (BenchStage) throws -> Result) throws -> Result {
        let stage = try BenchStage(byteCount: byteCount)
        defer { stage.strike() }
        do {
            let result = try measurement(stage)
            stage.strike()
            try FileManager.default.removeItem(at: stage.folder)
            return result
        } catch {
            Notice.say("what was there when it failed is kept in \(stage.folder.path)")
            throw error
        }
    }

    private init(byteCount: Int) throws {
        guard let program = Bundle.main.executableURL else { throw BenchmarkError("this program cannot find itself") }
        self.shoal = program.deletingLastPathComponent().appending(component: "shoal")
        guard FileManager.default.isExecutableFile(atPath: self.shoal.path) else {
            throw BenchmarkError("\(self.shoal.path) is not there: build it with `swift build --product shoal`")
        }
        self.byteCount = byteCount
        self.folder = FileManager.default.temporaryDirectory.appending(component: "shoal-bench.\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        self.model = self.folder.appending(component: "model.bin")
        try Self.fill(self.model, byteCount: byteCount)
        self.listenForInterrupts()
    }

    func path(_ name: String) -> String { self.folder.appending(path: name).path }

    /// Starts `shoal`; `stream` says which of its outputs is read.
    func start(_ arguments: [String], reading stream: Child.Stream) throws -> Child {
        try self.start(self.shoal, arguments, reading: stream)
    }

    func start(_ program: URL, _ arguments: [String], reading stream: Child.Stream) throws -> Child {
        let child = try Child(program, arguments, reading: stream)
        let isOver = self.state.withLock { state in
            state.children.append(child)
            return state.isOver
        }
        guard !isOver else {
            child.kill()
            throw BenchmarkError("stopped")
        }
        return child
    }

    /// A tracker on a free port, and its URL.
    func tracker() throws -> (child: Child, url: String) {
        let child = try self.start(["tracker", "--listen", "127.0.0.1:0"], reading: .output)
        return (child, try child.wait(for: "ws://", within: .seconds(20)).line)
    }

    /// Kills what still runs.
    private func strike() {
        let children = self.state.withLock { state in
            state.isOver = true
            return state.children
        }
        for child in children { child.kill() }
    }

    private func listenForInterrupts() {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            // The handler holds its source, which lives as long as the process.
            source.setEventHandler { [self] in
                self.strike()
                // What is left of the folder harms nobody.
                try? FileManager.default.removeItem(at: self.folder)
                withExtendedLifetime(source) { exit(130) }
            }
            source.resume()
        }
    }

    private static func fill(_ file: URL, byteCount: Int) throws {
        guard FileManager.default.createFile(atPath: file.path, contents: nil) else {
            throw BenchmarkError("cannot write \(file.path)")
        }
        let handle = try FileHandle(forWritingTo: file)
        var generator = SeededGenerator(seed: 1)
        var left = byteCount
        while left > 0 {
            let words = (0..<131_072).map { _ in generator.next() }
            let block = words.withUnsafeBytes { Data($0.prefix(left)) }
            try handle.write(contentsOf: block)
            left -= block.count
        }
        try handle.close()
    }
}

/// Words for whoever waits; results go to stdout.
enum Notice {
    static func say(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}
