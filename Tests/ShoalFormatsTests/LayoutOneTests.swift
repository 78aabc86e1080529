import ShoalCore
import ShoalFormats
import Testing

@Suite struct LayoutOneTests {
    @Test(arguments: Vectors.layoutOne.plans.indices)
    func `regions are cut as the vectors say`(index: Int) throws {
        let vector = Vectors.layoutOne.plans[index]
        let plan = try LayoutOne.plan(format: .gguf, files: vector.files.map(\.source), expertsUsed: vector.used)
        let shards = plan.shards.map { shard in
            LayoutVectors.Shard(
                kind: shard.kind.rawValue,
                size: shard.size,
                extents: shard.extents.map { [$0.file, $0.offset, $0.length] }
            )
        }
        #expect(shards == vector.shards, "\(vector.name)")
        let map = plan.experts?.map.map { expert, slices in
            (expert.description, slices.map { [$0.shard.position, $0.offset, $0.length] })
        }
        #expect(map.map { Dictionary(uniqueKeysWithValues: $0) } == vector.experts?.map, "\(vector.name)")
        #expect(plan.experts?.layers == vector.experts?.layers, "\(vector.name)")
        #expect(plan.experts?.perLayer == vector.experts?.perLayer, "\(vector.name)")
        #expect(plan.experts?.used == vector.experts?.used, "\(vector.name)")
    }

    @Test(arguments: Vectors.layoutOne.refused.indices)
    func `what cannot be published is refused before a byte is hashed`(index: Int) {
        let vector = Vectors.layoutOne.refused[index]
        let error = #expect(throws: ManifestError.self, "\(vector.name)") {
            try LayoutOne.plan(format: .gguf, files: vector.files.map(\.source), expertsUsed: vector.used)
        }
        #expect(error?.field == vector.field, "\(vector.name): \(error?.problem ?? "")")
    }

    @Test(arguments: 0..<16 as Range<UInt64>)
    func `random regions give a plan that a reader accepts`(seed: UInt64) throws {
        var dice = SeededGenerator(seed: seed)
        let files = (0..<Int.random(in: 1...5, using: &dice)).map { file in
            let regions = (0..<Int.random(in: 1...60, using: &dice)).map { _ in
                let expert = ExpertID(
                    layer: Int.random(in: 0..<4, using: &dice),
                    index: Int.random(in: 0..<12, using: &dice)
                )
                let contents: [LayoutOne.Region.Content] = [.header, .dense, .dense, .expert(expert)]
                let magnitude = Int.random(in: 0...27, using: &dice)
                return LayoutOne.Region(
                    contents.randomElement(using: &dice) ?? .dense,
                    length: Int.random(in: 1...(1 << magnitude), using: &dice)
                )
            }
            let size = regions.reduce(0) { $0 + $1.length }
            return LayoutOne.SourceFile(path: "file \(file)", size: size, regions: regions)
        }
        let plan = try LayoutOne.plan(format: .gguf, files: files, expertsUsed: 1)
        let manifest = plan.manifest(
            fileDigests: plan.files.map { _ in .random(using: &dice) },
            roots: plan.shards.map { _ in .random(using: &dice) }
        )
        let read = try ManifestReader.read(ManifestWriter.bytes(of: manifest))
        #expect(read == manifest, "seed \(seed)")
        #expect(plan.totalSize == read.totalSize, "seed \(seed)")
        for shard in plan.shards where shard.kind != .expert {
            #expect(shard.size <= Cutting.denseShardSize, "seed \(seed)")
            #expect(Set(shard.extents.map(\.file)).count == 1, "seed \(seed)")
        }
    }
}
