import Foundation
import ModelFixtures
import ShoalCore
import ShoalFormats
import Synchronization
import TestSupport
import Testing

@testable import ShoalStore

/// Publishing of models whose shards lie in many places.
@Suite struct ModelPublishingTests {
    /// Two layers of five experts of 3 × 240 KiB: shards of several chunks, of which many lie in two places, in a file of
    /// several blocks.
    private static let large: GGUFFile = {
        var file = GGUFFile()
        file["general.architecture"] = .text("qwen3moe")
        file["qwen3moe.expert_used_count"] = .uint32(2)
        file.tensors = [.init("token_embd.weight", [256, 300])]
        for layer in 0..<2 {
            file.tensors.append(.init("blk.\(layer).attn_q.weight", [256, 130]))
            for part in ["gate", "down", "up"] {
                file.tensors.append(.init("blk.\(layer).ffn_\(part)_exps.weight", [256, 240, 5]))
                file.tensors.append(.init("blk.\(layer).ffn_\(part)_exps.bias", [256, 5]))
            }
        }
        return file
    }()

    /// What publishing must come to, as simply as it can be computed.
    private func expected(_ files: [(name: String, bytes: [UInt8])]) throws -> Manifest {
        let files = files.sorted { PublishedPath.precedes($0.name, $1.name) }
        let listings = files.map { SourceListing(path: $0.name, size: $0.bytes.count) }
        let anatomy = try SourceAnatomy.of(files: listings, reader: MemoryReader(files.map(\.bytes)))
        return try anatomy.plan().manifest(of: files.map(\.bytes))
    }

    private func parts(of model: GGUFFile, _ count: Int) -> [(name: String, bytes: [UInt8])] {
        GGUFFixture.split(model, into: count).enumerated().map { part, file in
            (GGUFFixture.partName("m", part, of: count), file.bytes)
        }
    }

    private func check(_ model: StoredModel, _ files: [(name: String, bytes: [UInt8])]) throws {
        let expected = try self.expected(files)
        #expect(model.manifest == expected)
        #expect(model.missingHashLists == [])
        #expect(model.state.durable.isFull)
        let contents = try expected.files.map { file in try #require(files.first { $0.name == file.path }).bytes }
        for (position, shard) in expected.shards.enumerated() {
            let bytes = shard.extents.flatMap { contents[$0.file][$0.offset..<$0.offset + $0.length] }
            for chunk in 0..<shard.chunkCount {
                let range = Cutting.range(of: ChunkIndex(chunk), inShardOf: shard.size)
                #expect(try model.bytes(ChunkIndex(chunk), of: ShardIndex(position)) == Array(bytes[range]))
            }
        }
    }

    @Test(arguments: GGUFFixture.Family.allCases)
    func `a model is published and served by its experts`(family: GGUFFixture.Family) throws {
        let folder = try TemporaryFolder()
        let file = (name: "model.gguf", bytes: GGUFFixture.model(family, seed: 7).bytes)
        let model = try folder.store().publish(path: try folder.write("what it is called.GGUF", file.bytes))
        try self.check(model, [file])
        #expect((model.manifest.experts != nil) == family.hasExperts)
    }

    @Test(arguments: SafetensorsFixture.Family.allCases)
    func `a folder of safetensors is published and served by its experts`(
        family: SafetensorsFixture.Family
    ) throws {
        let folder = try TemporaryFolder()
        let files = SafetensorsFixture(family, seed: 7).files(2)
        for file in files { try folder.write("source/\(file.name)", file.bytes) }
        let model = try folder.store().publish(path: folder("source"))
        #expect(model.manifest.format == .safetensors)
        try self.check(model, files)
        #expect(try model.registryProblem() == nil)
    }

    @Test func `chunks that lie in several places of a large file are hashed`() throws {
        let folder = try TemporaryFolder()
        let file = (name: "model.gguf", bytes: Self.large.bytes)
        let model = try folder.store().publish(path: try folder.write("large.gguf", file.bytes))
        #expect(model.manifest.shards.count { $0.kind == .expert && $0.chunkCount == 6 } == 10)
        try self.check(model, [file])
    }

    @Test(arguments: [2, 3, 7]) func `an expert may lie in several files`(count: Int) throws {
        let folder = try TemporaryFolder()
        let files = self.parts(of: Self.large, count)
        for file in files { try folder.write("source/\(file.name)", file.bytes) }
        try folder.write("source/README.md", [1, 2, 3])
        let model = try folder.store().publish(path: folder("source"))
        #expect(model.manifest.shards.contains { Set($0.extents.map(\.file)).count > 1 })
        try self.check(model, files + [("README.md", [1, 2, 3])])
    }

    @Test func `chunks that were torn are read again`() throws {
        let folder = try TemporaryFolder()
        let bytes = Self.large.bytes
        let tree = try SourceTree(path: try folder.write("large.gguf", bytes))
        let plan = try tree.anatomy().plan()
        let map = ChunkMap(plan.unhashedManifest)
        let seams = SeamBook()
        var tornCount = 0
        for (position, shard) in plan.shards.enumerated() {
            for chunk in 0..<shard.chunkCount {
                let (chunk, shard) = (ChunkIndex(chunk), ShardIndex(position))
                guard map.pieces(of: chunk, in: shard).count > 1 else { continue }
                let late = ChunkPiece(
                    shard: shard,
                    chunk: map.number(of: chunk, in: shard),
                    chunkSize: map.byteCount(of: chunk, in: shard),
                    chunkOffset: 1,
                    range: 0..<1
                )
                #expect([0].withUnsafeBytes { seams.add(late, UnsafeRawBufferPointer(rebasing: $0[..<1])) } == nil)
                tornCount += 1
            }
        }
        #expect(tornCount > 20)
        #expect(seams.torn.count == tornCount)
        try folder.write("hashes", [])
        let hashes = try Descriptor.open(folder("hashes"), O_RDWR)
        let hasher = SourceHasher(tree: tree, plan: plan, hashes: hashes, progress: nil, seams: seams)
        #expect(try hasher.manifest() == self.expected([("model.gguf", bytes)]))
    }

    @Test func `pieces in order make a chunk, and others tear it`() {
        let seams = SeamBook()
        let bytes = pattern(100)
        func add(_ range: Range<Int>, _ chunk: Int) -> Digest? {
            let piece = ChunkPiece(
                shard: ShardIndex(0 as Int),
                chunk: chunk,
                chunkSize: 100,
                chunkOffset: range.lowerBound,
                range: 0..<range.count
            )
            return bytes[range].withUnsafeBytes { seams.add(piece, $0) }
        }
        #expect(add(0..<40, 1) == nil)
        #expect(add(0..<10, 2) == nil)
        #expect(add(40..<99, 1) == nil)
        #expect(add(99..<100, 1) == Digest(sha256Of: bytes))
        #expect(add(20..<100, 2) == nil)
        #expect(add(10..<20, 2) == nil)
        #expect(add(50..<100, 3) == nil)
        #expect(add(0..<50, 3) == nil)
        #expect(seams.torn.map(\.chunk) == [2, 3])
    }

    @Test func `blocks end between pieces, and are the file`() throws {
        let bytes = Self.large.bytes
        let listing = SourceListing(path: "model.gguf", size: bytes.count)
        let plan = try SourceAnatomy.of(files: [listing], reader: MemoryReader([bytes])).plan()
        let runs = SourceRuns(ChunkMap(plan.unhashedManifest), fileCount: 1)
        var blocks = runs.blocks(of: 0)
        var end = 0
        var hashed: [Int: Int] = [:]
        while let block = blocks.next() {
            #expect(block.offset == end)
            #expect((1...SourceBlock.limit).contains(block.length))
            let pieces = runs.pieces(of: block)
            #expect(pieces.last?.range.upperBound == block.length)
            for piece in pieces {
                #expect(piece.chunkOffset == hashed[piece.chunk, default: 0])
                hashed[piece.chunk, default: 0] += piece.range.count
            }
            end += block.length
        }
        #expect(end == bytes.count)
        #expect(hashed.count == plan.shards.reduce(0) { $0 + $1.chunkCount })
    }

    @Test func `the same weights in another folder under another name have the same ID`() throws {
        let folder = try TemporaryFolder()
        let bytes = GGUFFixture.model(.granitemoe, seed: 1).bytes
        let first = try folder.store("one").publish(path: try folder.write("a/granite-Q4.gguf", bytes))
        let second = try folder.store("two").publish(path: try folder.write("b/model.gguf", bytes))
        #expect(first.id == second.id)
    }

    @Test func `a damaged model is refused with its place on the disk, and leaves nothing`() throws {
        let folder = try TemporaryFolder()
        var model = GGUFFixture.model(.mixtral, seed: 1)
        model.lackingBytes = 300
        try folder.write("source/notes.txt", [1])
        let path = try folder.write("source/mixtral.gguf", model.bytes)
        let error = #expect(throws: StoreError.self) { try folder.store().publish(path: folder("source")) }
        #expect(error?.code == .damagedSource)
        #expect(error?.message.contains("\(path): tensors[") == true)
        #expect(error?.message.contains("archive") == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder("home/models")) == [])
    }

    @Test func `the publisher is told what was not understood`() throws {
        let folder = try TemporaryFolder()
        var model = GGUFFixture.model(.mixtral, seed: 1)
        model["llama.expert_used_count"] = nil
        let path = try folder.write("mixtral.gguf", model.bytes)
        let store = try folder.store()
        var notes: [String] = []
        let published = try store.publish(path: path, noted: { notes.append($0) })
        #expect(notes.count == 1)
        #expect(published.manifest.experts == nil)
        _ = try store.publish(path: path, noted: { notes.append($0) })
        #expect(notes.count == 1)
    }
}

/// What the home says of a registry that came from strangers.
@Suite struct ModelRegistryTests {
    @Test func `a registry that is not the header's is told once the header is here`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("m.gguf", GGUFFixture.model(.olmoe, seed: 1).bytes)
        let published = try folder.store("publisher").publish(path: path)
        #expect(try published.registryProblem() == nil)
        // What a publisher with another idea of experts might have made: the first two exchanged.
        let pattern = /"0.0":(\[\[.*?\]\]),"0.1":(\[\[.*?\]\])/
        let text = String(decoding: published.manifestBytes, as: UTF8.self)
            .replacing(pattern) { match in "\"0.0\":\(match.output.2),\"0.1\":\(match.output.1)" }
        let bytes = Array(text.utf8)
        #expect(bytes != published.manifestBytes)
        let received = try folder.store("fetcher").receive(manifest: bytes, id: ManifestID(ofManifestBytes: bytes))
        #expect(try received.registryProblem() == nil)
        try received.receive(from: published) { $0 == 0 }
        #expect(try received.registryProblem()?.field == "experts.map.0.0")
    }
}
