extension GGUFModel {
    /// What the model says of itself.
    var description: Manifest.Model {
        var model = Manifest.Model()
        model.architecture = Self.shown(self.metadata.architecture)
        if case .integer(let length) = self.metadata.ofArchitecture("context_length"), Self.isCountable(length) {
            model.contextLength = length
        }
        model.parameters = self.parameterCount
        model.quantization = self.metadata.integer("general.file_type").flatMap(Self.fileType) ?? self.dominatingType
        return model
    }

    /// What all of `models` say alike: a folder of quantisations has one architecture and no one quantisation.
    static func common(_ models: [GGUFModel]) -> Manifest.Model {
        guard var common = models.first?.description else { return Manifest.Model() }
        for model in models.dropFirst().map(\.description) {
            if common.architecture != model.architecture { common.architecture = nil }
            if common.contextLength != model.contextLength { common.contextLength = nil }
            if common.parameters != model.parameters { common.parameters = nil }
            if common.quantization != model.quantization { common.quantization = nil }
        }
        return common
    }

    /// Elements of all tensors.
    private var parameterCount: Int? {
        var sum = 0
        for tensor in self.parts.flatMap(\.header.tensors) {
            let (next, overflows) = sum.addingReportingOverflow(tensor.elementCount)
            guard !overflows else { return nil }
            sum = next
        }
        return Self.isCountable(sum) ? sum : nil
    }

    /// The type that most bytes are of; the lower number of two.
    private var dominatingType: String? {
        var bytes: [UInt32: Int] = [:]
        for tensor in self.parts.flatMap(\.header.tensors) {
            bytes[tensor.typeNumber, default: 0] += tensor.byteCount ?? 0
        }
        let most = bytes.max { ($0.value, $1.key) < ($1.value, $0.key) }
        return most.flatMap { GGUFTensorType($0.key)?.name }
    }

    /// What a manifest takes as a number.
    private static func isCountable(_ number: Int) -> Bool { (1...CanonicalJSONReader.maximumInteger).contains(number) }

    /// What a manifest takes as a text.
    private static func shown(_ text: String?) -> String? {
        guard let text, (1...Manifest.Model.maximumTextByteCount).contains(text.utf8.count),
            !text.utf8.contains(where: ASCII.isControl)
        else {
            return nil
        }
        return text
    }

    /// `llama_ftype`, as people call it: a part of layout 1, like the types of tensors.
    private static func fileType(_ number: Int) -> String? {
        let names: [Int: String] = [
            0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1",
            10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
            17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS",
            24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS",
            31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE", 39: "NVFP4", 40: "Q1_0",
        ]
        return names[number]
    }
}
