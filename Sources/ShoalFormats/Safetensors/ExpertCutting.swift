import ShoalCore

/// Decides which bytes of a model's safetensors files are an expert's, and why others are not.
struct ExpertCutting {
    /// For files that have no experts, or of which nobody wants to know them.
    static let none = ExpertCutting()

    /// How many experts a token uses; nil when there are none to cut.
    let used: Int?
    /// What the publisher should know of it, in sentences.
    let notes: [String]
    /// The layers that have the experts: ``ExpertName/stack``.
    private let stack: String?
    /// What the outermost dimension of a tensor with all experts of a layer can be.
    private let counts: [Int]

    /// What was found of one stack of layers.
    private struct Finding {
        var byteCount = 0
        var highestIndex = 0
    }

    private init() {
        self.used = nil
        self.notes = []
        self.stack = nil
        self.counts = []
    }

    /// Looks at the names of all tensors of a model.
    ///
    /// A manifest numbers layers from 0 and has one expert (3, 7). When several stacks of layers have experts (a small
    /// one that drafts beside the large one, as `mtp.layers`), the one with the most bytes is the model.
    init(model: [SafetensorsHeader], configuration: ModelConfiguration?) {
        let counts = configuration?.expertCounts ?? []
        var findings: [String: Finding] = [:]
        var uncut = 0
        for tensor in model.lazy.flatMap(\.tensors) {
            guard let name = ExpertName(tensor.name), tensor.length > 0 else { continue }
            guard let indices = Self.indices(of: tensor, name, counts) else {
                if tensor.dimensionCount > 1 { uncut += 1 }
                continue
            }
            findings[name.stack, default: Finding()].byteCount += tensor.length
            let highest = max(findings[name.stack]?.highestIndex ?? 0, indices.upperBound - 1)
            findings[name.stack]?.highestIndex = highest
        }
        var notes: [String] = []
        if uncut > 0 {
            notes.append(
                "\(uncut) tensors with experts were not cut, because config.json does not say how many experts they hold."
            )
        }
        let stacks = findings.sorted { left, right in
            left.value.byteCount == right.value.byteCount
                ? PublishedPath.precedes(left.key, right.key) : left.value.byteCount > right.value.byteCount
        }
        var used: Int?
        if let (_, found) = stacks.first {
            used = configuration?.expertsUsed.flatMap { $0 <= found.highestIndex + 1 ? $0 : nil }
            if used == nil { notes.append(Self.problem(with: configuration?.expertsUsed, found)) }
        }
        if used != nil, stacks.count > 1 {
            let others = stacks.dropFirst().map { ManifestFields.printable($0.key) }.joined(separator: ", ")
            notes.append("The experts of \(others) are dense weights: those of another stack of layers are more.")
        }
        self.used = used
        self.notes = notes
        self.stack = used == nil ? nil : stacks.first?.key
        self.counts = counts
    }

    private static func problem(with used: Int?, _ found: Finding) -> String {
        let reason =
            used.map { "\($0) of \(found.highestIndex + 1), which cannot be" }
            ?? "not how many experts a token uses (num_experts_per_tok)"
        return "The experts are dense weights, because config.json says \(reason)."
    }

    /// The indices of the experts that `tensor` holds, one behind the other; nil when it cannot be cut between them.
    private static func indices(
        of tensor: SafetensorsHeader.Tensor,
        _ name: ExpertName,
        _ counts: [Int]
    ) -> Range<Int>? {
        if case .one(let index) = name.share { return index..<index + 1 }
        // One number for each expert is no expert: routers have such.
        guard let rows = tensor.outermost, tensor.dimensionCount > 1 else { return nil }
        let count = counts.first { count in
            guard count <= Manifest.maximumExpertCount, tensor.length % count == 0 else { return false }
            return name.share == .allByRows ? rows % count == 0 : rows == count
        }
        return count.map { 0..<$0 }
    }

    /// What the bytes of a file are.
    func regions(of header: SafetensorsHeader) -> [LayoutOne.Region] {
        var regions = [LayoutOne.Region(.header, length: header.byteCount)]
        for tensor in header.tensors where tensor.length > 0 {
            guard let stack = self.stack, let name = ExpertName(tensor.name), name.stack == stack,
                let indices = Self.indices(of: tensor, name, self.counts)
            else {
                regions.append(LayoutOne.Region(.dense, length: tensor.length))
                continue
            }
            let length = tensor.length / indices.count
            regions += indices.map { index in
                LayoutOne.Region(.expert(ExpertID(layer: name.layer, index: index)), length: length)
            }
        }
        return regions
    }
}
