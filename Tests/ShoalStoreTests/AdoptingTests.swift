import Foundation
import ShoalCore
import ShoalFormats
import TestSupport
import Testing

@testable import ShoalStore

/// Files of the user's that become files of a model.
@Suite struct AdoptingTests {
    /// A home that knows the model and has none of it, and a place for the user's files.
    private struct Adopter {
        let publisher: Publisher
        let folder: TemporaryFolder
        let store: ModelStore
        let model: StoredModel

        init() throws {
            self.publisher = try Publisher()
            self.folder = try TemporaryFolder()
            self.store = try self.folder.store()
            self.model = try self.publisher.receiver(self.store)
        }

        func write(_ names: String...) throws {
            for name in names { try self.folder.write("mine/\(name)", Publisher.files[name] ?? []) }
        }

        func own(_ name: String) -> String { self.folder("home/models/\(self.model.id)/files/\(name)") }
    }

    @Test func `files that are whole are served in place, without hash lists and without a copy`() throws {
        let adopter = try Adopter()
        try adopter.write("a/big.bin", "b.bin")
        #expect(!adopter.model.missingHashLists.isEmpty)
        let adoption = try adopter.store.adopt(adopter.folder("mine"), into: adopter.model)
        #expect(adoption.files == ["a/big.bin", "b.bin"])
        #expect(adoption.inPlaceBytes == adopter.model.manifest.totalSize)
        #expect(adoption.copiedBytes == 0 && adoption.unknownBytes == 0)
        #expect(adoption.found.map(\.shard) == [0, 1, 2].map { ShardIndex($0 as Int) })
        #expect(adopter.model.state.durable.isFull && adopter.model.missingHashLists.isEmpty)
        #expect(!FileManager.default.fileExists(atPath: adopter.own("b.bin")))
        for (shard, chunk) in adopter.model.chunks {
            #expect(try adopter.model.bytes(chunk, of: shard) == adopter.publisher.model.bytes(chunk, of: shard))
        }
        try adopter.model.finish()
    }

    @Test func `it is so at the next start, and when a file changes its shards are absent`() throws {
        let folder = try TemporaryFolder()
        let publisher = try Publisher()
        try folder.write("mine/b.bin", Publisher.files["b.bin"] ?? [])
        do {
            let store = try folder.store()
            _ = try store.adopt(folder("mine"), into: try publisher.receiver(store))
        }
        let model = try #require(try folder.store().open(publisher.model.id))
        #expect(Array(model.state.durable.setBits) == [2] && model.findings.isEmpty)
        try damage(folder("mine/b.bin"), at: 5)
        #expect(code { _ = try model.bytes(ChunkIndex(0 as Int), of: ShardIndex(2 as Int)) } == .changed)
        #expect(model.state.complete.isEmpty)
    }

    @Test func `of a file that is not whole the right chunks are copied, and the file stays as it is`() throws {
        let adopter = try Adopter()
        // Cut in the second shard, and wrong in the third chunk of the first.
        var bytes = try #require(Publisher.files["a/big.bin"])[..<((16 << 20) + 140_000)]
        bytes[2 * Cutting.chunkSize + 7] ^= 1
        try adopter.folder.write("mine/a/big.bin", Array(bytes))
        // With the lists that peers would send.
        for shard in adopter.model.missingHashLists {
            try adopter.model.install(try #require(try adopter.publisher.model.hashList(of: shard)), for: shard)
        }
        let adoption = try adopter.store.adopt(adopter.folder("mine"), into: adopter.model)
        #expect(adoption.files.isEmpty && adoption.inPlaceBytes == 0)
        #expect(adoption.copiedBytes == (16 << 20))
        #expect(adoption.unknownBytes == bytes.count - adoption.copiedBytes)
        #expect(adopter.model.state.verifiedBytes == (16 << 20))
        #expect(adoption.found.map(\.chunks.setCount) == [127, 1])
        #expect(try contents(of: adopter.folder("mine/a/big.bin")) == Array(bytes))
        // The rest is fetched as ever.
        try adopter.model.receive(from: adopter.publisher.model)
        _ = try adopter.model.synchronize()
        try adopter.model.finish()
        #expect(try contents(of: adopter.own("a/big.bin")) == Publisher.files["a/big.bin"])
        #expect(try contents(of: adopter.folder("mine/a/big.bin")) == Array(bytes))
    }

    @Test func `without hash lists whole shards are recognised by their roots`() throws {
        let adopter = try Adopter()
        let bytes = try #require(Publisher.files["a/big.bin"])[..<((16 << 20) + 140_000)]
        try adopter.folder.write("mine/a/big.bin", Array(bytes))
        let adoption = try adopter.store.adopt(adopter.folder("mine"), into: adopter.model)
        #expect(adoption.copiedBytes == 16 << 20)
        #expect(Array(adopter.model.state.durable.setBits) == [0])
        #expect(adoption.unknownBytes == 140_000)
    }

    @Test func `what the home has already is left alone`() throws {
        let adopter = try Adopter()
        try adopter.model.receive(from: adopter.publisher.model)
        _ = try adopter.model.synchronize()
        try adopter.write("b.bin")
        let adoption = try adopter.store.adopt(adopter.folder("mine"), into: adopter.model)
        #expect(adoption == Adoption(files: [], inPlaceBytes: 0, copiedBytes: 0, unknownBytes: 0, found: []))
        #expect(FileManager.default.fileExists(atPath: adopter.own("b.bin")))
    }

    @Test func `a file whose chunks were coming becomes the user's, and a chunk that comes late does no harm`() throws {
        let adopter = try Adopter()
        try adopter.model.receive(from: adopter.publisher.model) { $0 < 3 }
        try adopter.write("a/big.bin")
        let before = try contents(of: adopter.folder("mine/a/big.bin"))
        _ = try adopter.store.adopt(adopter.folder("mine"), into: adopter.model)
        let (shard, chunk) = adopter.model.chunks[5]
        #expect(try adopter.model.write(chunk, of: shard, adopter.publisher.model.bytes(chunk, of: shard)) == .verified)
        #expect(try contents(of: adopter.folder("mine/a/big.bin")) == before)
        #expect(Array(adopter.model.state.durable.setBits) == [0, 1])
    }

    @Test func `a single file is found by its name, and else by its size`() throws {
        let adopter = try Adopter()
        for name in ["b.bin", "another name"] {
            let path = try adopter.folder.write("mine/\(name)", Publisher.files["b.bin"] ?? [])
            let candidates = try CandidateFiles(path: path, manifest: adopter.model.manifest, own: "/nowhere")
            #expect(candidates.files.map(\.position) == [1])
        }
        let stranger = try adopter.folder.write("mine/stranger", [1, 2, 3])
        #expect(code { _ = try adopter.store.adopt(stranger, into: adopter.model) } == .missing)
        #expect(code { _ = try adopter.store.adopt(adopter.folder("nothing"), into: adopter.model) } == .missing)
        #expect(code { _ = try adopter.store.adopt(adopter.folder("mine"), into: adopter.model) } == nil)
        #expect(code { _ = try adopter.store.adopt(adopter.folder("home"), into: adopter.model) } == .missing)
    }

    @Test func `links are followed, as the cache of Hugging Face has them`() throws {
        let adopter = try Adopter()
        try adopter.folder.write("blobs/0123", Publisher.files["b.bin"] ?? [])
        let snapshot = adopter.folder("snapshot")
        try FileManager.default.createDirectory(atPath: snapshot, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: "\(snapshot)/b.bin",
            withDestinationPath: "../blobs/0123"
        )
        #expect(try adopter.store.adopt(snapshot, into: adopter.model).files == ["b.bin"])
        // What counts is where the link led to.
        try FileManager.default.removeItem(atPath: snapshot)
        let shard = ShardIndex(2 as Int)
        #expect(try adopter.model.bytes(ChunkIndex(0 as Int), of: shard).count == Cutting.chunkSize)
    }

    @Test func `files of the home are not the user's to adopt`() throws {
        let adopter = try Adopter()
        let files = adopter.folder("home/models/\(adopter.model.id)/files")
        #expect(code { _ = try adopter.store.adopt(files, into: adopter.model) } == .badName)
        let detour = adopter.folder("detour")
        try FileManager.default.createSymbolicLink(atPath: detour, withDestinationPath: files)
        #expect(code { _ = try adopter.store.adopt(detour, into: adopter.model) } == .badName)
    }

    @Test func `a stopped adoption changes nothing`() throws {
        let adopter = try Adopter()
        try adopter.write("a/big.bin")
        let stopped = code {
            _ = try adopter.store.adopt(adopter.folder("mine"), into: adopter.model) { _ throws(CancellationError) in
                throw CancellationError()
            }
        }
        // A small machine may be done before the first report is due.
        #expect(stopped == nil || stopped == .cancelled)
        if stopped == .cancelled { #expect(adopter.model.state.verifiedBytes == 0) }
    }
}
