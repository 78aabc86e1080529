import Foundation
import ModelFixtures
import ShoalCore
import ShoalFormats
import TestSupport
import Testing

@testable import shoal_bench

@Suite struct BenchModelTests {
    static let shape = ExpertShape(layers: 3, perLayer: 5, used: 2, expertBytes: Cutting.chunkSize + 1)

    private static func bytes(of model: BenchModel) throws -> [UInt8] {
        let folder = try TemporaryFolder()
        let file = folder.url.appending(component: model.fileName)
        try model.write(to: file)
        return [UInt8](try Data(contentsOf: file))
    }

    @Test(arguments: [false, true])
    func `each expert is a shard of its own, of two chunks`(isSparse: Bool) throws {
        let model = BenchModel.experts(Self.shape, isSparse: isSparse)
        let bytes = try Self.bytes(of: model)
        #expect(bytes.count == model.byteCount)
        let listing = SourceListing(path: model.fileName, size: bytes.count)
        let plan = try SourceAnatomy.of(files: [listing], reader: MemoryReader([bytes])).plan()
        let experts = plan.shards.filter { $0.kind == .expert }
        #expect(experts.count == Self.shape.expertCount)
        #expect(experts.allSatisfy { $0.size == Self.shape.expertBytes && $0.chunkCount == 2 })
        #expect(plan.experts?.used == 2)
    }

    @Test func `every chunk of a sparse model has bytes, so that the store sees no hole in it`() throws {
        let model = BenchModel.experts(Self.shape, isSparse: true)
        let bytes = try Self.bytes(of: model)
        let listing = SourceListing(path: model.fileName, size: bytes.count)
        let plan = try SourceAnatomy.of(files: [listing], reader: MemoryReader([bytes])).plan()
        for shard in plan.shards where shard.kind == .expert {
            let content = shard.extents.flatMap { bytes[$0.offset..<$0.offset + $0.length] }
            for chunk in 0..<shard.chunkCount {
                let range = Cutting.range(of: ChunkIndex(chunk), inShardOf: shard.size)
                #expect(content[range].contains { $0 != 0 })
            }
        }
    }

    @Test(arguments: [1, 1 << 20, (1 << 20) + 3])
    func `noise has the size that was asked for, and is the same every time`(byteCount: Int) throws {
        let bytes = try Self.bytes(of: .noise(byteCount: byteCount))
        #expect(bytes.count == byteCount)
        #expect(try Self.bytes(of: .noise(byteCount: byteCount)) == bytes)
    }
}
