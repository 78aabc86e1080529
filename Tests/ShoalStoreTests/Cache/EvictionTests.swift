import Dispatch
import Foundation
import ShoalCore
import ShoalFormats
import Synchronization
import TestSupport
import Testing

@testable import ShoalStore

@Suite struct EvictionTests {
    private let bytes = SmallExperts.bytes()

    /// A home that holds all of a model, used shard by shard in order, one second apart.
    private func full(_ stage: CacheStage, _ store: ModelStore) throws -> StoredModel {
        let model = try stage.model(store)
        for shard in model.manifest.shards.indices {
            try model.receive([ShardIndex(shard)], of: self.bytes)
            stage.clock.advance(by: 1_000)
        }
        _ = try model.synchronize()
        return model
    }

    @Test func `without a budget nothing goes`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let model = try self.full(stage, store)
        #expect(try store.makeRoom().eviction == Eviction())
        #expect(model.state.complete.isFull)
    }

    @Test func `experts go first, the least recently used before others, down to the low mark`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let model = try self.full(stage, store)
        // The first two experts are used again: by a reader, and by a lease.
        _ = try model.bytes(ChunkIndex(0 as Int), of: SmallExperts.expertShards[0])
        stage.clock.advance(by: 1_000)
        model.lease([SmallExperts.expertShards[1]]).close()
        let taken = try store.cacheUse().taken
        try store.setCacheBudget(CacheBudget(limit: taken * 100 / 95 - 1_000))
        let (eviction, announced) = try store.makeRoom()
        #expect(announced == [SmallExperts.expertShards[2]])
        #expect(eviction.shards == 1 && eviction.excess == 0 && eviction.obstacle == nil)
        #expect(try store.cacheUse().taken <= CacheBudget(limit: taken * 100 / 95 - 1_000).lowMark)

        try store.setCacheBudget(CacheBudget(limit: 600_000))
        let order = try store.makeRoom().announced
        let experts = [3, 4, 5, 6, 7, 0, 1].map { SmallExperts.expertShards[$0] }
        #expect(order == experts + [SmallExperts.dense[0]])
        #expect(model.completeShards == [0, 2, 3])
    }

    @Test func `between the marks nothing goes`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        _ = try self.full(stage, store)
        let taken = try store.cacheUse().taken
        // The high mark is 95 %: just reached, not passed.
        let limit = (taken * 100 + 94) / 95 + 20
        try store.setCacheBudget(CacheBudget(limit: limit))
        #expect(CacheBudget(limit: limit).highMark >= taken)
        #expect(try store.makeRoom().announced.isEmpty)
        try store.setCacheBudget(CacheBudget(limit: taken))
        #expect(try !store.makeRoom().announced.isEmpty)
    }

    @Test func `header, pinned and leased shards stay, and the rest goes`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let model = try self.full(stage, store)
        var pins = Bitfield(count: model.manifest.shards.count)
        pins[SmallExperts.expertShards[0].position] = true
        try model.pin(pins)
        let lease = model.lease([SmallExperts.dense[1]])
        try store.setCacheBudget(CacheBudget(limit: 0))
        let eviction = try store.makeRoom().eviction
        #expect(model.completeShards == [0, 2, 4])
        // It says by how much it is over, and goes on.
        let taken = try store.cacheUse().taken
        #expect(eviction.excess == taken)
        #expect(eviction.excess > 0)
        #expect(try model.bytes(ChunkIndex(0 as Int), of: SmallExperts.dense[1]).count == Cutting.chunkSize)
        lease.close()
        try model.unpin(pins)
        _ = try store.makeRoom()
        #expect(model.completeShards == [0])
    }

    @Test func `what goes gives its blocks back, neighbours keep theirs to the last byte`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let model = try self.full(stage, store)
        try #require(try stage.allocated(model) >= SmallExperts.fileSize)
        // Every second expert: each piece has neighbours on both sides that stay.
        let gone = stride(from: 0, to: 8, by: 2).map { SmallExperts.expertShards[$0] }
        let before = try stage.allocated(model)
        var announced: [ShardIndex] = []
        let went = try model.evict(gone) { announced = $0 }
        #expect(went == gone && announced == gone)
        let after = try stage.allocated(model)
        let whole = 4 * 3 * (SmallExperts.pieceSize / SmallExperts.blockSize - 1) * SmallExperts.blockSize
        #expect(before - after >= whole)
        let disk = try contents(of: stage.path(model))
        #expect(disk.count == SmallExperts.fileSize)
        for shard in model.state.complete.setBits.map({ ShardIndex($0) }) {
            #expect(model.content(of: shard, in: disk) == model.content(of: shard, in: self.bytes), "\(shard)")
        }
        // With its neighbours the blocks that they share go as well.
        _ = try model.evict(SmallExperts.expertShards) { _ in }
        _ = try model.evict(SmallExperts.dense) { _ in }
        #expect(try stage.allocated(model) <= 2 * SmallExperts.blockSize + CacheStage.fileSystemsOwn)
        #expect(try store.cacheUse().resident == 2 * SmallExperts.blockSize)
    }

    @Test func `the budget counts no less than the disk holds`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let model = try stage.model(store)
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<20 {
            let shard = ShardIndex(Int(generator.next() % 12))
            if model.state.complete[shard.position] {
                _ = try model.evict([shard]) { _ in }
            } else {
                try model.receive([shard], of: self.bytes)
            }
            _ = try model.synchronize()
            let (held, counted) = (try stage.allocated(model), try store.cacheUse().resident)
            #expect(held <= counted + CacheStage.fileSystemsOwn)
        }
    }

    @Test func `what went is fetched again, verified again, and durable again`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let model = try self.full(stage, store)
        let gone = SmallExperts.expertShards
        let went = try model.evict(gone) { _ in }
        #expect(went == gone)
        #expect(code { _ = try model.bytes(ChunkIndex(0 as Int), of: gone[0]) } == .absent)
        #expect(try store.index.durableShards(model.id) == (0..<4).map { ShardIndex($0 as Int) })
        try model.receive(gone, of: self.bytes)
        #expect(try model.synchronize() == gone)
        try model.finish()
        #expect(try contents(of: stage.path(model)) == self.bytes)
    }

    @Test func `after a start the index has the order, and models go that nobody has opened`() throws {
        let stage = try CacheStage()
        do {
            let store = try stage.store()
            let model = try self.full(stage, store)
            stage.clock.advance(by: 61_000)
            _ = try model.bytes(ChunkIndex(0 as Int), of: SmallExperts.expertShards[0])
            var pins = Bitfield(count: 12)
            pins[5] = true
            try model.pin(pins)
            try store.setCacheBudget(CacheBudget(limit: 10))
        }
        let store = try stage.store()
        #expect(store.cacheBudget == CacheBudget(limit: 10))
        let measured = try store.cacheUse()
        #expect(measured.resident >= SmallExperts.fileSize)
        #expect(measured.pinned == 3 * SmallExperts.pieceSize)
        let order = try store.evictionOrder().shards.map(\.shard)
        #expect(order == [6, 7, 8, 9, 10, 11, 4, 1, 2, 3].map { ShardIndex($0 as Int) })
        #expect(try store.makeRoom().announced == order)
        let id = try #require(try store.models().first).id
        let model = try #require(try store.open(id))
        #expect(model.completeShards == [0, 5])
        #expect(model.pins.setCount == 1)
    }

    @Test func `a model that is removed counts no more`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let model = try self.full(stage, store)
        _ = try store.remove(model.id)
        #expect(try store.cacheUse() == CacheUse())
    }

    @Test func `files of the user's neither count nor go`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let path = try stage.folder.write("mine.bin", self.bytes)
        let model = try store.publish(path: path)
        #expect(try store.cacheUse() == CacheUse())
        try store.setCacheBudget(CacheBudget(limit: 0))
        #expect(try store.makeRoom().eviction == Eviction())
        #expect(model.state.complete.isFull)
        #expect(try contents(of: path) == self.bytes)
    }

    @Test func `a file with a second name is not punched, and other models make room instead`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let linked = try self.full(stage, store)
        let other = try stage.model(store, seed: 2)
        try other.receiveAll(of: SmallExperts.bytes(seed: 2))
        try FileManager.default.linkItem(atPath: stage.path(linked), toPath: stage.folder("mine"))
        try store.setCacheBudget(CacheBudget(limit: 0))
        let eviction = try store.makeRoom().eviction
        #expect(eviction.obstacle?.contains("second name") == true)
        #expect(linked.state.complete.isFull)
        #expect(try contents(of: stage.folder("mine")) == self.bytes)
        #expect(other.completeShards == [0])
    }
}
