import Foundation
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
        /// Somebody wants it to end: the process is about to.
        var isInterrupted = false
    }

    /// Plays a measurement with `model`. When it fails the folder is kept, for whoever looks for the reason, but for the
    /// model, which can be made again.
    ///
    /// - Parameters:
    ///   - copies: how many models of this size lie on the disk at the same time, this one among them.
    ///   - folder: in which the stage's own folder is made; nil: that for temporary files.
    static func play<Result>(
        _ model: BenchModel,
        copies: Int,
        in folder: String? = nil,
        _ measurement: (BenchStage) async throws -> Result
    ) async throws -> Result {
        let place = folder.map { URL(filePath: $0) } ?? FileManager.default.temporaryDirectory
        try self.requireRoom(for: copies * model.allocatedBytes, in: place)
        let stage = try BenchStage(in: place, model)
        defer { stage.strike() }
        do {
            try model.write(to: stage.model)
            let result = try await measurement(stage)
            stage.strike()
            try FileManager.default.removeItem(at: stage.folder)
            return result
        } catch {
            stage.giveWayToInterrupt()
            // What cannot be removed is in the folder that the message names.
            try? FileManager.default.removeItem(at: stage.model)
            Notice.say("what was there when it failed is kept in \(stage.folder.path)")
            throw error
        }
    }

    private init(in place: URL, _ model: BenchModel) throws {
        guard let program = Bundle.main.executableURL else { throw BenchmarkError("this program cannot find itself") }
        self.shoal = program.deletingLastPathComponent().appending(component: "shoal")
        guard FileManager.default.isExecutableFile(atPath: self.shoal.path) else {
            throw BenchmarkError("\(self.shoal.path) is not there: build it with `swift build --product shoal`")
        }
        self.byteCount = model.byteCount
        self.folder = place.appending(component: "shoal-bench.\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        self.model = self.folder.appending(component: model.fileName)
        self.listenForInterrupts()
    }

    /// 256 MB: for indexes, hash lists and whoever else writes to the disk.
    private static let margin = 256_000_000

    private static func requireRoom(for byteCount: Int, in place: URL) throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: place.path, isDirectory: &isFolder), isFolder.boolValue else {
            throw BenchmarkError("\(place.path) is no folder: give one that is there")
        }
        let attributes = try FileManager.default.attributesOfFileSystem(forPath: place.path)
        guard let free = (attributes[.systemFreeSize] as? NSNumber)?.intValue else { return }
        let needed = byteCount + self.margin
        guard free < needed else { return }
        throw BenchmarkError(
            "this needs \(needed / 1_000_000) MB in \(place.path), and "
                + "\(free / 1_000_000) MB are free: make room, or measure with less"
        )
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

    /// Does not come back when an interrupt has made the measurement fail: whoever handles that ends the process.
    private func giveWayToInterrupt() {
        while self.state.withLock({ $0.isInterrupted }) { Thread.sleep(forTimeInterval: 1) }
    }

    private func listenForInterrupts() {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            // The handler holds its source, which lives as long as the process.
            source.setEventHandler { [self] in
                self.state.withLock { $0.isInterrupted = true }
                self.strike()
                // What is left of the folder harms nobody.
                try? FileManager.default.removeItem(at: self.folder)
                withExtendedLifetime(source) { exit(130) }
            }
            source.resume()
        }
    }
}

/// Words for whoever waits; results go to stdout.
enum Notice {
    static func say(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}
