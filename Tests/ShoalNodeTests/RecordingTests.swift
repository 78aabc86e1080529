import Foundation
import Logging
import ShoalCore
import ShoalStore
import ShoalSwarm
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
        backlogLimit: Int = NodeRecorder.backlogLimit
    ) throws {
        var options = RecordingOptions(path: path)
        options.limit = limit
        let recorder = try NodeRecorder(options, backlogLimit: backlogLimit, logger: Self.silent)
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
        try self.record(to: folder("quick"), batches: 10, backlogLimit: 10)
        #expect(try self.replay(folder("quick")).steps.count == 10)
    }
}
