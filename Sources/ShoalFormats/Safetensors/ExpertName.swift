/// What a tensor's name says of the experts that it belongs to.
///
/// Names are those of the Hugging Face repositories: something, a word for layers, the layer's number, and what the
/// tensor is inside of that layer. Only what follows the number decides, so that a model wrapped in another
/// (`model.layers.3`, `model.language_model.layers.3`, `backbone.layers.3`, `transformer.blocks.3`) is read as the
/// model itself.
struct ExpertName: Hashable {
    /// Which experts of the layer.
    enum Share: Hashable {
        /// One: all that lies below `experts.<index>`, so also scales, zero points and biases.
        case one(Int)
        /// All of them, one behind the other: the outermost dimension is the number of experts.
        case all
        /// All of them, each as several rows: the outermost dimension is a multiple of the number of experts (DBRX).
        case allByRows
    }

    /// What stands before the layer's number, which tells the layers of one model from those of another in the same
    /// files.
    let stack: String
    /// Below ``Manifest/maximumExpertCount``.
    let layer: Int
    let share: Share

    private static let layerWords = ["layers", "blocks", "h", "decoder_layer", "layer", "block"]
    private static let attentionWords = ["self_attn", "self_attention", "attn", "attention"]

    /// Nil for a tensor that every token needs: routers, shared experts, all outside of the feed-forward blocks.
    init?(_ name: String) {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        // The last: a stack may lie inside of another.
        for position in parts.indices.dropLast(2).reversed() where Self.layerWords.contains(String(parts[position])) {
            guard let layer = Self.number(parts[position + 1]), let share = Self.share(parts[(position + 2)...]) else {
                continue
            }
            self.stack = parts[...position].joined(separator: ".")
            self.layer = layer
            self.share = share
            return
        }
        return nil
    }

    /// What `parts`, inside of a layer, are.
    private static func share(_ parts: ArraySlice<Substring>) -> Share? {
        if let experts = parts.firstIndex(of: "experts") {
            // Mixtures of attention heads are routed by themselves.
            guard !parts[..<experts].contains(where: { self.attentionWords.contains(String($0)) }) else { return nil }
            guard let next = parts[(experts + 1)...].first else { return nil }
            if let index = self.number(next) { return .one(index) }
            return next == "mlp" ? .allByRows : .all
        }
        guard let block = parts.first, let module = parts.dropFirst().first else { return nil }
        switch (block, module) {
        case ("block_sparse_moe", "input_linear"), ("block_sparse_moe", "output_linear"): return .all
        case ("moe", "linear"), ("moe", "linear_v"), ("moe", "linear_1"): return .all
        default: return nil
        }
    }

    /// A number in decimal without zeros before it, within what a manifest can say.
    private static func number(_ text: Substring) -> Int? {
        guard text.utf8.count <= 5, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            text == "0" || text.utf8.first != UInt8(ascii: "0"), let number = Int(text),
            number < Manifest.maximumExpertCount
        else { return nil }
        return number
    }
}
