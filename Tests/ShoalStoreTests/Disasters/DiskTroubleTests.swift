import Foundation
import ShoalCore
import ShoalFormats
import Synchronization
import TestSupport
import Testing

@testable import ShoalStore

/// What happens to a disk behind a store that is open.
@Suite struct DiskTroubleTests {
    private let source = SourceModel.experts(seed: 1)

    private func model(_ store: ModelStore) throws -> StoredModel {
        let model = try store.receive(manifest: self.source.manifestBytes, id: self.source.id)
        for shard in self.source.shards { try self.source.send(shard, to: model) }
        _ = try model.synchronize()
        return model
    }

    @Test(.enabled(if: LoopDisk.isAvailable, "\(LoopDisk.requirement)"))
    func `a disk that becomes read-only still serves, and goes on when it is mended`() throws {
        let disk = try LoopDisk(megabytes: 24)
        try self.breakUnderStore(disk)
        try disk.mend()
        let store = try ModelStore(home: try Home(path: "\(disk.path)/home"))
        let model = try #require(try store.open(self.source.id))
        // What was evicted may be back: that its blocks were given back was not synced.
        #expect(try self.source.faults(of: model) == [])
        for shard in model.state.complete.clearBits { try self.source.send(ShardIndex(shard), to: model) }
        _ = try model.synchronize()
        try model.finish()
    }

    /// Every file is closed when it returns.
    private func breakUnderStore(_ disk: LoopDisk) throws {
        let store = try ModelStore(home: try Home(path: "\(disk.path)/home"))
        let model = try self.model(store)
        _ = try model.evict([SmallExperts.dense[0]]) { _ in }
        try disk.abort()
        #expect(try self.source.faults(of: model) == [])
        let write = #expect(throws: StoreError.self) { try self.source.send(SmallExperts.dense[0], to: model) }
        #expect(write?.code == .readOnly)
        let eviction = #expect(throws: StoreError.self) { _ = try model.evict([SmallExperts.dense[1]]) { _ in } }
        #expect(eviction?.message.contains("the index") == true)
        #expect(model.state.complete.setCount == 11)
    }

    @Test(.enabled(if: LoopDisk.isAvailable, "\(LoopDisk.requirement)"), arguments: 0..<UInt64(8))
    func `a disk that is full says so, keeps what is there, and takes more when there is room`(seed: UInt64) throws {
        let disk = try LoopDisk(megabytes: 8)
        let store = try ModelStore(home: try Home(path: "\(disk.path)/home"))
        let model = try store.receive(manifest: self.source.manifestBytes, id: self.source.id)
        // Something else takes the disk, but for a random rest.
        var generator = SeededGenerator(seed: seed)
        let rest = Int(generator.next() % 1_500_000)
        let filler = try disk.fill(leaving: rest)
        var failures: Set<StoreError.Code> = []
        for shard in self.source.shards {
            do {
                try self.source.send(shard, to: model)
                _ = try model.synchronize()
            } catch let error as StoreError {
                failures.insert(error.code)
            }
        }
        #expect(failures == [.diskFull])
        #expect(try self.source.faults(of: model) == [])
        try FileManager.default.removeItem(atPath: filler)
        for shard in model.state.complete.clearBits { try self.source.send(ShardIndex(shard), to: model) }
        _ = try model.synchronize()
        try model.finish()
    }

    @Test func `a file that is cut, changed or gone loses its shards and no others, without a crash`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let other = SourceModel.experts(seed: 2)
        let whole = try store.receive(manifest: other.manifestBytes, id: other.id)
        for shard in other.shards { try other.send(shard, to: whole) }
        let model = try self.model(store)
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: stage.path(model)))
        try file.truncate(atOffset: UInt64(SmallExperts.headerSize + 200_000))
        try file.close()
        for shard in self.source.shards {
            let failure = code { _ = try model.bytes(ChunkIndex(0 as Int), of: shard) }
            #expect(failure == nil || failure == .changed || failure == .absent, "\(shard)")
        }
        #expect(!model.state.complete.isFull)
        try FileManager.default.removeItem(atPath: stage.path(model))
        #expect(try other.faults(of: whole) == [])
        // The next start makes the file anew.
        let id = model.id
        #expect(try self.reopened(stage, store, id) == [])
    }

    /// What a new store has of the model.
    private func reopened(_ stage: CacheStage, _ store: ModelStore, _ id: ManifestID) throws -> [Int] {
        let copy = stage.folder("copy")
        try FileManager.default.copyItem(atPath: stage.folder("home"), toPath: copy)
        let model = try #require(try ModelStore(home: try Home(path: copy)).open(id))
        return model.completeShards
    }

    /// What finds out that a file is gone.
    enum Finder: CaseIterable {
        case reader
        case writer
        case eviction
        case check
    }

    @Test(arguments: Finder.allCases, [false, true])
    func `a file that was deleted, or moved aside, is found out by whoever uses it, and all in it is told lost`(
        finder: Finder,
        isReplaced: Bool
    ) throws {
        let stage = try CacheStage()
        let model = try self.model(try stage.store())
        if finder != .check { _ = try model.evict([SmallExperts.dense[0]]) { _ in } }
        let told = Mutex<Set<ShardIndex>>([])
        let observation = model.observeLosses { shards, _ in told.withLock { $0.formUnion(shards) } }
        defer { observation.close() }
        let path = stage.path(model)
        let size = try contents(of: path).count
        try FileManager.default.removeItem(atPath: path)
        if isReplaced { try Data(repeating: 0xEE, count: size).write(to: URL(filePath: path)) }
        switch finder {
        case .reader: #expect(code { _ = try model.bytes(ChunkIndex(0 as Int), of: SmallExperts.dense[1]) } == .missing)
        case .writer: try self.source.send(ChunkIndex(0 as Int), of: SmallExperts.dense[0], to: model)
        case .eviction: #expect(try model.evict([SmallExperts.dense[1]]) { _ in } == [])
        case .check: #expect(code { try model.finish() } == .missing)
        }
        #expect(told.withLock { $0 } == Set(self.source.shards))
        let here = finder == .writer ? [SmallExperts.dense[0].position] : []
        #expect(Set(model.completeShards).isSubset(of: here))
        for shard in self.source.shards { try self.source.send(shard, to: model) }
        _ = try model.synchronize()
        try model.finish()
        #expect(try self.source.faults(of: model) == [])
        #expect(try contents(of: path) == self.source.files[0])
    }

    @Test func `a second name is found before a chunk is written or a block is punched`() throws {
        let stage = try CacheStage()
        let store = try stage.store()
        let model = try self.model(store)
        _ = try model.evict([SmallExperts.dense[0]]) { _ in }
        let before = try contents(of: stage.path(model))
        try FileManager.default.linkItem(atPath: stage.path(model), toPath: stage.folder("mine"))
        #expect(code { try self.source.send(SmallExperts.dense[0], to: model) } == .externalFile)
        #expect(code { _ = try model.evict([SmallExperts.dense[1]]) { _ in } } == .externalFile)
        #expect(try contents(of: stage.folder("mine")) == before)
        #expect(model.state.complete.setCount == 11)
        try FileManager.default.removeItem(atPath: stage.folder("mine"))
        #expect(try model.evict([SmallExperts.dense[1]]) { _ in } == [SmallExperts.dense[1]])
    }
}
