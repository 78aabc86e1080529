import ShoalCore

/// Tiny models with the tensors, names and settings of real families, as their repositories on Hugging Face have them.
///
/// Weights are noise. Sizes, layers, experts and the order of tensors are the seed's, so that no two models are cut
/// alike.
package struct SafetensorsFixture: Sendable {
    package enum Family: String, CaseIterable, Sendable {
        /// Dense.
        case llama
        case mixtral
        /// A shared expert and its gate.
        case qwen2moe
        /// Experts of a layer in one tensor, inside of a model that also sees.
        case qwen35moe = "qwen3.5-moe"
        case gemma4
        /// FP8 with scales, leading dense layers, shared experts, a layer that drafts.
        case deepseekV3 = "deepseek-v3"
        /// MXFP4: blocks, scales and biases.
        case gptOSS = "gpt-oss"
        case granitemoe
        case llama4
        /// Experts as rows of one tensor, settings in `ffn_config`.
        case dbrx
        /// `backbone.layers`, and `Infinity` among its settings.
        case nemotronH = "nemotron-h"
        case minimaxM2 = "minimax-m2"
        /// GPTQ: packed weights, zero points and scales of each expert.
        case gptq
        /// Layers that draft in a stack of their own, with experts as well.
        case qwen3next = "qwen3-next"
        case grok

        package var hasExperts: Bool { self != .llama }
    }

    package let family: Family
    package let layers: Int
    /// Of a layer.
    package let experts: Int
    package let used: Int
    package let configuration: String
    package let tensors: [SafetensorsFile.Tensor]
    private let seed: UInt64

    package init(_ family: Family, seed: UInt64) {
        var dice = SeededGenerator(seed: seed)
        self.family = family
        self.seed = seed
        self.layers = Int.random(in: 1...3, using: &dice)
        self.experts = Int.random(in: 2...7, using: &dice)
        self.used = Int.random(in: 1...self.experts, using: &dice)
        let writer = FamilyWriter(
            family: family,
            layers: self.layers,
            experts: self.experts,
            used: self.used,
            wide: 8 * Int.random(in: 1...6, using: &dice),
            narrow: 4 * Int.random(in: 1...6, using: &dice)
        )
        self.configuration = writer.configuration
        self.tensors = writer.tensors.shuffled(using: &dice)
    }

    /// The folder: the weights in `count` files, with an index when there are several.
    package func files(_ count: Int = 1) -> [(name: String, bytes: [UInt8])] {
        var files = [
            ("config.json", Array(self.configuration.utf8)),
            ("tokenizer.json", Array(#"{"version":"1.0","model":{"type":"BPE"}}"#.utf8)),
        ]
        guard count > 1 else {
            return files + [("model.safetensors", self.file(self.tensors[...], 0))]
        }
        func padded(_ number: Int) -> String { String(String(100_000 + number).dropFirst()) }
        var index: [String] = []
        for part in 0..<count {
            let name = "model-\(padded(part + 1))-of-\(padded(count)).safetensors"
            let range = self.tensors.count * part / count..<self.tensors.count * (part + 1) / count
            files.append((name, self.file(self.tensors[range], part)))
            index += self.tensors[range].map { #""\#($0.name)":"\#(name)""# }
        }
        let map = #"{"metadata":{"total_size":1},"weight_map":{\#(index.joined(separator: ","))}}"#
        return files + [("model.safetensors.index.json", Array(map.utf8))]
    }

    private func file(_ tensors: ArraySlice<SafetensorsFile.Tensor>, _ part: Int) -> [UInt8] {
        var dice = SeededGenerator(seed: self.seed &+ UInt64(part))
        var file = SafetensorsFile(Array(tensors))
        file.headerOrder = Array(tensors.indices).map { $0 - tensors.startIndex }.shuffled(using: &dice)
        file.seed = self.seed &+ UInt64(part)
        return file.bytes
    }
}

/// Names and shapes of one family.
private struct FamilyWriter {
    typealias Tensor = SafetensorsFile.Tensor

    let family: SafetensorsFixture.Family
    let layers: Int
    let experts: Int
    let used: Int
    /// Width of a token, a multiple of 8.
    let wide: Int
    /// Width of an expert, a multiple of 4.
    let narrow: Int

    var configuration: String {
        let (count, used) = (self.experts, self.used)
        return switch self.family {
        case .llama: #"{"model_type":"llama","max_position_embeddings":2048}"#
        case .mixtral:
            #"{"model_type":"mixtral","num_local_experts":\#(count),"num_experts_per_tok":\#(used),"#
                + #""max_position_embeddings":32768}"#
        case .qwen35moe:
            #"{"model_type":"qwen3_5_moe","text_config":{"model_type":"inner","num_experts":\#(count),"#
                + #""num_experts_per_tok":\#(used),"max_position_embeddings":262144},"vision_config":{"depth":27}}"#
        case .gemma4:
            #"{"model_type":"gemma4","text_config":{"num_experts":\#(count),"top_k_experts":\#(used)}}"#
        case .deepseekV3:
            #"{"model_type":"deepseek_v3","n_routed_experts":\#(count),"num_experts_per_tok":\#(used),"#
                + #""quantization_config":{"quant_method":"fp8","weight_block_size":[128,128]}}"#
        case .gptOSS:
            #"{"model_type":"gpt_oss","num_local_experts":\#(count),"num_experts_per_tok":\#(used),"#
                + #""experts_per_token":\#(used),"quantization_config":{"quant_method":"mxfp4"}}"#
        case .dbrx:
            #"{"model_type":"dbrx","max_seq_len":32768,"ffn_config":{"moe_num_experts":\#(count),"#
                + #""moe_top_k":\#(used),"model_type":""}}"#
        case .nemotronH:
            #"{"model_type":"nemotron_h","n_routed_experts":\#(count),"num_experts_per_tok":\#(used),"#
                + #""time_step_limit":[0.0,Infinity]}"#
        case .gptq:
            #"{"architectures":["Qwen3MoeForCausalLM"],"num_experts":\#(count),"num_experts_per_tok":\#(used),"#
                + #""quantization_config":{"bits":4,"quant_method":"gptq"}}"#
        case .qwen2moe, .granitemoe, .llama4, .minimaxM2, .qwen3next, .grok:
            #"{"model_type":"\#(self.family.rawValue)","num_local_experts":\#(count),"num_experts_per_tok":\#(used)}"#
        }
    }

    var tensors: [Tensor] {
        let prefix =
            switch self.family {
            case .qwen35moe, .gemma4: "model.language_model"
            case .nemotronH: "backbone"
            case .dbrx, .grok: "transformer"
            case .llama4: "language_model.model"
            default: "model"
            }
        var tensors = [
            Tensor("\(prefix).embed_tokens.weight", [16, self.wide]), Tensor("lm_head.weight", [16, self.wide]),
        ]
        for layer in 0..<self.layers {
            let name = "\(prefix).\(self.layerWord).\(layer)."
            tensors += [
                Tensor(name + "self_attn.q_proj.weight", [self.wide, self.wide]),
                Tensor(name + "input_layernorm.weight", [self.wide], "F32"),
            ]
            tensors += self.block(layer).map { tensor in
                var tensor = tensor
                tensor.name = name + tensor.name
                return tensor
            }
        }
        if self.family == .qwen3next {
            tensors += self.each("mtp.layers.0.mlp", ["gate_proj", "down_proj"]).prefix(1)
        }
        return tensors
    }

    private var layerWord: String {
        switch self.family {
        case .dbrx: "blocks"
        case .grok: "decoder_layer"
        default: "layers"
        }
    }

    private func block(_ layer: Int) -> [Tensor] {
        let (count, wide, narrow) = (self.experts, self.wide, self.narrow)
        let router = Tensor("mlp.gate.weight", [count, wide])
        switch self.family {
        case .llama: return [Tensor("mlp.gate_proj.weight", [narrow, wide])]
        case .mixtral, .minimaxM2:
            return [Tensor("block_sparse_moe.gate.weight", [count, wide])]
                + self.each("block_sparse_moe", ["w1", "w2", "w3"])
        case .qwen2moe:
            return [
                router, Tensor("mlp.shared_expert.gate_proj.weight", [narrow, wide]),
                Tensor("mlp.shared_expert_gate.weight", [1, wide]),
            ] + self.each("mlp", ["gate_proj", "up_proj", "down_proj"])
        case .qwen3next: return [router] + self.each("mlp", ["gate_proj", "up_proj", "down_proj"])
        case .qwen35moe:
            return [
                router, Tensor("mlp.experts.gate_up_proj", [count, 2 * narrow, wide]),
                Tensor("mlp.experts.down_proj", [count, wide, narrow]),
            ]
        case .gemma4:
            return [
                Tensor("router.proj.weight", [count, wide]), Tensor("router.per_expert_scale", [count]),
                Tensor("experts.gate_up_proj", [count, 2 * narrow, wide]),
                Tensor("experts.down_proj", [count, wide, narrow]),
            ]
        case .deepseekV3: return layer == 0 && self.layers > 1 ? self.denseBlock : self.deepseekBlock
        case .gptOSS:
            return [Tensor("mlp.router.weight", [count, wide]), Tensor("mlp.router.bias", [count])]
                + ["gate_up_proj", "down_proj"].flatMap { part in
                    [
                        Tensor("mlp.experts.\(part)_blocks", [count, narrow, wide / 8, 16], "U8"),
                        Tensor("mlp.experts.\(part)_scales", [count, narrow, wide / 8], "U8"),
                        Tensor("mlp.experts.\(part)_bias", [count, narrow]),
                    ]
                }
        case .granitemoe:
            return [
                Tensor("block_sparse_moe.router.layer.weight", [count, wide]),
                Tensor("block_sparse_moe.input_linear.weight", [count, 2 * narrow, wide]),
                Tensor("block_sparse_moe.output_linear.weight", [count, wide, narrow]),
                Tensor("shared_mlp.input_linear.weight", [2 * narrow, wide]),
            ]
        case .llama4:
            return [
                Tensor("feed_forward.router.weight", [count, wide]),
                Tensor("feed_forward.experts.gate_up_proj", [count, wide, 2 * narrow]),
                Tensor("feed_forward.experts.down_proj", [count, narrow, wide]),
                Tensor("feed_forward.shared_expert.up_proj.weight", [narrow, wide]),
            ]
        case .dbrx:
            return [Tensor("ffn.router.layer.weight", [count, wide])]
                + ["w1", "v1", "w2"].map { Tensor("ffn.experts.mlp.\($0)", [count * narrow, wide]) }
        case .nemotronH:
            return [Tensor("mixer.gate.weight", [count, wide]), Tensor("mixer.gate.e_score_correction_bias", [count])]
                + self.each("mixer", ["up_proj", "down_proj"])
        case .gptq:
            return [router]
                + (0..<count).flatMap { expert in
                    [
                        Tensor("mlp.experts.\(expert).up_proj.qweight", [wide / 8, narrow], "I32"),
                        Tensor("mlp.experts.\(expert).up_proj.qzeros", [1, narrow], "I32"),
                        Tensor("mlp.experts.\(expert).up_proj.scales", [1, narrow], "F16"),
                    ]
                }
        case .grok:
            return [Tensor("router.weight", [count, wide])]
                + ["linear", "linear_v", "linear_1"].map { Tensor("moe.\($0).weight", [count, narrow, wide]) }
        }
    }

    private var denseBlock: [Tensor] { [Tensor("mlp.up_proj.weight", [self.narrow, self.wide], "F8_E4M3")] }

    private var deepseekBlock: [Tensor] {
        [
            Tensor("mlp.gate.weight", [self.experts, self.wide]),
            Tensor("mlp.gate.e_score_correction_bias", [self.experts], "F32"),
            Tensor("mlp.shared_experts.up_proj.weight", [self.narrow, self.wide], "F8_E4M3"),
            Tensor("mlp.shared_experts.up_proj.weight_scale_inv", [1, 1], "F32"),
        ]
            + (0..<self.experts).flatMap { expert in
                ["gate_proj", "up_proj", "down_proj"].flatMap { part in
                    [
                        Tensor("mlp.experts.\(expert).\(part).weight", [self.narrow, self.wide], "F8_E4M3"),
                        Tensor("mlp.experts.\(expert).\(part).weight_scale_inv", [1, 1], "F32"),
                    ]
                }
            }
    }

    /// A tensor for each part of each expert.
    private func each(_ module: String, _ parts: [String]) -> [Tensor] {
        (0..<self.experts).flatMap { expert in
            parts.map { Tensor("\(module).experts.\(expert).\($0).weight", [self.narrow, self.wide]) }
        }
    }
}
