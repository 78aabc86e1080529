import ShoalCore

/// Decides which bytes of a model's safetensors files are an expert's, and why others are not.
struct ExpertCutting {
    /// For files that have no experts, or of which nobody wants to know them.
    static let none = ExpertCutting()

    /// 65,536: the most experts, half of a manifest's shards. Models have up to 25,000.
    static let maximumExpertCount = Cutting.maximumShardCount / 2

    /// 2^19: the most pieces that experts lie in, so that their extents fit into a manifest. A trillion parameters in
    /// packed integers have 210,000.
    static let maximumSliceCount = 1 << 19

    /// How many experts a token uses; nil when there are none to cut.
    let used: Int?
    /// What the publisher should know of it.
    let notes: [String]
    /// The layers that have the experts: ``ExpertName/stack``.
    private let stack: String?
    /// What the outermost dimension of a tensor with all experts of a layer can be.
    private let counts: [Int]

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
        self.counts = configuration?.expertCounts ?? []
        let search = ExpertSearch(model, self.counts)
        let largest = search.stacks.first
        let doubt = largest.flatMap { search.doubt($0, configuration?.expertsUsed) }
        var notes: [String] = []
        if search.uncutCount > 0 {
            notes.append(
                "\(search.uncutCount) tensors with experts were not cut: config.json does not say how many they hold"
            )
        }
        if let doubt {
            notes.append("the experts are not registered: \(doubt)")
        } else if search.stacks.count > 1 {
            let others = search.stacks.dropFirst().map { ManifestFields.printable($0.name) }.joined(separator: ", ")
            notes.append(
                "the experts of \(others) are not registered: other layers have more, and there is one registry"
            )
        }
        self.notes = notes
        self.used = doubt == nil && largest != nil ? configuration?.expertsUsed : nil
        self.stack = self.used == nil ? nil : largest?.name
    }

    /// The indices of the experts that `tensor` holds, one behind the other; nil when it cannot be cut between them.
    fileprivate static func indices(
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

/// What the names of all tensors of a model say of experts.
private struct ExpertSearch {
    struct Stack {
        let name: String
        var byteCount = 0
        var highestIndex = 0
        var sliceCount = 0
        /// Complete while there are no more than ``ExpertCutting/maximumSliceCount`` slices.
        var experts: Set<ExpertID> = []

        var isTooLarge: Bool {
            self.sliceCount > ExpertCutting.maximumSliceCount || self.experts.count > ExpertCutting.maximumExpertCount
        }

        mutating func add(_ indices: Range<Int>, ofLayer layer: Int, byteCount: Int) {
            self.byteCount += byteCount
            self.highestIndex = max(self.highestIndex, indices.upperBound - 1)
            self.sliceCount += indices.count
            if !self.isTooLarge { self.experts.formUnion(indices.lazy.map { ExpertID(layer: layer, index: $0) }) }
        }
    }

    /// The stacks of layers that have experts, the one of most bytes first, then by the bytes of their names.
    let stacks: [Stack]
    /// Tensors that would hold all experts of a layer, if their shape were right.
    let uncutCount: Int
    /// A tensor of an expert that lies in two files.
    private let repeated: String?

    init(_ model: [SafetensorsHeader], _ counts: [Int]) {
        var stacks: [String: Stack] = [:]
        var uncutCount = 0
        var names: Set<String> = []
        var repeated: String?
        for tensor in model.lazy.flatMap(\.tensors) where tensor.length > 0 {
            guard let name = ExpertName(tensor.name) else { continue }
            guard let indices = ExpertCutting.indices(of: tensor, name, counts) else {
                if tensor.dimensionCount > 1 { uncutCount += 1 }
                continue
            }
            if !names.insert(tensor.name).inserted { repeated = repeated ?? tensor.name }
            stacks[name.stack, default: Stack(name: name.stack)]
                .add(indices, ofLayer: name.layer, byteCount: tensor.length)
        }
        self.stacks = stacks.values.sorted { left, right in
            left.byteCount == right.byteCount
                ? PublishedPath.precedes(left.name, right.name) : left.byteCount > right.byteCount
        }
        self.uncutCount = uncutCount
        self.repeated = repeated
    }

    /// Why there is no registry, although `stack` has experts.
    func doubt(_ stack: Stack, _ used: Int?) -> String? {
        if let repeated { return "\(ManifestFields.printable(repeated, limit: 128)) lies in two files" }
        if stack.isTooLarge { return "they are more than a manifest has room for" }
        guard let used else { return "config.json does not say how many a token uses (num_experts_per_tok)" }
        let count = stack.highestIndex + 1
        return used > count ? "config.json says that a token uses \(used) of \(count)" : nil
    }
}
