/// What the tensors of a model are together: the numbers that a manifest shows.
struct SafetensorsSummary {
    private struct Share {
        var elementCount = 0
        var byteCount = 0
    }

    private var shares: [SafetensorsType: Share] = [:]

    init(_ model: [SafetensorsHeader]) {
        for tensor in model.lazy.flatMap(\.tensors) where tensor.length > 0 {
            self.shares[tensor.type, default: Share()].elementCount += tensor.elementCount
            self.shares[tensor.type, default: Share()].byteCount += tensor.length
        }
    }

    /// The type of most bytes; of two, the one that comes first in ``SafetensorsType``.
    private var dominantType: SafetensorsType? {
        var dominant: SafetensorsType?
        for type in SafetensorsType.allCases {
            guard let bytes = self.shares[type]?.byteCount else { continue }
            if bytes > dominant.flatMap({ self.shares[$0]?.byteCount }) ?? 0 { dominant = type }
        }
        return dominant
    }

    /// What the manifest says of the model.
    ///
    /// Parameters are elements of floating types, scales included, as Hugging Face counts them. When most bytes are
    /// whole numbers, a format packs several weights into each: their number is then unknown, and the format's name
    /// (`mxfp4`, `gptq`) says more than the type.
    func model(_ configuration: ModelConfiguration?) -> Manifest.Model {
        let dominant = self.dominantType
        let isPacked = dominant.map { !$0.isFloating } ?? true
        let elements = SafetensorsType.allCases.filter(\.isFloating).reduce(0) { sum, type in
            // Sizes of files bound each share, so that the sum cannot overflow.
            sum + (self.shares[type]?.elementCount ?? 0)
        }
        return Manifest.Model(
            architecture: configuration?.architecture,
            contextLength: configuration?.contextLength,
            parameters: isPacked || elements == 0 ? nil : elements,
            quantization: (isPacked ? configuration?.quantizationMethod : nil) ?? dominant?.rawValue
        )
    }
}
