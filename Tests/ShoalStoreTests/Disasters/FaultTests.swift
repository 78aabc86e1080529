import Foundation
import ShoalCore
import ShoalFormats
import TestSupport
import Testing

@testable import ShoalStore

/// Disks that refuse, one call at a time.
@Suite struct FaultTests {
    private let source = SourceModel.experts(seed: 1)

    private func store(_ stage: CacheStage, _ disk: FaultyDisk) throws -> ModelStore {
        try ModelStore(home: try Home(path: stage.folder("home")), clock: stage.clock.clock, observer: disk)
    }

    private func model(_ store: ModelStore) throws -> StoredModel {
        try store.receive(manifest: self.source.manifestBytes, id: self.source.id)
    }

    @Test func `after a sync that failed nothing of it counts, and what was durable stays`() throws {
        let (stage, disk) = (try CacheStage(), FaultyDisk())
        let store = try self.store(stage, disk)
        let model = try self.model(store)
        try self.source.send(ShardIndex(0 as Int), to: model)
        #expect(try model.synchronize() == [ShardIndex(0 as Int)])
        for shard in SmallExperts.dense { try self.source.send(shard, to: model) }
        disk.refuse { change in
            if case .synchronize = change { EIO } else { nil }
        }
        #expect(code { _ = try model.synchronize() } == .system)
        #expect(model.completeShards == [0])
        #expect(try store.index.durableShards(model.id) == [ShardIndex(0 as Int)])
        disk.refuse(nil)
        for shard in SmallExperts.dense { try self.source.send(shard, to: model) }
        #expect(try model.synchronize() == SmallExperts.dense)
    }

    @Test func `a chunk that cannot be written does not count, and the rest goes on`() throws {
        let (stage, disk) = (try CacheStage(), FaultyDisk())
        let store = try self.store(stage, disk)
        let model = try self.model(store)
        let shard = SmallExperts.dense[1]
        try model.install(SmallExperts.list(of: self.source.content(of: shard)), for: shard)
        for (number, expected) in [(ENOSPC, StoreError.Code.diskFull), (EROFS, .readOnly), (EIO, .system)] {
            disk.refuse { change in
                if case .write = change { number } else { nil }
            }
            #expect(code { try self.source.send(ChunkIndex(0 as Int), of: shard, to: model) } == expected)
            #expect(model.state.verifiedBytes == 0)
        }
        disk.refuse(nil)
        try self.source.send(shard, to: model)
        #expect(model.completeShards == [shard.position])
    }

    @Test func `a file system without holes evicts nothing and says so`() throws {
        let (stage, disk) = (try CacheStage(), FaultyDisk())
        let store = try self.store(stage, disk)
        let model = try self.model(store)
        for shard in self.source.shards { try self.source.send(shard, to: model) }
        _ = try model.synchronize()
        disk.refuse { change in
            if case .punch = change { EOPNOTSUPP } else { nil }
        }
        try store.setCacheBudget(CacheBudget(limit: 1_000_000))
        let eviction = try store.makeRoom().eviction
        #expect(eviction.obstacle?.contains("cannot take back a part of a file") == true)
        #expect(eviction.excess > 0)
        #expect(model.state.complete.isFull)
        #expect(try store.index.durableShards(model.id).count == 12)
        // What does not fit beside that is refused at the beginning.
        let other = SourceModel.experts(seed: 2)
        let second = try store.receive(manifest: other.manifestBytes, id: other.id)
        #expect(code { _ = try store.reserve(.full(count: 12), of: second) } == .overBudget)
    }

    @Test func `when the index cannot forget, nothing goes`() throws {
        let (stage, disk) = (try CacheStage(), FaultyDisk())
        let store = try self.store(stage, disk)
        let model = try self.model(store)
        for shard in self.source.shards { try self.source.send(shard, to: model) }
        _ = try model.synchronize()
        disk.refuse { change in
            if case .commit = change { ENOSPC } else { nil }
        }
        #expect(code { _ = try model.evict(SmallExperts.expertShards) { _ in } } == .diskFull)
        #expect(model.state.complete.isFull)
        #expect(try contents(of: stage.path(model)) == self.source.files[0])
        disk.refuse(nil)
        #expect(try model.evict(SmallExperts.expertShards) { _ in } == SmallExperts.expertShards)
    }

    @Test func `a reader does not care whether its use can be noted`() throws {
        let (stage, disk) = (try CacheStage(), FaultyDisk())
        let store = try self.store(stage, disk)
        let model = try self.model(store)
        try self.source.send(SmallExperts.dense[0], to: model)
        _ = try model.synchronize()
        stage.clock.advance(by: 61_000)
        disk.refuse { change in
            if case .commit = change { EROFS } else { nil }
        }
        #expect(try self.source.faults(of: model) == [])
        disk.refuse(nil)
        model.saveUses()
        let order = try store.index.cachedShards(besides: [])
        #expect(order.map(\.shard.lastUsed) == [1_061_000])
    }

    @Test func `a model that was removed before the index could forget it is a new one when it comes back`() throws {
        let (stage, disk) = (try CacheStage(), FaultyDisk())
        let store = try self.store(stage, disk)
        let model = try self.model(store)
        for shard in self.source.shards { try self.source.send(shard, to: model) }
        _ = try model.synchronize()
        try model.pin(.full(count: 12))
        disk.refuse { change in
            if case .commit = change { ENOSPC } else { nil }
        }
        #expect(code { _ = try store.remove(model.id) } == .diskFull)
        disk.refuse(nil)
        let again = try self.model(store)
        #expect(again.findings.isEmpty)
        #expect(again.state.verifiedBytes == 0)
        #expect(again.cacheUse.pinned == 0)
        try self.source.send(ShardIndex(0 as Int), to: again)
        #expect(again.cacheUse.pinned == 0)
    }
}
