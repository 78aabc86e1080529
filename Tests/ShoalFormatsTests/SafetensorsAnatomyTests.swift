import ModelFixtures
import ShoalCore
import ShoalFormats
import Testing

@Suite struct SafetensorsAnatomyTests {
    private typealias File = (name: String, bytes: [UInt8])

    /// Two layers of two experts, each one tensor of 8 bytes, and a router.
    private static let tiny = SafetensorsFile(
        (0..<2).flatMap { layer in
            [SafetensorsFile.Tensor("model.layers.\(layer).mlp.gate.weight", [2, 2], "U8")]
                + (0..<2).map { .init("model.layers.\(layer).mlp.experts.\($0).up_proj.weight", [2, 4], "U8") }
        }
    )
    private static let twoOfEach: File = ("config.json", Array(#"{"num_experts":2,"num_experts_per_tok":1}"#.utf8))

    private func experts(_ bench: AnatomyBench, _ name: String) -> [String] {
        bench.content(of: name).compactMap { content in
            if case .expert(let expert) = content { return expert.description }
            return nil
        }
    }

    @Test(arguments: SafetensorsFixture.Family.allCases)
    func `each family's experts are cut, and what all tokens need is not`(family: SafetensorsFixture.Family) throws {
        for seed in 0..<4 as Range<UInt64> {
            let fixture = SafetensorsFixture(family, seed: seed)
            let bench = try AnatomyBench(fixture.files(Int(seed) + 1))
            let plan = try bench.plan
            #expect(bench.anatomy.format == .safetensors)
            guard family.hasExperts else {
                #expect(plan.experts == nil)
                continue
            }
            let experts = try #require(plan.experts, "\(family), seed \(seed): \(bench.anatomy.notes)")
            // A leading layer of DeepSeek-V3 is dense.
            let first = family == .deepseekV3 && fixture.layers > 1 ? 1 : 0
            let expected = (first..<fixture.layers).flatMap { layer in
                (0..<fixture.experts).map { ExpertID(layer: layer, index: $0) }
            }
            #expect(experts.map.keys.sorted() == expected, "\(family), seed \(seed)")
            #expect(experts.used == fixture.used)
            let expertBytes = plan.shards.filter { $0.kind == .expert }.reduce(0) { $0 + $1.size }
            let named = fixture.tensors.filter { ExpertBytes.isOfExperts($0, family) }.reduce(0) { $0 + $1.length }
            #expect(expertBytes == named, "\(family), seed \(seed)")
        }
    }

    @Test func `an expert of a tensor with all of them has its rows`() throws {
        let file = SafetensorsFile([.init("model.layers.0.mlp.experts.down_proj", [2, 3, 4], "U8")])
        let bench = try AnatomyBench([("model.safetensors", file.bytes), Self.twoOfEach])
        let bytes = try bench.plan.expertBytes(in: bench.contents)
        #expect(bytes[ExpertID(layer: 0, index: 0)] == Array(file.bytes.suffix(24).prefix(12)))
        #expect(bytes[ExpertID(layer: 0, index: 1)] == Array(file.bytes.suffix(12)))
    }

    @Test func `a tensor whose first dimension is not the number of experts stays whole`() throws {
        let tensors: [SafetensorsFile.Tensor] = [
            .init("model.layers.0.mlp.experts.0.up_proj", [2], "U8"),
            .init("model.layers.0.mlp.experts.1.up_proj", [2], "U8"),
            .init("model.layers.0.mlp.experts.down_proj", [3, 4], "U8"),
            .init("model.layers.0.mlp.experts.scales", [2], "F32"),
        ]
        let bench = try AnatomyBench([("model.safetensors", SafetensorsFile(tensors).bytes), Self.twoOfEach])
        #expect(self.experts(bench, "model.safetensors") == ["0.0", "0.1"])
        #expect(bench.anatomy.notes.count == 1)
        #expect(bench.anatomy.notes.first?.contains("1 tensors") == true)
    }

    @Test(arguments: [nil, "{}", "not JSON", #"{"num_experts_per_tok":3}"#])
    func `without a number of experts that fits they are dense, and a note says so`(configuration: String?) throws {
        var files: [File] = [("model.safetensors", Self.tiny.bytes)]
        if let configuration { files.append(("config.json", Array(configuration.utf8))) }
        let bench = try AnatomyBench(files)
        #expect(try bench.plan.experts == nil)
        #expect(self.experts(bench, "model.safetensors").isEmpty)
        #expect(bench.anatomy.notes.contains { $0.hasPrefix("the experts are not registered") })
    }

    @Test func `a configuration beyond its bound is not read`() throws {
        for (excess, notes) in [(0, 0), (1, 2)] {
            var text = Array(#"{"num_experts":2,"num_experts_per_tok":1}"#.utf8)
            text += [UInt8](repeating: UInt8(ascii: " "), count: 16 * 1024 * 1024 - text.count + excess)
            let bench = try AnatomyBench([("model.safetensors", Self.tiny.bytes), ("config.json", text)])
            #expect(bench.anatomy.notes.count == notes, "\(bench.anatomy.notes)")
        }
    }

    @Test func `of two stacks of layers with experts the larger one is the model`() throws {
        var file = Self.tiny
        file.tensors.append(.init("a.layers.0.mlp.experts.0.up_proj.weight", [31], "U8"))
        var bench = try AnatomyBench([("model.safetensors", file.bytes), Self.twoOfEach])
        #expect(self.experts(bench, "model.safetensors") == ["0.0", "0.1", "1.0", "1.1"])
        #expect(bench.anatomy.notes.first?.contains("a.layers") == true)
        // As large: the first by name.
        file.tensors[file.tensors.count - 1].shape = [32]
        bench = try AnatomyBench([("model.safetensors", file.bytes), Self.twoOfEach])
        #expect(self.experts(bench, "model.safetensors") == ["0.0"])
    }

    /// Tensors of a byte for each expert of a layer.
    private func columns(_ layers: Int, _ parts: Int, _ count: Int) throws -> AnatomyBench {
        let tensors = (0..<layers).flatMap { layer in
            (0..<parts).map { SafetensorsFile.Tensor("layers.\(layer).experts.\($0)x", [count, 1], "U8") }
        }
        let settings = #"{"num_experts":\#(count),"num_experts_per_tok":1}"#
        return try AnatomyBench([
            ("model.safetensors", SafetensorsFile(tensors).bytes), ("config.json", Array(settings.utf8)),
        ])
    }

    @Test(arguments: [(2, 1, 32_768, true), (3, 1, 32_768, false), (1, 8, 65_536, true), (1, 9, 65_536, false)])
    func `experts are registered as long as a manifest has room`(
        layers: Int,
        parts: Int,
        count: Int,
        isRegistered: Bool
    ) throws {
        let bench = try self.columns(layers, parts, count)
        #expect(bench.anatomy.expertsUsed == (isRegistered ? 1 : nil))
        #expect(bench.anatomy.notes.isEmpty == isRegistered)
        let plan = try bench.plan
        #expect((plan.experts?.map.count ?? 0) == (isRegistered ? layers * count : 0))
    }
}

/// What belongs to experts, told by the words of the families alone.
private enum ExpertBytes {
    static func isOfExperts(_ tensor: SafetensorsFile.Tensor, _ family: SafetensorsFixture.Family) -> Bool {
        if tensor.name.hasPrefix("mtp.") { return false }
        switch family {
        case .granitemoe: return tensor.name.contains("block_sparse_moe.") && tensor.name.contains("put_linear")
        case .grok: return tensor.name.contains(".moe.linear")
        default: return tensor.name.contains(".experts.")
        }
    }
}
