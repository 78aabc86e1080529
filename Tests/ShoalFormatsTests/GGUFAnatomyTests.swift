import ModelFixtures
import ShoalCore
import Testing

@testable import ShoalFormats

@Suite struct GGUFAnatomyTests {
    /// Two layers of four experts, of which two are used; 64 wide.
    private func mixture(_ architecture: String = "qwen3moe") -> GGUFFile {
        var file = GGUFFile()
        file["general.architecture"] = .text(architecture)
        file["\(architecture).context_length"] = .uint32(4_096)
        file["\(architecture).expert_count"] = .uint32(4)
        file["\(architecture).expert_used_count"] = .uint32(2)
        file.tensors = [.init("token_embd.weight", [64, 8], "Q8_0")]
        for layer in 0..<2 {
            for part in ["gate", "down", "up"] {
                file.tensors.append(.init("blk.\(layer).ffn_\(part)_exps.weight", [64, 3, 4], "Q4_0"))
            }
            file.tensors.append(.init("blk.\(layer).ffn_gate_inp.weight", [64, 4]))
        }
        return file
    }

    @Test(arguments: GGUFFixture.Family.allCases, 0..<4 as Range<UInt64>)
    func `each family's experts are registered, and nobody else's tensors`(
        family: GGUFFixture.Family,
        seed: UInt64
    ) throws {
        let model = GGUFFixture.model(family, seed: seed)
        let bench = try AnatomyBench(model)
        let plan = try bench.plan
        #expect(bench.anatomy.notes == [])
        #expect(plan.format == .gguf)
        #expect(plan.model.architecture == family.architecture)
        #expect((plan.experts != nil) == family.hasExperts)
        let named = model.tensors.filter { tensor in
            tensor.name.contains("_exps.") || (0..<8).contains { tensor.name.hasSuffix(".\($0).weight") }
        }
        let expertSize = plan.shards.filter { $0.kind == .expert }.reduce(0) { $0 + $1.size }
        let aligned = named.map { ($0.size + model.alignment - 1) / model.alignment * model.alignment }
        #expect(expertSize == aligned.reduce(0, +), "seed \(seed)")
        guard let experts = plan.experts else { return }
        #expect(model["\(family.architecture).expert_count"]?.number == 4)
        #expect(Set(experts.map.keys.map(\.index)) == Set(0..<experts.perLayer))
    }

    @Test func `an expert is its slices of every tensor, and padding is the tensor's before it`() throws {
        var file = self.mixture()
        // 54 bytes each, 216 together: 8 of padding.
        file.tensors[1] = .init("blk.0.ffn_gate_exps.weight", [32, 3, 4], "Q4_0")
        let bench = try AnatomyBench(file)
        let start = file.head.count + 544
        let regions = bench.anatomy.files[0].regions
        #expect(regions[0] == .init(.header, length: file.head.count))
        #expect(regions[1] == .init(.dense, length: 544))
        let slices = (0..<4).map { LayoutOne.Region(.expert(ExpertID(layer: 0, index: $0)), length: $0 < 3 ? 54 : 62) }
        #expect(Array(regions[2..<6]) == slices)
        let bytes = try bench.plan.expertBytes(in: bench.contents)
        let all = bench.contents[0]
        let expected =
            all[start + 54..<start + 108] + all[start + 224 + 108..<start + 224 + 216]
            + all[start + 672 + 108..<start + 672 + 216]
        // Offsets: gate 216 → 224, down 432 → 448, up.
        #expect(bytes[ExpertID(layer: 0, index: 1)] == Array(expected))
        #expect(bench.anatomy.expertsUsed == 2)
    }

    @Test func `what follows the last tensor belongs to it`() throws {
        var file = self.mixture()
        file.lackingBytes = -1_000
        let bench = try AnatomyBench(file)
        #expect(bench.anatomy.files[0].regions.last == .init(.dense, length: 1_024 + 1_000))
    }

    @Test func `a file without tensors is a header`() throws {
        var file = GGUFFile()
        file["general.architecture"] = .text("llama")
        let bench = try AnatomyBench(file)
        #expect(bench.anatomy.files[0].regions == [.init(.header, length: file.size)])
        #expect(bench.anatomy.model == Manifest.Model(architecture: "llama"))
    }

    @Test func `numbers of experts may be given for each layer`() throws {
        var file = self.mixture()
        file["qwen3moe.expert_count"] = .array(element: 4, [.uint32(4), .uint32(4)])
        file["qwen3moe.expert_used_count"] = .array(element: 5, [.int32(0), .int32(3)])
        #expect(try AnatomyBench(file).anatomy.expertsUsed == 3)
        file["qwen3moe.expert_count"] = nil
        #expect(try AnatomyBench(file).anatomy.expertsUsed == 3)
    }

    @Test(arguments: Doubt.all.indices)
    func `experts that cannot be told apart are dense, and a note says why`(index: Int) throws {
        let doubt = Doubt.all[index]
        var file = self.mixture()
        doubt.spoil(&file)
        let bench = try AnatomyBench(file)
        let plan = try bench.plan
        #expect(plan.experts == nil, "\(doubt.name)")
        #expect(bench.content(of: "model.gguf").dropFirst().allSatisfy { $0 == .dense }, "\(doubt.name)")
        #expect(bench.anatomy.notes.count == 1)
        #expect(bench.anatomy.notes[0].contains(doubt.words), "\(bench.anatomy.notes[0])")
    }

    @Test func `the most experts are registered`() throws {
        var file = self.mixture()
        file["qwen3moe.expert_count"] = .uint32(1_024)
        file.tensors = [.init("blk.0.ffn_up_exps.weight", [32, 1, 1_024], "Q4_0")]
        #expect(try AnatomyBench(file).plan.experts?.map.count == 1_024)
    }

    @Test func `tensors that only sound like an expert's are everyone's`() {
        let names = [
            "blk.0.ffn_gate_shexp.weight", "blk.0.ffn_gate_inp.weight", "blk.0.exp_probs_b.bias",
            "blk.0.ffn_norm_exps.weight",
            "blk.0.ffn_up_chexps.weight", "blk.0.ffn_up_exps.weight.lora_a", "blk.00.ffn_up_exps.weight",
            "blk.-1.ffn_up_exps.weight", "blk.100000.ffn_up_exps.weight", "enc.blk.0.ffn_up_exps.weight",
            "blk.0.ffn_up_exps", "blk.0.ffn_up.weight", "blk.0.ffn_up.1.bias", "blk.0.ffn_up.01.weight",
            "blk.0.ffn_gate_up.1.weight", "blk.0.ffn_up_exps.in_sum2", "v.blk.0.ffn_up.1.weight", "",
        ]
        for name in names { #expect(GGUFTensorName.owner(of: name) == .everyone, "\(name)") }
        #expect(GGUFTensorName.owner(of: "blk.60.ffn_gate_up_exps.bias") == .experts(layer: 60))
        #expect(GGUFTensorName.owner(of: "blk.0.ffn_down_exps.scale") == .experts(layer: 0))
        let single = GGUFTensorName.Owner.expert(ExpertID(layer: 31, index: 7))
        #expect(GGUFTensorName.owner(of: "blk.31.ffn_down.7.weight") == single)
    }

    @Test func `a model is described by its metadata, else by its tensors`() throws {
        var file = self.mixture()
        let parameters = 512 + 2 * (3 * 768 + 256)
        var model = Manifest.Model(
            architecture: "qwen3moe",
            contextLength: 4_096,
            parameters: parameters,
            quantization: "Q4_0"
        )
        #expect(try AnatomyBench(file).anatomy.model == model)
        file["general.file_type"] = .uint32(15)
        model.quantization = "Q4_K_M"
        #expect(try AnatomyBench(file).anatomy.model == model)
        file["general.file_type"] = .uint32(1_024)
        file["qwen3moe.context_length"] = .int32(-1)
        model.quantization = "Q4_0"
        model.contextLength = nil
        #expect(try AnatomyBench(file).anatomy.model == model)
        // Not fit for a terminal, so not for a manifest.
        file["general.architecture"] = .text("qwen\u{1B}[31m")
        model.architecture = nil
        #expect(try AnatomyBench(file).anatomy.model == model)
    }
}

/// What makes a mixture's experts doubtful, and what the note says of it.
private struct Doubt {
    let name: String
    let words: String
    let spoil: @Sendable (inout GGUFFile) -> Void

    init(_ name: String, _ words: String, _ spoil: @escaping @Sendable (inout GGUFFile) -> Void) {
        self.name = name
        self.words = words
        self.spoil = spoil
    }

    static let all = [
        Doubt("no number of experts used", "expert_used_count") { $0["qwen3moe.expert_used_count"] = nil },
        Doubt("none is used", "expert_used_count is 0") { $0["qwen3moe.expert_used_count"] = .uint32(0) },
        Doubt("more are used than there are", "expert_used_count is 5") {
            $0["qwen3moe.expert_used_count"] = .uint32(5)
        },
        Doubt("another number of experts", "expert_count is 8") { $0["qwen3moe.expert_count"] = .uint32(8) },
        Doubt("a number of experts in words", "expert_count is not a number") {
            $0["qwen3moe.expert_count"] = .text("4")
        },
        Doubt("numbers for fewer layers", "layer 1") {
            $0["qwen3moe.expert_count"] = .array(element: 4, [.uint32(4)])
        },
        Doubt("a layer that disagrees with itself", "another number of slices") {
            $0["qwen3moe.expert_count"] = nil
            $0.tensors[2].dimensions = [64, 3, 5]
        },
        Doubt("an unknown type", "type 137") {
            $0.tensors[2].type = 137
            $0.tensors[2].byteCount = 432
        },
        Doubt("slices that share a block", "whole blocks of Q4_0") {
            $0.tensors[2] = .init("blk.0.ffn_down_exps.scale", [4 * 32], "Q4_0")
            $0.tensors[2].dimensions = [128]
            $0["qwen3moe.expert_count"] = nil
        },
        Doubt("more experts than any engine takes", "more than 1024") {
            $0["qwen3moe.expert_count"] = .uint32(1_025)
            $0.tensors[1].dimensions = [32, 1, 1_025]
        },
        Doubt("an expert's own tensor beyond the last", "expert_count is 4") {
            $0.tensors.append(.init("blk.1.ffn_up.4.weight", [32]))
        },
        Doubt("a layer beyond all bounds", "beyond all bounds") {
            $0.tensors.append(.init("blk.65536.ffn_up_exps.weight", [32, 1, 4]))
        },
        Doubt("more experts than a manifest has shards", "than a manifest has shards") {
            $0["qwen3moe.expert_count"] = .uint32(1_024)
            $0.tensors = (0..<129).map { .init("blk.\($0).ffn_up_exps.weight", [1, 1_024]) }
        },
    ]
}
