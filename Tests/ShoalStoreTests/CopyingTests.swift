import Foundation
import ShoalCore
import TestSupport
import Testing

@testable import ShoalFormats
@testable import ShoalStore

@Suite struct CopyingTests {
    /// Two models that have all but their headers in common.
    private let first = SourceModel.experts(seed: 1)
    private let second: SourceModel = {
        let header = pattern(SmallExperts.headerSize, seed: 99)
        let bytes = header + SmallExperts.bytes()[SmallExperts.headerSize...]
        return SourceModel(SmallExperts.manifest(of: bytes), files: [bytes])
    }()

    private func receiver(_ source: SourceModel, _ store: ModelStore) throws -> StoredModel {
        try store.receive(manifest: source.manifestBytes, id: source.id)
    }

    private func sender(_ store: ModelStore) throws -> StoredModel {
        let model = try self.receiver(self.first, store)
        for shard in self.first.shards { try self.first.send(shard, to: model) }
        _ = try model.synchronize()
        return model
    }

    @Test func `what another model holds is copied, and only the rest is missing`() throws {
        let stage = try CacheStage()
        do { _ = try self.sender(try stage.store()) }
        // The other model is known from the index alone.
        let store = try stage.store()
        let model = try self.receiver(self.second, store)
        let copied = try store.copyKnown(.full(count: 12), of: model)
        #expect(copied == Array(self.second.shards.dropFirst()))
        #expect(model.state.durable.setCount == 11)
        #expect(model.missingHashLists.isEmpty)
        #expect(try self.second.faults(of: model) == [])
        try self.second.send(self.second.shards[0], to: model)
        _ = try model.synchronize()
        try model.finish()
    }

    @Test func `only what is asked for is copied`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        _ = try self.sender(store)
        let model = try self.receiver(self.second, store)
        var wanted = Bitfield(count: 12)
        wanted[0] = true
        wanted[7] = true
        #expect(try store.copyKnown(wanted, of: model) == [ShardIndex(7 as Int)])
        #expect(model.completeShards == [7])
        #expect(try store.copyKnown(wanted, of: model) == [])
    }

    @Test func `a shard that is damaged where it should be is left out`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let sender = try self.sender(store)
        let damaged = ShardIndex(2 as Int)
        try damage(stage.path(sender), at: sender.manifest.shards[2].extents[0].offset + Cutting.chunkSize + 9)
        let model = try self.receiver(self.second, store)
        // Read a moment ago, so that only the target's list tells.
        let copied = try store.copyKnown(.full(count: 12), of: model)
        #expect(copied.count == 10 && !copied.contains(damaged))
        #expect(model.state.receiving.map(\.shard) == [damaged])
        #expect(try self.second.faults(of: model) == [])
    }

    @Test func `files of the user's are copied from, and shards that lie twice in one model`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let bytes = pattern(300_000, seed: 4)
        let published = try stage.folder.write("mine/one.bin", bytes)
        let twice = try stage.folder.store("elsewhere")
        try stage.folder.write("twice/a.bin", bytes)
        try stage.folder.write("twice/b.bin", bytes)
        let wanted = try twice.publish(path: stage.folder("twice"))
        _ = try store.publish(path: published)
        let model = try store.receive(manifest: wanted.manifestBytes, id: wanted.id)
        #expect(try store.copyKnown(.full(count: 2), of: model).count == 2)
        try model.finish()

        // One of the two is lost: the other one has its bytes.
        let path = stage.folder("home/models/\(model.id)/files/b.bin")
        try FileManager.default.removeItem(atPath: published)
        try damage(path, at: 5)
        #expect(try !model.recheck(ShardIndex(1 as Int)))
        #expect(try store.copyKnown(.full(count: 2), of: model) == [ShardIndex(1 as Int)])
        #expect(try contents(of: path) == bytes)
    }
}
