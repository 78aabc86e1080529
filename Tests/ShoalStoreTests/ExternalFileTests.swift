import Foundation
import ShoalCore
import ShoalFormats
import TestSupport
import Testing

@testable import ShoalStore

@Suite struct ExternalFileTests {
    private let shard = ShardIndex(0 as Int)
    private let chunk = ChunkIndex(0 as Int)

    @Test func `a changed file is an error, and its shards and only those are absent`() throws {
        let publisher = try Publisher()
        _ = try publisher.model.bytes(self.chunk, of: self.shard)
        try damage(publisher.folder("source/a/big.bin"), at: 12 << 20)
        let error = #expect(throws: StoreError.self) { _ = try publisher.model.bytes(self.chunk, of: self.shard) }
        #expect(error?.code == .changed)
        #expect(error?.message.contains("a/big.bin") == true)
        #expect(Array(publisher.model.state.complete.setBits) == [2])
        #expect(code { _ = try publisher.model.bytes(self.chunk, of: self.shard) } == .absent)
        #expect(try publisher.model.bytes(self.chunk, of: ShardIndex(2 as Int)).count == Cutting.chunkSize)
        // A check finds what is still right: the second shard.
        #expect(try !publisher.model.recheck(self.shard))
        #expect(try publisher.model.recheck(ShardIndex(1 as Int)))
    }

    @Test func `a file that is cut while it is served does no harm`() throws {
        let publisher = try Publisher()
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: publisher.folder("source/a/big.bin")))
        try file.truncate(atOffset: 100)
        try file.close()
        #expect(code { _ = try publisher.model.bytes(self.chunk, of: self.shard) } == .changed)
        #expect(publisher.model.state.verifiedBytes == 200_000)
    }

    @Test func `a file that is gone is an error with its path`() throws {
        let publisher = try Publisher()
        try FileManager.default.removeItem(atPath: publisher.folder("source/b.bin"))
        let error = #expect(throws: StoreError.self) {
            _ = try publisher.model.bytes(self.chunk, of: ShardIndex(2 as Int))
        }
        #expect(error?.code == .missing)
        #expect(error?.message.contains("source/b.bin") == true)
        #expect(Array(publisher.model.state.complete.setBits) == [0, 1])
    }

    @Test func `a file that was only touched is served again after the next start`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("model.bin", pattern(1_000_000))
        let id = try folder.store().publish(path: path).id
        try touch(path)
        for _ in 0..<2 {
            let model = try #require(try folder.store().open(id))
            #expect(model.findings.isEmpty)
            #expect(model.state.durable.isFull)
            #expect(try model.bytes(self.chunk, of: self.shard) == Array(pattern(1_000_000)[..<Cutting.chunkSize]))
        }
    }

    @Test func `a file that changed between two starts is found out`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("model.bin", pattern(1_000_000))
        let id = try folder.store().publish(path: path).id
        try damage(path, at: 3)
        let model = try #require(try folder.store().open(id))
        #expect(model.state.complete.isEmpty)
        #expect(model.findings.map(\.code) == [.changed])
        #expect(model.state.receiving.map(\.chunks.setCount) == [7])
    }

    @Test func `nothing is ever written to a file of the user's`() throws {
        let publisher = try Publisher()
        let path = publisher.folder("source/b.bin")
        let shard = ShardIndex(2 as Int)
        let good = try publisher.model.bytes(self.chunk, of: shard)
        try damage(path, at: 9)
        let damaged = try contents(of: path)
        #expect(code { _ = try publisher.model.bytes(self.chunk, of: shard) } == .changed)
        #expect(code { try publisher.model.write(self.chunk, of: shard, good) } == .externalFile)
        #expect(try contents(of: path) == damaged)
    }

    @Test func `a published file that is lost can be fetched`() throws {
        let publisher = try Publisher()
        let folder = try TemporaryFolder()
        for (name, bytes) in Publisher.files { try folder.write("source/\(name)", bytes) }
        let id = try folder.store().publish(path: folder("source")).id
        #expect(id == publisher.model.id)
        try FileManager.default.removeItem(atPath: folder("source/a/big.bin"))
        let model = try publisher.receiver(try folder.store())
        #expect(Array(model.state.complete.setBits) == [2])
        try model.receive(from: publisher.model)
        _ = try model.synchronize()
        try model.finish()
        #expect(try contents(of: folder("home/models/\(id)/files/a/big.bin")) == Publisher.files["a/big.bin"])
        #expect(!FileManager.default.fileExists(atPath: folder("source/a/big.bin")))
    }
}
