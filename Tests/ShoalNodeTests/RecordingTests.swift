import Foundation
import Logging
import ShoalCore
import ShoalStore
import ShoalSwarm
import ShoalWire
import Synchronization
import TestSupport
import Testing

@testable import ShoalNode

/// A real node's life, written down and lived again.
@Suite(.timeLimit(.minutes(1)))
struct RecordingTests {
    private func replay(_ path: String) throws -> (steps: [Replay.Step], ending: Replay.Ending, start: RecordingStart) {
        var replay = try Replay([UInt8](try Data(contentsOf: URL(filePath: path))))
        var steps: [Replay.Step] = []
        while let step = try replay.next() { steps.append(step) }
        return (steps, replay.ending, replay.start)
    }

    @Test
    func `a recorded fetch replays with equal digests, and so does its seeder`() async throws {
        try await inScene { scene in
            let model = try scene.model()
            let seeder = try scene.node("library", recording: RecordingOptions(path: scene.folder("seeder.rec")))
            _ = try seeder.node.add(model, link: model.link, fetches: false)
            try await seeder.announced(at: 1)
            let fetcher = try scene.node("fetcher", recording: RecordingOptions(path: scene.folder("fetcher.rec")))
            _ = try fetcher.node.add(model.link)
            try await fetcher.finished()
            await fetcher.stop()
            await seeder.stop()
            for (name, node) in [("fetcher", fetcher.node), ("seeder", seeder.node)] {
                let (steps, ending, start) = try self.replay(scene.folder("\(name).rec"))
                #expect(steps.allSatisfy { $0.isEqual })
                #expect(ending == .recorded(.stopped))
                #expect(start.machine(RecordedAuthenticator(publicKey: start.publicKey, answers: [])).nodeID != node.id)
                var figures = ReplayFigures(start)
                for step in steps { figures.add(step) }
                #expect(figures.joined.count == 1)
                #expect((name == "fetcher" ? figures.chunks : figures.served) == 6)
            }
        }
    }

    @Test
    func `a recording is its owner's alone, holds no private key, and replaces nothing`() async throws {
        try await inScene { scene in
            let path = scene.folder("node.rec")
            let node = try scene.node("node", recording: RecordingOptions(path: path))
            _ = try node.node.add(try scene.model().link)
            await node.stop()
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect((attributes[.posixPermissions] as? Int) == 0o600)
            let file = try Data(contentsOf: URL(filePath: path))
            #expect(file.range(of: try Data(contentsOf: URL(filePath: scene.folder("node/identity")))) == nil)
            #expect(throws: StoreError.self) {
                try NodeRecorder(RecordingOptions(path: path), logger: Self.silent)
            }
            #expect(try Data(contentsOf: URL(filePath: path)) == file)
        }
    }

    private static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// A recorder that was told `batches` times the same.
    private func record(
        to path: String,
        batches: Int,
        limit: Int = .max,
        backlogLimit: Int = NodeRecorder.backlogLimit,
        logger: Logger = RecordingTests.silent
    ) throws {
        var options = RecordingOptions(path: path)
        options.limit = limit
        let recorder = try NodeRecorder(options, backlogLimit: backlogLimit, logger: logger)
        let identity = try NodeIdentity.load(home: URL(filePath: path).deletingLastPathComponent().path)
        let start = RecordingStart(
            configuration: MeshConfiguration(),
            session: 1,
            trackers: 0,
            seed: 1,
            at: .zero,
            publicKey: identity.publicKey
        )
        recorder.begin(start)
        var machine = start.machine(recorder.listening(to: identity))
        for number in 0..<batches {
            var effects: [MeshEffect] = []
            let now = Instant(nanoseconds: UInt64(number))
            machine.handle(.deadline, at: now, into: &effects)
            recorder.record(at: now, [.deadline], effects)
        }
        recorder.finish()
    }

    @Test
    func `a recording stays below its limit and says that it is full`() throws {
        let folder = try TemporaryFolder()
        for limit in [1_000, 1_001, 4_000] {
            try self.record(to: folder("full-\(limit)"), batches: 1_000, limit: limit)
            let size = try Data(contentsOf: URL(filePath: folder("full-\(limit)"))).count
            #expect(size <= limit)
            let (steps, ending, _) = try self.replay(folder("full-\(limit)"))
            #expect(ending == .recorded(.full))
            #expect(steps.allSatisfy { $0.isEqual })
            #expect((1..<1_000).contains(steps.count))
        }
    }

    @Test
    func `a disk that does not keep up ends the recording, not the node`() throws {
        let folder = try TemporaryFolder()
        try self.record(to: folder("slow"), batches: 10, backlogLimit: 0)
        let (steps, ending, _) = try self.replay(folder("slow"))
        #expect(ending == .recorded(.tooSlow))
        #expect(steps.isEmpty)
        try self.record(to: folder("quick"), batches: 10, backlogLimit: 12 * RecordingWeight.value)
        #expect(try self.replay(folder("quick")).steps.count == 10)
    }

    @Test
    func `a recording that ends early says so in the log, at once`() throws {
        let folder = try TemporaryFolder()
        let lines = Journal<String>()
        let logger = Logger(label: "test") { _ in NotingLogHandler(lines: lines) }
        try self.record(to: folder("slow"), batches: 3, backlogLimit: 0, logger: logger)
        try self.record(to: folder("full"), batches: 100, limit: 1_000, logger: logger)
        try self.record(to: folder("whole"), batches: 3, logger: logger)
        #expect(
            lines.entries == [
                "recording ended early: the disk did not keep up with the recording; the node went on",
                "recording ended early: the recording reached its size limit; the node went on",
            ]
        )
    }

    @Test
    func `what waits to be written is weighed by its bytes`() {
        let manifest = [UInt8](repeating: 1, count: 1_000_000)
        let content = SwarmContent(
            manifest: manifest,
            shardSizes: [Int](repeating: 1, count: 1_000),
            complete: Bitfield(count: 1_000),
            partial: [:],
            hashLists: Bitfield(count: 1_000)
        )
        #expect(RecordingWeight.of(.manifestAccepted(SwarmHandle(1), content)) > 1_000_000)
        #expect(RecordingWeight.of(.checkManifest(SwarmHandle(1), bytes: manifest, from: ConnectionID(1))) > 1_000_000)
        let part = ControlMessage(.manifestPart(offset: 0, total: 1, bytes: [UInt8](repeating: 1, count: 16_384)))
        #expect(RecordingWeight.of(.received(ConnectionID(1), part)) >= 16_384)
        #expect(RecordingWeight.of(.send(ConnectionID(1), part)) >= 16_384)
        #expect(RecordingWeight.of(.described(ConnectionID(1), sdp: String(repeating: "v", count: 9_000))) >= 9_000)
        #expect(RecordingWeight.of([.deadline, .stop], [], []) == 2 * RecordingWeight.value)
    }
}

/// Notes each line that is logged.
private struct NotingLogHandler: LogHandler {
    let lines: Journal<String>
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        self.lines.note("\(event.message): \(event.metadata?["shoal.reason"]?.description ?? "")")
    }
}
