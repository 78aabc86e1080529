import ShoalCore

/// The experts of one model, once they are known to be cut alike in metadata and tensors.
struct GGUFExperts {
    /// Why experts cannot be told apart, for people. The model is cut by tensors then: what llama.cpp may understand and
    /// we do not can still be shared.
    struct Doubt: Error {
        let reason: String

        init(_ tensor: String, _ reason: String) { self.reason = "\(ManifestFields.printable(tensor)) \(reason)" }
        init(_ reason: String) { self.reason = reason }
    }

    /// How many the router picks for a token; the most, where layers differ.
    let used: Int

    /// Nil when the model has no tensors of experts.
    static func find(in model: GGUFModel) throws(Doubt) -> GGUFExperts? {
        let declared = model.metadata.ofArchitecture("expert_count")
        var counts: [Int: Int] = [:]
        var singles: Set<ExpertID> = []
        for part in model.parts {
            for tensor in part.header.tensors {
                switch GGUFTensorName.owner(of: tensor.name) {
                case .everyone: continue
                case .experts(let layer):
                    let count = try self.sliceCount(of: tensor)
                    guard counts.updateValue(count, forKey: layer) ?? count == count else {
                        throw Doubt(tensor.name, "has another number of slices than its layer")
                    }
                    try self.check(tensor.name, layer, count, declared)
                case .expert(let expert):
                    try self.check(tensor.name, expert.layer, nil, declared, index: expert.index)
                    singles.insert(expert)
                }
            }
        }
        guard !counts.isEmpty || !singles.isEmpty else { return nil }
        guard counts.values.reduce(singles.count, +) <= Cutting.maximumShardCount else {
            throw Doubt("there are more of them than a manifest has shards")
        }
        let most = max(counts.values.max() ?? 0, (singles.map(\.index).max() ?? -1) + 1)
        return GGUFExperts(used: try self.used(model.metadata, of: most))
    }

    /// The number of slices of a tensor that experts share, which must be alike.
    private static func sliceCount(of tensor: GGUFHeader.Tensor) throws(Doubt) -> Int {
        let count = tensor.dimensions[tensor.dimensions.count - 1]
        guard (1...GGUFLimits.expertCount).contains(count) else {
            throw Doubt(tensor.name, "has \(count) slices, more than \(GGUFLimits.expertCount)")
        }
        guard let type = tensor.type else {
            throw Doubt(tensor.name, "is of type \(tensor.typeNumber), which layout 1 does not know")
        }
        guard (tensor.elementCount / count).isMultiple(of: type.blockCount) else {
            throw Doubt(tensor.name, "has slices that are not whole blocks of \(type.name)")
        }
        return count
    }

    /// Compares what a tensor says with `<architecture>.expert_count`, which may be a number for each layer or absent.
    private static func check(
        _ tensor: String,
        _ layer: Int,
        _ count: Int?,
        _ declared: GGUFMetadata.Value?,
        index: Int = 0
    ) throws(Doubt) {
        guard layer < Manifest.maximumExpertCount else { throw Doubt(tensor, "is of a layer beyond all bounds") }
        guard index < GGUFLimits.expertCount else { throw Doubt(tensor, "is of an expert beyond all bounds") }
        let expected: Int
        switch declared {
        case nil: return
        case .integer(let number): expected = number
        case .integers(let numbers) where layer < numbers.count: expected = numbers[layer]
        default: throw Doubt("expert_count is not a number, or not one for layer \(layer)")
        }
        guard count ?? expected == expected, index < expected else {
            let found = count.map { "has \($0) slices" } ?? "is of expert \(index)"
            throw Doubt(tensor, "\(found), but expert_count is \(expected)")
        }
    }

    private static func used(_ metadata: GGUFMetadata, of count: Int) throws(Doubt) -> Int {
        let used: Int? =
            switch metadata.ofArchitecture("expert_used_count") {
            case .integer(let number): number
            case .integers(let numbers): numbers.max()
            default: nil
            }
        guard let used else { throw Doubt("expert_used_count does not say how many a token uses") }
        guard (1...count).contains(used) else { throw Doubt("expert_used_count is \(used), but there are \(count)") }
        return used
    }
}
