import Foundation
import ShoalCore
import ShoalFormats
import TestSupport
import Testing

@testable import ShoalStore

@Suite struct ResumingTests {
    private func big(_ publisher: Publisher) -> String {
        publisher.folder("home/models/\(publisher.model.id)/files/a/big.bin")
    }

    @Test func `after a crash good chunks count and damaged ones do not`() throws {
        let publisher = try Publisher()
        do {
            try publisher.receiver(try publisher.folder.store()).receive(from: publisher.model) { $0 < 40 }
        }
        try damage(self.big(publisher), at: 7 * Cutting.chunkSize + 5)
        let model = try #require(try publisher.folder.store().open(publisher.model.id))
        let found = try #require(model.state.receiving.first)
        #expect(Array(found.chunks.setBits) == (0..<40).filter { $0 != 7 })
        #expect(model.state.verifiedBytes == 39 * Cutting.chunkSize)
        #expect(code { _ = try model.bytes(ChunkIndex(7 as Int), of: found.shard) } == .absent)
        try model.receive(from: publisher.model) { $0 == 7 || $0 >= 40 }
        _ = try model.synchronize()
        try model.finish()
    }

    @Test func `whole shards that were never synced are durable after the next start`() throws {
        let publisher = try Publisher()
        do { try publisher.receiver(try publisher.folder.store()).receive(from: publisher.model) }
        let model = try #require(try publisher.folder.store().open(publisher.model.id))
        #expect(model.state.durable.isFull)
        #expect(model.findings.isEmpty)
    }

    @Test func `durable shards are not hashed again, but no damaged chunk is served`() throws {
        let publisher = try Publisher()
        do {
            let model = try publisher.receiver(try publisher.folder.store())
            try model.receive(from: publisher.model)
            _ = try model.synchronize()
        }
        try damage(self.big(publisher), at: 5)
        let store = try publisher.folder.store()
        let model = try #require(try store.open(publisher.model.id))
        let shard = ShardIndex(0 as Int)
        #expect(model.state.durable.isFull)
        #expect(code { _ = try model.bytes(ChunkIndex(0 as Int), of: shard) } == .corrupt)
        #expect(Array(model.state.complete.clearBits) == [0])
        #expect(try store.models().map(\.durableBytes) == [500_000])
        #expect(code { _ = try model.bytes(ChunkIndex(1 as Int), of: shard) } == .absent)
        #expect(try model.bytes(ChunkIndex(0 as Int), of: ShardIndex(1 as Int)).count == Cutting.chunkSize)
    }

    @Test func `a check that a peer asks for finds damage`() throws {
        let publisher = try Publisher()
        let model = try publisher.receiver(try publisher.folder.store())
        try model.receive(from: publisher.model)
        let shard = ShardIndex(0 as Int)
        #expect(try model.recheck(shard))
        try damage(self.big(publisher), at: 9 * Cutting.chunkSize)
        #expect(try !model.recheck(shard))
        #expect(!model.state.complete[0])
        // The other chunks are still on the disk.
        #expect(try !model.recheck(shard))
        #expect(model.state.receiving.first?.chunks.setCount == 127)
    }

    @Test func `where one shard has rotted, others are hashed again before they are served`() throws {
        let publisher = try Publisher()
        let model = try publisher.receiver(try publisher.folder.store())
        try model.receive(from: publisher.model)
        let (first, second) = (ChunkIndex(0 as Int), ShardIndex(1 as Int))
        _ = try model.bytes(first, of: second)
        let start = publisher.model.manifest.shards[1].extents[0].offset
        try damage(self.big(publisher), at: start)
        try damage(self.big(publisher), at: 9 * Cutting.chunkSize)
        // It was read and right a moment ago.
        #expect(try model.bytes(first, of: second).count == Cutting.chunkSize)
        #expect(try !model.recheck(ShardIndex(0 as Int)))
        #expect(code { _ = try model.bytes(first, of: second) } == .corrupt)
    }

    @Test func `a shard that is lost while it is synced does not become durable`() throws {
        let publisher = try Publisher()
        let map = ChunkMap(publisher.model.manifest)
        var book = ShardBook(map)
        let shard = ShardIndex(2 as Int)
        for chunk in 0..<2 { book.verified(ChunkIndex(chunk), of: shard) }
        let tickets = book.syncTickets()
        #expect(tickets.map(\.shard) == [shard])
        book.lose([shard])
        #expect(book.synced(tickets) == [])
        for chunk in 0..<2 { book.verified(ChunkIndex(chunk), of: shard) }
        // It came again, but these bytes are not those that were synced.
        #expect(book.synced(tickets) == [])
        #expect(book.synced(book.syncTickets()) == [shard])
        #expect(book.state(of: shard) == .durable)
        #expect(book.verifiedBytes == 200_000)
        book.lose([shard])
        #expect(book.verifiedBytes == 0)
    }

    @Test func `a file that is gone is made again, and only its shards are lost`() throws {
        let publisher = try Publisher()
        do {
            let model = try publisher.receiver(try publisher.folder.store())
            try model.receive(from: publisher.model)
            _ = try model.synchronize()
        }
        try FileManager.default.removeItem(atPath: publisher.folder("home/models/\(publisher.model.id)/files/b.bin"))
        let model = try #require(try publisher.folder.store().open(publisher.model.id))
        #expect(Array(model.state.complete.setBits) == [0, 1])
        #expect(model.findings.count == 1)
        #expect(model.findings.first?.message.contains("b.bin") == true)
        try model.receive(from: publisher.model)
        _ = try model.synchronize()
        try model.finish()
    }

    @Test func `a file that was cut counts for what is left of it`() throws {
        let publisher = try Publisher()
        do {
            let model = try publisher.receiver(try publisher.folder.store())
            try model.receive(from: publisher.model)
            _ = try model.synchronize()
        }
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: self.big(publisher)))
        try file.truncate(atOffset: UInt64((16 << 20) + 5))
        try file.close()
        let model = try #require(try publisher.folder.store().open(publisher.model.id))
        #expect(Array(model.state.durable.setBits) == [0, 2])
    }

    @Test func `without hash lists, what is whole is found and what is not is lost`() throws {
        let publisher = try Publisher()
        do {
            try publisher.receiver(try publisher.folder.store()).receive(from: publisher.model) { $0 != 3 }
        }
        try FileManager.default.removeItem(atPath: publisher.folder("home/models/\(publisher.model.id)/hashes"))
        let model = try #require(try publisher.folder.store().open(publisher.model.id))
        #expect(Array(model.state.complete.setBits) == [1, 2])
        #expect(model.missingHashLists == [ShardIndex(0 as Int)])
    }

    @Test func `a damaged hash list does not count`() throws {
        let publisher = try Publisher()
        do { try publisher.receiver(try publisher.folder.store()).receive(from: publisher.model) { $0 == 1 } }
        try damage(publisher.folder("home/models/\(publisher.model.id)/hashes"), at: 40)
        let model = try #require(try publisher.folder.store().open(publisher.model.id))
        #expect(model.missingHashLists == [ShardIndex(0 as Int)])
        #expect(model.state.verifiedBytes == 0)
    }

    @Test func `a damaged manifest is an error on opening and is mended by receiving`() throws {
        let publisher = try Publisher()
        let id = publisher.model.id
        do { try publisher.receiver(try publisher.folder.store()).receive(from: publisher.model) }
        try damage(publisher.folder("home/models/\(id)/manifest.json"), at: 20)
        let store = try publisher.folder.store()
        #expect(code { _ = try store.open(id) } == .wrongManifest)
        #expect(try publisher.receiver(store).state.durable.isFull)
        #expect(try contents(of: publisher.folder("home/models/\(id)/manifest.json")) == publisher.model.manifestBytes)
    }

    @Test func `without the index nothing is lost but time`() throws {
        let publisher = try Publisher()
        do {
            let model = try publisher.receiver(try publisher.folder.store())
            try model.receive(from: publisher.model)
            _ = try model.synchronize()
        }
        for name in ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm"] {
            try? FileManager.default.removeItem(atPath: publisher.folder("home/\(name)"))
        }
        let model = try #require(try publisher.folder.store().open(publisher.model.id))
        #expect(model.state.durable.isFull)
    }

    @Test func `a model that the home does not know is nil`() throws {
        let folder = try TemporaryFolder()
        #expect(try folder.store().open(ManifestID(Digest(sha256Of: []))) == nil)
    }

    @Test func `what was never written does not count, even where zeros would be right`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("zeros.bin", [UInt8](repeating: 0, count: 300_000))
        let publisher = try folder.store("publisher").publish(path: path)
        do {
            let model = try folder.store().receive(manifest: publisher.manifestBytes, id: publisher.id)
            try model.receive(from: publisher) { $0 == 1 }
        }
        let model = try #require(try folder.store().open(publisher.id))
        #expect(model.state.receiving.map { Array($0.chunks.setBits) } == [[1]])
    }

    @Test func `a hole is told from data`() throws {
        let folder = try TemporaryFolder()
        let file = try Folder.open(folder.path).createFile("sparse")
        try file.truncate(to: 8 << 20)
        try file.write([1], at: 4 << 20)
        #expect(try file.nextData(from: 0) == 4 << 20)
        #expect(try file.nextData(from: 5 << 20) == nil)
    }
}
