import Foundation
import ShoalCore
import TestSupport
import Testing

@testable import ShoalStore

/// Nothing is ever written to a file that somebody else has a name for.
@Suite struct HardLinkTests {
    private func link(_ old: String, _ new: String) throws {
        try FileManager.default.linkItem(atPath: old, toPath: new)
    }

    @Test func `a file of the store's that got a second name is written to no more`() throws {
        let publisher = try Publisher()
        let folder = try TemporaryFolder()
        let model = try publisher.receiver(try folder.store())
        try model.receive(from: publisher.model) { $0 < 2 }
        let own = folder("home/models/\(model.id)/files/a/big.bin")
        try self.link(own, folder("mine"))
        let before = try contents(of: folder("mine"))
        let error = #expect(throws: StoreError.self) { try model.receive(from: publisher.model) }
        #expect(error?.code == .externalFile)
        #expect(error?.message.contains("hard link") == true)
        #expect(try contents(of: folder("mine")) == before)
        // Other files go on, and with the name the obstacle is gone.
        let last = try #require(model.chunks.last)
        #expect(
            try model.write(last.chunk, of: last.shard, publisher.model.bytes(last.chunk, of: last.shard)) == .verified
        )
        try FileManager.default.removeItem(atPath: folder("mine"))
        try model.receive(from: publisher.model)
        _ = try model.synchronize()
        try model.finish()
    }

    @Test func `a second name is found at the start as well, before anything is written`() throws {
        let publisher = try Publisher()
        let folder = try TemporaryFolder()
        let id = try publisher.receiver(try folder.store()).id
        try self.link(folder("home/models/\(id)/files/b.bin"), folder("mine"))
        #expect(code { _ = try folder.store().open(id) } == .externalFile)
        #expect(try contents(of: folder("mine")).allSatisfy { $0 == 0 })
    }

    @Test func `a published file and another name of it stay as they are, whatever is received and removed`() throws {
        let publisher = try Publisher()
        let path = publisher.folder("source/b.bin")
        try self.link(path, publisher.folder("other"))
        let before = try contents(of: path)
        let (shard, chunk) = (ShardIndex(2 as Int), ChunkIndex(0 as Int))
        let bytes = try publisher.model.bytes(chunk, of: shard)
        #expect(try publisher.model.write(chunk, of: shard, bytes) == .verified)
        try damage(path, at: 1)
        let damaged = try contents(of: path)
        #expect(code { _ = try publisher.model.bytes(chunk, of: shard) } == .changed)
        #expect(code { try publisher.model.write(chunk, of: shard, bytes) } == .externalFile)
        #expect(try contents(of: path) == damaged && damaged != before)
        let removed = try publisher.store.remove(publisher.model.id)
        #expect(removed.externalPaths.contains { $0.hasSuffix("source/b.bin") })
        #expect(try contents(of: path) == damaged)
        #expect(try contents(of: publisher.folder("other")) == damaged)
    }

    @Test func `a second name of a file of the store's survives its removal and an adoption`() throws {
        let publisher = try Publisher()
        let folder = try TemporaryFolder()
        let store = try folder.store()
        let model = try publisher.receiver(store)
        try model.receive(from: publisher.model)
        _ = try model.synchronize()
        let own = folder("home/models/\(model.id)/files/b.bin")
        try self.link(own, folder("mine"))
        let removed = try store.remove(model.id)
        #expect(try contents(of: folder("mine")) == Publisher.files["b.bin"])
        // That file takes its room as before.
        #expect(removed.freedBytes >= (16 << 20) && removed.freedBytes < (16 << 20) + 450_000)
    }
}
