import ShoalCore

/// Tiny models with the tensors, names and metadata of real families, as llama.cpp's converters write them.
///
/// Weights are noise. Sizes, layers, experts and types of tensors are the seed's, so that no two models are cut alike.
package enum GGUFFixture {
    package enum Family: String, CaseIterable, Sendable {
        /// Dense.
        case llama
        /// `llama` with experts: Mixtral since April 2024.
        case mixtral
        /// Mixtral before that: a tensor for each expert.
        case legacyMixtral = "legacy-mixtral"
        case olmoe
        /// A gated shared expert.
        case qwen2moe
        case qwen3moe
        /// Leading dense layers, shared experts, `exp_probs_b`, numbers for each layer.
        case deepseek2
        /// A shared expert without a gate; gate and up in one tensor.
        case granitemoe
        /// Biases for each expert.
        case gptOSS = "gpt-oss"

        package var architecture: String {
            switch self {
            case .llama, .mixtral, .legacyMixtral: "llama"
            default: self.rawValue
            }
        }

        package var hasExperts: Bool { self != .llama }
    }

    /// A model in one file.
    package static func model(_ family: Family, seed: UInt64) -> GGUFFile {
        var maker = Maker(family: family, dice: SeededGenerator(seed: seed))
        return maker.model(seed: seed)
    }

    /// The same as `count` files, the metadata in the first, tensors in runs; some files may have none.
    package static func split(_ model: GGUFFile, into count: Int) -> [GGUFFile] {
        (0..<count).map { part in
            var file = GGUFFile()
            file.alignment = model.alignment
            file.seed = model.seed &+ UInt64(part)
            if part == 0 { file.metadata = model.metadata }
            file["split.no"] = .uint16(UInt16(part))
            file["split.count"] = .uint16(UInt16(count))
            file["split.tensors.count"] = .int32(Int32(model.tensors.count))
            let start = model.tensors.count * part / count
            file.tensors = Array(model.tensors[start..<model.tensors.count * (part + 1) / count])
            return file
        }
    }

    /// `<name>-00001-of-00003.gguf`, as llama.cpp calls parts.
    package static func partName(_ name: String, _ part: Int, of count: Int) -> String {
        func padded(_ number: Int) -> String { String(String(100_000 + number).dropFirst()) }
        return "\(name)-\(padded(part + 1))-of-\(padded(count)).gguf"
    }
}

/// Throws the dice for one model.
private struct Maker {
    /// Rows of 64 are whole blocks of these.
    private static let types = [
        "F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "IQ4_NL", "MXFP4", "NVFP4",
    ]
    private static let wideTypes = ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ2_XXS", "IQ3_S", "IQ4_XS", "TQ1_0"]

    let family: GGUFFixture.Family
    var dice: SeededGenerator

    private var width = 64
    private var hidden = 64
    private var layers = 2
    private var experts = 4
    private var used = 2
    /// Layers without experts at the beginning.
    private var denseLayers = 0
    private var vocabulary = 8
    private var file = GGUFFile()

    init(family: GGUFFixture.Family, dice: SeededGenerator) {
        self.family = family
        self.dice = dice
    }

    mutating func model(seed: UInt64) -> GGUFFile {
        self.width = self.pick([64, 64, 128, 256])
        self.hidden = self.pick([64, 128])
        self.layers = Int.random(in: 2...3, using: &self.dice)
        self.experts = Int.random(in: 2...6, using: &self.dice)
        self.used = Int.random(in: 1...self.experts, using: &self.dice)
        self.denseLayers = self.family == .deepseek2 ? 1 : 0
        self.file.alignment = self.pick([32, 32, 64, 8])
        self.file.seed = seed
        self.file.version = self.pick([3, 3, 2])
        self.describe()
        self.add("token_embd.weight", [self.width, self.vocabulary])
        for layer in 0..<self.layers { self.addLayer(layer) }
        self.file.tensors.append(.init("output_norm.weight", [self.width]))
        if Bool.random(using: &self.dice) { self.add("output.weight", [self.width, self.vocabulary]) }
        return self.file
    }

    private mutating func describe() {
        let architecture = self.family.architecture
        self.file["general.architecture"] = .text(architecture)
        self.file["general.name"] = .text("Tiny \(self.family.rawValue)")
        self.file["\(architecture).block_count"] = .uint32(UInt32(self.layers))
        self.file["\(architecture).context_length"] = .uint32(UInt32(self.pick([512, 2_048, 131_072])))
        self.file["\(architecture).embedding_length"] = .uint32(UInt32(self.width))
        self.file["\(architecture).rope.freq_base"] = .float32(10_000)
        if self.family.hasExperts {
            self.file["\(architecture).expert_count"] = .uint32(UInt32(self.experts))
            self.file["\(architecture).expert_used_count"] = .uint32(UInt32(self.used))
            self.file["\(architecture).expert_weights_norm"] = .bool(true)
        }
        if self.family == .deepseek2 {
            let numbers = (0..<self.layers).map { $0 < self.denseLayers ? 0 : UInt32(self.used) }
            self.file["deepseek2.expert_used_count"] = .array(element: 4, numbers.map { .uint32($0) })
            self.file["deepseek2.leading_dense_block_count"] = .uint32(UInt32(self.denseLayers))
        }
        if Bool.random(using: &self.dice) { self.file["general.file_type"] = .uint32(self.pick([1, 7, 15, 38])) }
        self.file["tokenizer.ggml.model"] = .text("gpt2")
        let tokens = (0..<self.vocabulary).map { GGUFFile.Value.text("token \($0) ▁ü") }
        self.file["tokenizer.ggml.tokens"] = .array(element: 8, tokens)
        let scores = (0..<self.vocabulary).map { GGUFFile.Value.float32(-Float($0)) }
        self.file["tokenizer.ggml.scores"] = .array(element: 6, scores)
    }

    private mutating func addLayer(_ layer: Int) {
        let block = "blk.\(layer)"
        self.file.tensors.append(.init("\(block).attn_norm.weight", [self.width]))
        for part in ["attn_q", "attn_k", "attn_v", "attn_output"] {
            self.add("\(block).\(part).weight", [self.width, self.width])
        }
        self.file.tensors.append(.init("\(block).ffn_norm.weight", [self.width]))
        guard self.family.hasExperts, layer >= self.denseLayers else {
            for (part, shape) in self.parts { self.add("\(block).ffn_\(part).weight", shape) }
            return
        }
        self.file.tensors.append(.init("\(block).ffn_gate_inp.weight", [self.width, self.experts]))
        self.addShared(block)
        self.addExperts(block)
    }

    private var parts: [(name: String, shape: [Int])] {
        [
            ("gate", [self.width, self.hidden]), ("down", [self.hidden, self.width]),
            ("up", [self.width, self.hidden]),
        ]
    }

    private mutating func addShared(_ block: String) {
        guard [.qwen2moe, .deepseek2, .granitemoe].contains(self.family) else { return }
        for (part, shape) in self.parts { self.add("\(block).ffn_\(part)_shexp.weight", shape) }
        if self.family == .qwen2moe {
            self.file.tensors.append(.init("\(block).ffn_gate_inp_shexp.weight", [self.width]))
        }
        if self.family == .deepseek2 { self.file.tensors.append(.init("\(block).exp_probs_b.bias", [self.experts])) }
    }

    private mutating func addExperts(_ block: String) {
        switch self.family {
        case .legacyMixtral:
            for expert in 0..<self.experts {
                for (part, shape) in self.parts { self.add("\(block).ffn_\(part).\(expert).weight", shape) }
            }
        case .granitemoe:
            self.add("\(block).ffn_gate_up_exps.weight", [self.width, 2 * self.hidden, self.experts])
            self.add("\(block).ffn_down_exps.weight", [self.hidden, self.width, self.experts])
        case .gptOSS:
            for (part, shape) in self.parts {
                self.add("\(block).ffn_\(part)_exps.weight", shape + [self.experts], "MXFP4")
                self.file.tensors.append(.init("\(block).ffn_\(part)_exps.bias", [shape[1], self.experts]))
            }
        default:
            for (part, shape) in self.parts {
                self.add("\(block).ffn_\(part)_exps.weight", shape + [self.experts])
                // As NVFP4 has them.
                guard self.family == .qwen3moe else { continue }
                self.file.tensors.append(.init("\(block).ffn_\(part)_exps.scale", [self.experts]))
            }
        }
    }

    /// A tensor of a type of its own, as mixed quantisations have.
    private mutating func add(_ name: String, _ shape: [Int], _ type: String? = nil) {
        let types = shape[0] % 256 == 0 ? Self.types + Self.wideTypes : Self.types
        self.file.tensors.append(.init(name, shape, type ?? self.pick(types)))
    }

    private mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: 0..<values.count, using: &self.dice)]
    }
}
