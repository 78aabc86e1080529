import Foundation
import ShoalCore
import ShoalFormats
import TestSupport
import Testing

@testable import ShoalStore

/// The power goes at any moment, and takes with it any part of what was not synced (`docs/decisions/0015`).
@Suite struct PowerLossTests {
    /// 25 for each of 8 runs of the store.
    private static let lossesOfEach: UInt64 = 25

    @Test(arguments: 0..<UInt64(8))
    func `whenever the power goes, nothing wrong is served, and what was durable is there`(run: UInt64) throws {
        let workload = try PowerWorkload(seed: run)
        for loss in 0..<Self.lossesOfEach {
            var generator = SeededGenerator(seed: run << 32 | loss)
            // From the first event on; at the end nothing is lost but what was never synced.
            let moment = 1 + Int(generator.next() % UInt64(workload.events.count))
            let seed = generator.next()
            let what = "run \(run), loss \(loss): \(moment) of \(workload.events.count) events, seed \(seed)"
            try self.check(workload, until: moment, seed: seed, what)
        }
    }

    private func check(_ workload: PowerWorkload, until moment: Int, seed: UInt64, _ what: String) throws {
        let loss = PowerLoss(workload.events.prefix(moment), seed: seed)
        let folder = try TemporaryFolder()
        let home = folder("home")
        try loss.write(to: home)
        try self.checkIndex(workload, home: home, what)

        let store = try ModelStore(home: try Home(path: home))
        for source in workload.sources {
            let promised = loss.promises[source.id] ?? []
            guard let model = try store.open(source.id) else {
                #expect(promised.isEmpty, "\(what): \(source.id) is gone")
                continue
            }
            #expect(model.findings.isEmpty, "\(what): \(model.findings)")
            let complete = model.state.complete
            let missing = promised.filter { !complete[$0.position] }.sorted()
            #expect(missing.isEmpty, "\(what): \(missing) of \(source.id)")
            #expect(try source.faults(of: model) == [], "\(what)")
        }
        try self.complete(workload.sources[Int(seed % UInt64(workload.sources.count))], store, home: home, what)
    }

    /// What the index calls durable is on the disk, before the store has looked at anything.
    private func checkIndex(_ workload: PowerWorkload, home: String, _ what: String) throws {
        guard FileManager.default.fileExists(atPath: "\(home)/index.sqlite") else { return }
        let index = try ModelIndex(path: "\(home)/index.sqlite")
        // A model's folder goes before its rows do.
        for source in workload.sources where FileManager.default.fileExists(atPath: "\(home)/models/\(source.id)") {
            for shard in try index.durableShards(source.id) {
                #expect(try source.isOnDisk(shard, home: home), "\(what): \(shard) of \(source.id)")
            }
        }
    }

    /// The fetch goes on where it was, and ends.
    private func complete(_ source: SourceModel, _ store: ModelStore, home: String, _ what: String) throws {
        let model = try store.receive(manifest: source.manifestBytes, id: source.id)
        for shard in model.state.complete.clearBits { try source.send(ShardIndex(shard), to: model) }
        _ = try model.synchronize()
        try model.finish()
        for shard in source.shards { #expect(try source.isOnDisk(shard, home: home), "\(what): \(shard)") }
    }

    @Test func `the dice of a loss keep what was synced, and only some of the rest`() throws {
        let folder = try TemporaryFolder()
        let ones = [UInt8](repeating: 1, count: 4_096)
        let events: [RecordedDisk.Event] = [
            .makeFile(1, "synced", in: 0), .write(1, ones, at: 0), .synchronize(1), .synchronize(0),
            .makeFile(2, "named", in: 0), .write(1, ones.map { _ in 2 }, at: 0),
        ]
        var outcomes: Set<String> = []
        for seed in 0..<UInt64(40) {
            let path = folder("\(seed)")
            try PowerLoss(events, seed: seed).write(to: path)
            let bytes = try contents(of: "\(path)/synced")
            #expect(bytes.count == 4_096 && bytes.allSatisfy { $0 == 1 || $0 == 2 })
            let kind = Set(bytes) == [1] ? "lost" : Set(bytes) == [2] ? "kept" : "torn"
            outcomes.insert("\(kind), \(FileManager.default.fileExists(atPath: "\(path)/named"))")
        }
        #expect(outcomes.count == 6)
    }
}
