import ShoalCore
import Testing

@Suite struct CuttingTests {
    @Test(arguments: [
        (1, 1), (131_071, 1), (131_072, 1), (131_073, 2), (16 * 1024 * 1024, 128),
        (Cutting.maximumShardSize - 1, 512), (Cutting.maximumShardSize, 512),
    ])
    func `a shard has as many chunks as it takes`(size: Int, count: Int) {
        #expect(Cutting.chunkCount(ofShardOf: size) == count)
    }

    @Test(arguments: [1, 131_072, 131_073, 300_000, 524_288])
    func `chunks follow each other and are the shard`(size: Int) {
        var end = 0
        for position in 0..<Cutting.chunkCount(ofShardOf: size) {
            let range = Cutting.range(of: ChunkIndex(position), inShardOf: size)
            #expect(range.lowerBound == end && !range.isEmpty && range.count <= Cutting.chunkSize)
            end = range.upperBound
        }
        #expect(end == size)
    }

    @Test func `a chunk behind the end of its shard has no bytes`() async {
        await #expect(processExitsWith: .failure) { _ = Cutting.range(of: ChunkIndex(1), inShardOf: 131_072) }
    }
}
