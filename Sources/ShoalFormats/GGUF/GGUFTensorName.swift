package import ShoalCore

/// Whose a tensor is, as its name says: by its suffix, never by architecture, because all families of llama.cpp share
/// these names.
package enum GGUFTensorName {
    package enum Owner: Hashable, Sendable {
        /// Every token needs it: attention, norms, routers, shared experts, whatever else there is.
        case everyone
        /// One slice for each expert of the layer, along the outermost dimension.
        case experts(layer: Int)
        /// All of it is one expert's, as in Mixtral's files before April 2024.
        case expert(ExpertID)
    }

    private static let stacked: Set<Substring> = [
        "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps", "ffn_gate_up_exps",
    ]
    private static let single: Set<Substring> = ["ffn_gate", "ffn_up", "ffn_down"]
    private static let suffixes: Set<Substring> = ["weight", "bias", "scale"]

    package static func owner(of name: String) -> Owner {
        let words = name.split(separator: ".", omittingEmptySubsequences: false)
        guard words.count >= 4, words[0] == "blk", let layer = self.decimal(words[1]) else { return .everyone }
        if words.count == 4, self.stacked.contains(words[2]), self.suffixes.contains(words[3]) {
            return .experts(layer: layer)
        }
        if words.count == 5, self.single.contains(words[2]), words[4] == "weight", let index = self.decimal(words[3]) {
            return .expert(ExpertID(layer: layer, index: index))
        }
        return .everyone
    }

    /// A number of at most five digits without leading zeros: below the 65,536 of a manifest, or refused there.
    private static func decimal(_ word: Substring) -> Int? {
        guard (1...5).contains(word.utf8.count), word.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains),
            word.utf8.count == 1 || word.utf8.first != UInt8(ascii: "0")
        else {
            return nil
        }
        return Int(word)
    }
}
