import Foundation
import ShoalCore
import ShoalFormats
import ShoalStore

/// Opens a store, looks whether all is there that the processes before have left, and then has the store do a bit of
/// everything until it is killed.
///
/// The diary and the user's files are beside the home, so that the home may lie on another, smaller disk.
struct Driver {
    private static let seeds: [UInt64] = [1, 2, 3]

    private let store: ModelStore
    private let models: [UInt64: DrivenModel]
    private let diary: Diary
    private let beside: String
    private var generator: SeededGenerator

    init(home: String, beside: String, seed: UInt64) throws {
        self.beside = beside
        self.generator = SeededGenerator(seed: seed)
        self.models = Dictionary(uniqueKeysWithValues: try Self.seeds.map { ($0, try DrivenModel(seed: $0)) })
        self.diary = try Diary(path: "\(beside)/diary")
        self.store = try ModelStore(home: try Home(path: home))
    }

    // MARK: What is left

    /// Everything that the store serves is right, and everything is there that it said was.
    func check() throws {
        for (seed, source) in self.models.sorted(by: { $0.key < $1.key }) {
            let present = self.diary.present.filter { $0.model == seed }
            guard let model = try self.store.open(source.id) else {
                guard present.isEmpty else { throw Failure("model \(seed) is gone") }
                continue
            }
            guard model.findings.isEmpty else { throw Failure("model \(seed): \(model.findings)") }
            for place in present where !self.isHere(place, model.state) { throw Failure("\(place) is gone") }
            try self.checkServed(source, model)
        }
    }

    private func isHere(_ place: Diary.Place, _ state: StoredState) -> Bool {
        state.complete[place.shard]
            || state.receiving.contains { $0.shard.position == place.shard && $0.chunks[place.chunk] }
    }

    private func checkServed(_ source: DrivenModel, _ model: StoredModel) throws {
        let state = model.state
        for shard in source.shards {
            for chunk in (0..<source.chunkCount(of: shard)).map({ ChunkIndex($0) }) {
                guard self.isHere(.init(model: 0, shard: shard.position, chunk: chunk.position), state) else {
                    continue
                }
                guard try Self.read(chunk, of: shard, from: model) == source.bytes(of: chunk, in: shard) else {
                    throw Failure("\(chunk) of \(shard) is served and wrong")
                }
            }
        }
    }

    private static func read(_ chunk: ChunkIndex, of shard: ShardIndex, from model: StoredModel) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: Cutting.chunkSize)
        let count = try buffer.withUnsafeMutableBytes { try model.read(chunk, of: shard, into: $0) }
        return Array(buffer[..<count])
    }

    // MARK: What is done

    /// A full disk is no end: what the store cannot do then it says, and room is made.
    mutating func work() throws {
        do {
            try self.step()
        } catch let error as StoreError where error.code == .diskFull {
            try self.makeRoom()
        }
    }

    private mutating func step() throws {
        let seed = Self.seeds[Int(self.generator.next() % UInt64(Self.seeds.count))]
        guard let source = self.models[seed] else { return }
        let model = try self.store.receive(manifest: source.manifestBytes, id: source.id)
        let shard = source.shards[Int(self.generator.next() % UInt64(source.shards.count))]
        switch self.generator.next() % 24 {
        case 0..<8: try self.receive(shard, of: source, seed, model)
        case 8..<12: _ = try model.synchronize()
        case 12..<16:
            let chosen = source.shards.filter { _ in self.generator.next() % 3 == 0 }
            _ = try model.evict(chosen) { leaving in for shard in leaving { self.diary.leaves(seed, shard) } }
        case 16: try self.publish()
        case 17..<19: try model.recheckDurable()
        case 19:
            self.diary.leaves(seed, nil)
            _ = try self.store.remove(source.id)
        case 20: try model.pin(.full(count: source.shards.count))
        case 21: try model.unpin(.full(count: source.shards.count))
        case 22: model.saveUses()
        default: try self.makeRoom()
        }
    }

    private mutating func receive(
        _ shard: ShardIndex,
        of source: DrivenModel,
        _ seed: UInt64,
        _ model: StoredModel
    ) throws {
        if try model.hashList(of: shard) == nil { try model.install(source.list(of: shard), for: shard) }
        // Not always the whole shard.
        let count = source.chunkCount(of: shard)
        for chunk in 0..<count where self.generator.next() % 8 > 0 {
            let verdict = try source.bytes(of: ChunkIndex(chunk), in: shard).withUnsafeBytes {
                try model.write(ChunkIndex(chunk), of: shard, bytes: $0)
            }
            guard verdict == .verified else { throw Failure("right bytes were taken for wrong ones") }
            self.diary.came(.init(model: seed, shard: shard.position, chunk: chunk))
        }
    }

    private mutating func publish() throws {
        let path = "\(self.beside)/mine.bin"
        if self.generator.next() % 2 == 0 {
            let bytes = DrivenModel.bytes(300_000, seed: self.generator.next() % 4)
            guard FileManager.default.createFile(atPath: path, contents: Data(bytes)) else {
                throw Failure("cannot write \(path)")
            }
        }
        guard FileManager.default.fileExists(atPath: path) else { return }
        do {
            let model = try self.store.publish(path: path)
            guard model.state.complete.isFull else { throw Failure("a published model is not complete") }
            _ = try self.store.remove(model.id)
        } catch let error as StoreError where error.code == .busy {
        }
    }

    private mutating func makeRoom() throws {
        let limit = Int(self.generator.next() % 2_000_000)
        do throws(StoreError) {
            try self.store.setCacheBudget(CacheBudget(limit: limit))
            _ = try self.store.makeRoom(announce: self.leave) { _, _ in }
        } catch {
            guard error.code == .diskFull else { throw error }
            try self.removeAll()
        }
    }

    private func leave(_ id: ManifestID, _ shards: [ShardIndex]) {
        guard let seed = self.models.first(where: { $0.value.id == id })?.key else { return }
        for shard in shards { self.diary.leaves(seed, shard) }
    }

    /// Not even a row of the index has room: whole models go.
    private func removeAll() throws {
        for (seed, source) in self.models.sorted(by: { $0.key < $1.key }) {
            self.diary.leaves(seed, nil)
            // Some are not there, and of some the index does not take the news yet.
            _ = try? self.store.remove(source.id)
        }
    }
}
