import Foundation
import ShoalCore
import ShoalFormats
import Synchronization
import TestSupport
import Testing

@testable import ShoalStore

@Suite struct ReceivingTests {
    private let zero = ChunkIndex(0 as Int)

    @Test func `a model crosses chunk by chunk and ends byte for byte equal`() throws {
        let publisher = try Publisher()
        let store = try publisher.folder.store()
        let model = try publisher.receiver(store)
        #expect(model.state.verifiedBytes == 0)
        #expect(model.missingHashLists.count == 3)
        try model.receive(from: publisher.model)
        #expect(model.state.complete.isFull)
        #expect(model.state.durable.isEmpty)
        #expect(try model.synchronize().count == 3)
        #expect(try model.synchronize() == [])
        #expect(model.state.durable.isFull)
        let last = Mutex<StoreProgress?>(nil)
        try model.finish { progress in last.withLock { $0 = progress } }
        #expect(last.withLock { $0 }?.done == model.manifest.totalSize)
        for (name, bytes) in Publisher.files {
            #expect(try contents(of: publisher.folder("home/models/\(model.id)/files/\(name)")) == bytes)
        }
        #expect(try store.receive(manifest: model.manifestBytes, id: model.id) === model)
    }

    @Test func `a wrong chunk is called corrupt and changes nothing`() throws {
        let publisher = try Publisher()
        let model = try publisher.receiver(try publisher.folder.store())
        let shard = ShardIndex(2 as Int)
        try model.install(try #require(try publisher.model.hashList(of: shard)), for: shard)
        var bytes = try publisher.model.bytes(self.zero, of: shard)
        bytes[77] ^= 1
        #expect(try model.write(self.zero, of: shard, bytes) == .corrupt)
        bytes[77] ^= 1
        #expect(try model.write(self.zero, of: shard, Array(bytes.dropLast())) == .corrupt)
        #expect(model.state.verifiedBytes == 0)
        let path = publisher.folder("home/models/\(model.id)/files/b.bin")
        #expect(try contents(of: path).allSatisfy { $0 == 0 })
        #expect(try model.write(self.zero, of: shard, bytes) == .verified)
        #expect(try model.write(self.zero, of: shard, bytes) == .verified)
        #expect(model.state.verifiedBytes == Cutting.chunkSize)
        #expect(try model.bytes(self.zero, of: shard) == bytes)
    }

    @Test func `chunks of a shard that is being received can be read, others not`() throws {
        let publisher = try Publisher()
        let model = try publisher.receiver(try publisher.folder.store())
        try model.receive(from: publisher.model) { $0 == 5 }
        let chunks = try #require(model.state.receiving.first)
        #expect(chunks.shard == ShardIndex(0 as Int))
        #expect(Array(chunks.chunks.setBits) == [5])
        #expect(try model.bytes(ChunkIndex(5 as Int), of: chunks.shard).count == Cutting.chunkSize)
        #expect(code { _ = try model.bytes(self.zero, of: chunks.shard) } == .absent)
    }

    @Test func `a chunk before its hash list is an error`() throws {
        let publisher = try Publisher()
        let model = try publisher.receiver(try publisher.folder.store())
        let shard = ShardIndex(0 as Int)
        let bytes = try publisher.model.bytes(self.zero, of: shard)
        #expect(code { try model.write(self.zero, of: shard, bytes) } == .hashListMissing)
    }

    @Test func `the hash list of another shard is refused`() throws {
        let publisher = try Publisher()
        let model = try publisher.receiver(try publisher.folder.store())
        let list = try #require(try publisher.model.hashList(of: ShardIndex(1 as Int)))
        #expect(code { try model.install(list, for: ShardIndex(2 as Int)) } == .wrongHashList)
        #expect(model.missingHashLists.count == 3)
    }

    @Test func `a shard of one chunk needs no hash list`() throws {
        let folder = try TemporaryFolder()
        let publisher = try folder.store("publisher").publish(path: try folder.write("one.bin", pattern(1000)))
        let model = try folder.store().receive(manifest: publisher.manifestBytes, id: publisher.id)
        #expect(model.missingHashLists == [])
        #expect(try model.hashList(of: ShardIndex(0 as Int)) == publisher.hashList(of: ShardIndex(0 as Int)))
        try model.receive(from: publisher)
        #expect(try model.synchronize() == [ShardIndex(0 as Int)])
    }

    @Test func `what has not come takes no room on the disk`() throws {
        let publisher = try Publisher()
        let model = try publisher.receiver(try publisher.folder.store())
        try model.receive(from: publisher.model) { $0 == 100 }
        _ = try model.synchronize()
        let status = try FileStatus.ofEntry(at: publisher.folder("home/models/\(model.id)/files/a/big.bin"))
        #expect(status?.identity.size == (16 << 20) + 300_000)
        #expect(try #require(status).allocated <= 2 * Cutting.chunkSize)
    }

    @Test func `four threads write at once and all is there`() throws {
        let publisher = try Publisher()
        let model = try publisher.receiver(try publisher.folder.store())
        try model.receive(from: publisher.model) { _ in false }
        let chunks = publisher.model.chunks
        let failures = Mutex<[any Error]>([])
        let durable = Mutex<[ShardIndex]>([])
        // Each chunk comes twice, from two threads, while shards are synced between.
        DispatchQueue.concurrentPerform(iterations: 4) { thread in
            do {
                for index in chunks.indices where index % 2 == thread % 2 {
                    let (shard, chunk) = chunks[index]
                    #expect(try model.write(chunk, of: shard, try publisher.model.bytes(chunk, of: shard)) == .verified)
                    if index % 32 == thread {
                        let synced = try model.synchronize()
                        durable.withLock { $0 += synced }
                    }
                }
            } catch {
                failures.withLock { $0.append(error) }
            }
        }
        #expect(failures.withLock { $0.isEmpty })
        let rest = try model.synchronize()
        #expect((durable.withLock { $0 } + rest).sorted() == (0..<3).map { ShardIndex($0) })
        #expect(model.state.verifiedBytes == model.manifest.totalSize)
        try model.finish()
    }

    @Test func `a manifest that does not have its ID is refused`() throws {
        let publisher = try Publisher()
        let store = try publisher.folder.store()
        var bytes = publisher.model.manifestBytes
        bytes[10] ^= 1
        #expect(code { _ = try store.receive(manifest: bytes, id: publisher.model.id) } == .wrongManifest)
        #expect(try FileManager.default.contentsOfDirectory(atPath: publisher.folder("home/models")) == [])
    }

    @Test func `a manifest that contradicts itself fails when the file is whole`() throws {
        let folder = try TemporaryFolder()
        let publisher = try folder.store("publisher").publish(path: try folder.write("m.bin", pattern(300_000)))
        let truth = String(decoding: publisher.manifestBytes, as: UTF8.self)
        let sha256 = publisher.manifest.files[0].sha256.hex
        let lie = truth.replacing(sha256, with: Digest(sha256Of: [1]).hex)
        let bytes = Array(lie.utf8)
        let model = try folder.store().receive(manifest: bytes, id: ManifestID(ofManifestBytes: bytes))
        #expect(code { try model.finish() } == .incomplete)
        try model.receive(from: publisher)
        _ = try model.synchronize()
        let error = #expect(throws: StoreError.self) { try model.finish() }
        #expect(error?.code == .wrongContent)
        #expect(error?.message.contains("model.bin") == true)
    }

    @Test func `a model that is too large for the disk is refused before a byte is written`() throws {
        let folder = try TemporaryFolder()
        let size = 1 << 46
        let error = #expect(throws: StoreError.self) { try DiskSpace.require(size, of: size - 12_345, at: folder.path) }
        #expect(error?.code == .diskFull)
        #expect(error?.message.contains("make room for 12.3 kB more") == true)
        #expect(code { try DiskSpace.require(size, of: size, at: folder.path) } == nil)
        #expect(try DiskSpace.available(at: folder.path) > 0)
    }

    @Test func `a hard link to a file of the store keeps it from being written`() throws {
        let publisher = try Publisher()
        let folder = publisher.folder
        let id = publisher.model.id
        do { _ = try publisher.receiver(try folder.store()) }
        let path = folder("home/models/\(id)/files/b.bin")
        try FileManager.default.linkItem(atPath: path, toPath: folder("mine"))
        #expect(code { _ = try folder.store().open(id) } == .externalFile)
    }

    @Test func `a link in the place of a model's folder is not followed`() throws {
        let publisher = try Publisher()
        let folder = publisher.folder
        do { _ = try publisher.receiver(try folder.store()) }
        let path = folder("home/models/\(publisher.model.id)/files/a")
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: folder("elsewhere"), withIntermediateDirectories: false)
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: folder("elsewhere"))
        #expect(code { _ = try folder.store().open(publisher.model.id) } != nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder("elsewhere")) == [])
    }
}
