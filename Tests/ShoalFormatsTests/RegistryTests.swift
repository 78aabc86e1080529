import ModelFixtures
import ShoalCore
import Testing

@testable import ShoalFormats

/// A manifest's registry beside what the files' headers say.
@Suite struct RegistryTests {
    private let bench: AnatomyBench
    private let manifest: Manifest

    init() throws {
        self.bench = try AnatomyBench(GGUFFixture.model(.gptOSS, seed: 1))
        self.manifest = try self.bench.plan.manifest(of: self.bench.contents)
    }

    private func field(
        _ experts: Manifest.Experts?,
        _ shards: [Manifest.Shard]? = nil,
        _ anatomy: SourceAnatomy? = nil
    ) -> String? {
        let manifest = Manifest(
            format: .gguf,
            files: self.manifest.files,
            shards: shards ?? self.manifest.shards,
            experts: experts,
            model: self.manifest.model
        )
        return manifest.registryProblem(anatomy ?? self.bench.anatomy)?.field
    }

    private func experts(
        used: Int? = nil,
        _ change: (inout [ExpertID: [Manifest.Slice]]) -> Void = { _ in }
    ) throws -> Manifest.Experts {
        let experts = try #require(self.manifest.experts)
        var map = experts.map
        change(&map)
        return Manifest.Experts(
            layers: experts.layers,
            perLayer: experts.perLayer,
            used: used ?? experts.used,
            map: map
        )
    }

    @Test func `what layout 1 cuts has no problem`() throws { #expect(try self.field(self.experts()) == nil) }

    @Test func `another cut of the same bytes has no problem`() throws {
        let first = ExpertID(layer: 0, index: 0)
        let halves = try self.experts { map in
            guard let slice = map[first]?.first else { return }
            map[first] = [
                Manifest.Slice(shard: slice.shard, offset: 0, length: 1_000),
                Manifest.Slice(shard: slice.shard, offset: 1_000, length: slice.length - 1_000),
            ]
        }
        #expect(self.field(halves) == nil)
    }

    @Test func `experts that were taken for each other are found`() throws {
        let (one, other) = (ExpertID(layer: 1, index: 0), ExpertID(layer: 1, index: 1))
        let swapped = try self.experts { map in (map[one], map[other]) = (map[other], map[one]) }
        #expect(self.field(swapped) == "experts.map.1.0")
        let short = try self.experts { map in
            guard let slice = map[other]?.first else { return }
            map[other] = [Manifest.Slice(shard: slice.shard, offset: 0, length: slice.length - 1)]
        }
        #expect(self.field(short) == "experts.map.1.1")
    }

    @Test func `missing and invented experts are found`() throws {
        #expect(self.field(nil) == "experts")
        let first = ExpertID(layer: 0, index: 0)
        #expect(try self.field(self.experts { $0[first] = nil }) == "experts.map.0.0")
        let invented = ExpertID(layer: 0, index: 99)
        #expect(try self.field(self.experts { $0[invented] = $0[first] }) == "experts.map.0.99")
        let dense = try AnatomyBench(GGUFFixture.model(.llama, seed: 1)).anatomy
        #expect(try self.field(self.experts(), nil, dense) == "experts.map.0.0")
        #expect(self.field(nil, nil, dense) == nil)
    }

    @Test func `another number of experts used is found`() throws {
        #expect(try self.field(self.experts(used: 99)) == "experts.used")
    }
}
