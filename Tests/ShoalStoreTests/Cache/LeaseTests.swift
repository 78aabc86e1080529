import Dispatch
import Foundation
import ShoalCore
import ShoalFormats
import Synchronization
import Testing

@testable import ShoalStore

@Suite struct LeaseTests {
    private let bytes = SmallExperts.bytes()

    @Test func `a lease ends with its last user, and once`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let model = try stage.model(store)
        try model.receiveAll(of: self.bytes)
        let shard = SmallExperts.dense[0]
        do {
            let first = model.lease([shard])
            let second = model.lease([shard])
            first.close()
            first.close()
            #expect(try model.evict([shard]) { _ in }.isEmpty)
            _ = second
        }
        #expect(try model.evict([shard]) { _ in } == [shard])
    }

    @Test func `room that is leased counts before anything has come`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let model = try stage.model(store)
        let lease = model.lease(.full(count: 12))
        #expect(try store.cacheUse().reserved >= SmallExperts.fileSize)
        try model.receive([SmallExperts.dense[0]], of: self.bytes)
        let use = try store.cacheUse()
        #expect(use.held > 200_000 && use.resident == use.held)
        #expect(use.taken >= SmallExperts.fileSize)
        lease.close()
        #expect(try store.cacheUse().reserved == 0)
    }

    @Test func `a fetch has others make room before it begins`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let (old, new) = (try stage.model(store), try stage.model(store, seed: 2))
        try old.receiveAll(of: self.bytes)
        try store.setCacheBudget(CacheBudget(limit: SmallExperts.fileSize * 3 / 2))
        #expect(try !store.isFull())
        let lease = try store.reserve(.full(count: 12), of: new)
        #expect(try store.isFull())
        _ = try store.makeRoom()
        #expect(try store.cacheUse().taken <= CacheBudget(limit: SmallExperts.fileSize * 3 / 2).lowMark)
        // While it comes, nothing of it goes, however little it is used.
        try new.receiveAll(of: SmallExperts.bytes(seed: 2))
        _ = try store.makeRoom()
        #expect(new.state.complete.isFull)
        lease.close()
    }

    @Test func `a model that is larger than the budget is refused at the beginning, with what to do`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let model = try stage.model(store)
        let other = try stage.model(store, seed: 2)
        try other.receiveAll(of: SmallExperts.bytes(seed: 2))
        try store.setCacheBudget(CacheBudget(limit: SmallExperts.fileSize))
        // One block more than the bytes: pieces share blocks.
        let error = #expect(throws: StoreError.self) { _ = try store.reserve(.full(count: 12), of: model) }
        #expect(error?.code == .overBudget)
        #expect(error?.message.contains("shoal cache --budget") == true)
        #expect(try store.cacheUse().reserved == 0)
        try store.setCacheBudget(CacheBudget(limit: SmallExperts.fileSize + 50 * SmallExperts.blockSize))
        try other.pin(.full(count: 12))
        #expect(code { _ = try store.reserve(.full(count: 12), of: model) } == .overBudget)
        try other.unpin(.full(count: 12))
        try store.reserve(.full(count: 12), of: model).close()
    }

    @Test func `eviction waits for an upload, and refuses the next`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let model = try stage.model(store)
        try model.receiveAll(of: self.bytes)
        let shard = SmallExperts.dense[0]
        let upload = try #require(model.leaseForUpload(shard))
        let announced = DispatchSemaphore(value: 0)
        let gone = Mutex<[ShardIndex]?>(nil)
        let evicted = DispatchSemaphore(value: 0)
        DispatchQueue.global().async {
            let result = try? model.evict([shard]) { _ in announced.signal() }
            gone.withLock { $0 = result }
            evicted.signal()
        }
        announced.wait()
        #expect(model.leaseForUpload(shard) == nil)
        #expect(!model.state.complete[shard.position])
        // Who was promised the shard gets it.
        #expect(try model.bytes(ChunkIndex(0 as Int), of: shard).count == Cutting.chunkSize)
        #expect(gone.withLock { $0 } == nil)
        upload.close()
        evicted.wait()
        #expect(gone.withLock { $0 } == [shard])
        #expect(model.leaseForUpload(shard) == nil)
    }

    @Test func `a shard that is wanted again while it leaves stays`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let model = try stage.model(store)
        try model.receiveAll(of: self.bytes)
        let (leased, written) = (SmallExperts.dense[0], SmallExperts.dense[1])
        var lease: ShardLease?
        let gone = try model.evict([leased, written, SmallExperts.dense[2]]) { _ in
            lease = model.lease([leased])
            try? model.receive([written], of: self.bytes)
        }
        #expect(gone == [SmallExperts.dense[2]])
        #expect(model.state.complete[leased.position] && model.state.complete[written.position])
        lease?.close()
    }

    @Test func `a shard in receipt goes once nothing has come for a minute`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let model = try stage.model(store)
        let shard = SmallExperts.dense[1]
        let content = model.content(of: shard, in: self.bytes)
        try model.install(SmallExperts.list(of: content), for: shard)
        try model.receive(ChunkIndex(1 as Int), of: shard, content)
        #expect(try model.evict([shard]) { _ in }.isEmpty)
        stage.clock.advance(by: ShardBook.quietReceipt - 1)
        #expect(try model.evict([shard]) { _ in }.isEmpty)
        stage.clock.advance(by: 1)
        #expect(try model.evict([shard]) { _ in } == [shard])
        #expect(try stage.allocated(model) == 0)
    }

    /// Readers, writers and evictions at once: whatever is read is right.
    @Test func `readers see right bytes or none, while shards come and go`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let model = try stage.model(store)
        try model.receiveAll(of: self.bytes)
        let contents = model.manifest.shards.indices.map { model.content(of: ShardIndex($0), in: self.bytes) }
        let wrong = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 4) { worker in
            var generator = SeededGenerator(seed: UInt64(worker))
            for _ in 0..<400 {
                let shard = ShardIndex(1 + Int(generator.next() % 11))
                let content = contents[shard.position]
                let chunk = ChunkIndex(Int(generator.next() % UInt64(Cutting.chunkCount(ofShardOf: content.count))))
                let expected = Array(content[Cutting.range(of: chunk, inShardOf: content.count)])
                do {
                    switch worker {
                    case 0: _ = try model.evict([shard]) { _ in }
                    case 1: _ = try model.write(chunk, of: shard, expected)
                    default:
                        let read = try model.bytes(chunk, of: shard)
                        if read != expected { wrong.withLock { $0.append("\(shard) \(chunk)") } }
                    }
                } catch let error as StoreError where error.code == .absent {
                } catch {
                    wrong.withLock { $0.append("\(error)") }
                }
            }
        }
        #expect(wrong.withLock { $0 } == [])
    }
}
