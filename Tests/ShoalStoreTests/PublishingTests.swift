import Foundation
import ShoalCore
import ShoalFormats
import Synchronization
import TestSupport
import Testing

@testable import ShoalStore

@Suite struct PublishingTests {
    @Test func `a single file has the ID that another implementation computes`() throws {
        // Python: hashlib and json over the bytes below, by the rules of the manifest.
        let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: ($0 * $0 * 7 + $0) >> 3) }
        let folder = try TemporaryFolder()
        let path = try folder.write("weights.BIN", bytes)
        let model = try folder.store().publish(path: path)
        #expect(model.id.hex == "2ab5186799bfd68db75feff972e4ae4b26774a8404cdb2758f61293a17ff88aa")
        #expect(model.manifest.files.map(\.path) == ["model.bin"])
        #expect(model.state.durable.isFull)
        #expect(model.state.verifiedBytes == bytes.count)
    }

    @Test func `every hash is what hashing its bytes alone gives`() throws {
        let publisher = try Publisher()
        let manifest = publisher.model.manifest
        #expect(manifest.files.map(\.path) == ["a/big.bin", "b.bin", "c-empty"])
        for file in manifest.files {
            let bytes = try #require(Publisher.files[file.path])
            #expect(file.sha256 == Digest(sha256Of: bytes))
        }
        for (position, shard) in manifest.shards.enumerated() {
            let extent = shard.extents[0]
            let file = try #require(Publisher.files[manifest.files[extent.file].path])
            let bytes = Array(file[extent.offset..<extent.offset + extent.length])
            let digests = stride(from: 0, to: bytes.count, by: Cutting.chunkSize).map {
                Digest(sha256Of: Array(bytes[$0..<min($0 + Cutting.chunkSize, bytes.count)]))
            }
            let list = try #require(try publisher.model.hashList(of: ShardIndex(position)))
            #expect(list == HashList(digests: digests))
            #expect(shard.root == list.root)
        }
        #expect(manifest.shards.map(\.size) == [16 << 20, 300_000, 200_000])
    }

    @Test func `published files are served in place and stay as they are`() throws {
        let publisher = try Publisher()
        for (shard, chunk) in publisher.model.chunks {
            let entry = publisher.model.manifest.shards[shard.position]
            let range = Cutting.range(of: chunk, inShardOf: entry.size)
            let start = entry.extents[0].offset + range.lowerBound
            let file = try #require(Publisher.files[publisher.model.manifest.files[entry.extents[0].file].path])
            #expect(try publisher.model.bytes(chunk, of: shard) == Array(file[start..<start + range.count]))
        }
        let home = publisher.folder("publisher/models/\(publisher.model.id)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: home).sorted() == ["hashes", "manifest.json"])
    }

    @Test func `many small files are all hashed`() throws {
        let folder = try TemporaryFolder()
        for index in 0..<200 { try folder.write("source/\(index % 7)/\(index)", pattern(index, seed: UInt64(index))) }
        let model = try folder.store().publish(path: folder("source/"))
        #expect(model.manifest.files.count == 200)
        for file in model.manifest.files {
            #expect(file.sha256 == Digest(sha256Of: try contents(of: folder("source/\(file.path)"))))
        }
        // More files than may be open.
        for (shard, chunk) in model.chunks { _ = try model.bytes(chunk, of: shard) }
        #expect(model.files.openCount == ModelFiles.openLimit)
    }

    @Test func `publishing again reads nothing and answers the same model`() throws {
        let publisher = try Publisher()
        let reports = Mutex(0)
        let again = try publisher.store.publish(path: publisher.folder("source")) { _ in reports.withLock { $0 += 1 } }
        #expect(again === publisher.model)
        #expect(reports.withLock { $0 } == 0)
    }

    @Test func `a new start knows what was published`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("model.gguf", pattern(1_000_000))
        let id = try folder.store().publish(path: path).id
        let store = try folder.store()
        let models = try store.models()
        #expect(models.map(\.id) == [id])
        #expect(models.map(\.durableBytes) == [1_000_000])
        #expect(try #require(try store.open(id)).state.durable.isFull)
    }

    @Test func `changed files get another ID`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("model.gguf", pattern(1_000_000))
        let store = try folder.store()
        let first = try store.publish(path: path)
        try damage(path, at: 500_000)
        let second = try store.publish(path: path)
        #expect(first.id != second.id)
        #expect(second.manifest.files[0].sha256 == Digest(sha256Of: try contents(of: path)))
    }

    @Test func `a folder that was fetched is served from the home`() throws {
        let publisher = try Publisher()
        let folder = publisher.folder
        let id = publisher.model.id
        do {
            let model = try publisher.receiver(try folder.store())
            try model.receive(from: publisher.model)
            _ = try model.synchronize()
        }
        let model = try folder.store().publish(path: folder("source"))
        #expect(model.id == id)
        try FileManager.default.removeItem(atPath: folder("source"))
        #expect(try model.bytes(ChunkIndex(0 as Int), of: ShardIndex(0 as Int)).count == Cutting.chunkSize)
    }

    @Test func `publishing what was fetched in part makes it whole`() throws {
        let publisher = try Publisher()
        let folder = publisher.folder
        do {
            try publisher.receiver(try folder.store()).receive(from: publisher.model) { $0 % 2 == 0 }
        }
        let model = try folder.store().publish(path: folder("source"))
        #expect(model.state.durable.isFull)
        #expect(!FileManager.default.fileExists(atPath: folder("home/models/\(model.id)/files")))
    }

    @Test func `publishing other files of a model in use is refused`() throws {
        let publisher = try Publisher()
        let source = publisher.folder("source")
        try touch("\(source)/b.bin")
        #expect(code { _ = try publisher.store.publish(path: source) } == .busy)
        #expect(publisher.model.state.complete.isFull)
    }

    @Test func `publishing mends what the home has of the model`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("m.bin", pattern(300_000))
        let id = try folder.store().publish(path: path).id
        for name in ["manifest.json", "hashes"] { try damage(folder("home/models/\(id)/\(name)"), at: 30) }
        let model = try folder.store().publish(path: path)
        #expect(model.id == id)
        #expect(model.state.durable.isFull)
        #expect(model.missingHashLists == [])
    }

    @Test func `progress rises to the total`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("model.gguf", pattern(3_000_000))
        let reports = Mutex<[StoreProgress]>([])
        _ = try folder.store().publish(path: path) { progress in reports.withLock { $0.append(progress) } }
        let all = reports.withLock { $0 }
        #expect(all.last == StoreProgress(done: 3_000_000, total: 3_000_000))
        #expect(all.map(\.done) == all.map(\.done).sorted())
    }

    @Test func `a stopped publish leaves nothing`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("model.gguf", pattern(3_000_000))
        let store = try folder.store()
        let stop: ProgressHandler = { _ throws(CancellationError) in throw CancellationError() }
        #expect(code { _ = try store.publish(path: path, progress: stop) } == .cancelled)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder("home/models")) == [])
        #expect(try store.models() == [])
    }

    @Test func `a draft of a killed process is removed at the next start`() throws {
        let folder = try TemporaryFolder()
        try folder.write("home/models/.draft.0123/hashes", [1, 2, 3])
        _ = try folder.store()
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder("home/models")) == [])
    }
}
