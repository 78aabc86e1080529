import Testing

@testable import ShoalFormats

@Suite struct ExpertNameTests {
    @Test(arguments: [
        ("model.layers.3.mlp.experts.17.gate_proj.weight", "model.layers", 3, ExpertName.Share.one(17)),
        ("model.layers.3.mlp.experts.17.gate_proj.weight_scale_inv", "model.layers", 3, .one(17)),
        ("model.layers.0.block_sparse_moe.experts.0.w1.weight", "model.layers", 0, .one(0)),
        ("model.language_model.layers.5.mlp.experts.gate_up_proj", "model.language_model.layers", 5, .all),
        ("model.layers.5.experts.down_proj", "model.layers", 5, .all),
        ("layers.2.feed_forward.experts.9.w2.weight", "layers", 2, .one(9)),
        ("backbone.layers.11.mixer.experts.3.up_proj.weight", "backbone.layers", 11, .one(3)),
        ("transformer.blocks.7.ffn.experts.mlp.v1", "transformer.blocks", 7, .allByRows),
        ("model.layers.4.mlp.experts.down_proj_bias", "model.layers", 4, .all),
        ("model.layers.4.block_sparse_moe.output_linear.weight", "model.layers", 4, .all),
        ("transformer.decoder_layer.1.moe.linear_v.weight", "transformer.decoder_layer", 1, .all),
        ("vision.blocks.2.text.layers.6.mlp.experts.1.up_proj", "vision.blocks.2.text.layers", 6, .one(1)),
        ("a.layers.65535.experts.65535.w", "a.layers", 65_535, .one(65_535)),
    ])
    func `an expert's tensor is told by what follows the layer`(
        name: String,
        stack: String,
        layer: Int,
        share: ExpertName.Share
    ) throws {
        let found = try #require(ExpertName(name))
        #expect(found.stack == stack)
        #expect(found.layer == layer)
        #expect(found.share == share)
    }

    @Test(arguments: [
        "", ".", "lm_head.weight", "model.layers.3.mlp.gate.weight", "model.layers.3.mlp.shared_experts.up_proj.weight",
        "model.layers.3.mlp.shared_expert.0.weight", "model.layers.3.mlp.gate.e_score_correction_bias",
        "model.layers.3.self_attn.experts.0.weight", "model.layers.03.mlp.experts.0.w1",
        "model.layers.x.mlp.experts.0.w1",
        "model.layers.3", "model.layers.3.experts", "experts.3.w1", "model.layers.65536.mlp.experts.0.w1",
        "model.layers.99999999999999999999.mlp.experts.0.w1", "model.layers.3.moe.gate.weight",
    ])
    func `a tensor that every token needs is no expert's`(name: String) {
        #expect(ExpertName(name) == nil)
    }

    /// Not a number, so the name of a part.
    @Test(arguments: ["model.layers.3.mlp.experts.007.w1", "model.layers.3.mlp.experts.65536.w1"])
    func `an index that no manifest can hold is none`(name: String) {
        #expect(ExpertName(name)?.share == .all)
    }
}
