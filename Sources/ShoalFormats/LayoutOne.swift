package import ShoalCore

/// Cuts files into shards: layout 1 of `docs/protocol.md`, to the byte.
///
/// A pure function of paths, sizes and regions. Changing what it returns changes the names of all models: that is layout
/// 2, never an edit here.
package enum LayoutOne {
    /// A run of bytes of a file that is one thing.
    package struct Region: Hashable, Sendable {
        /// What the bytes are.
        package enum Content: Hashable, Sendable {
            /// What a reader needs before any weight: metadata, tokenizer, tensor directory.
            case header
            /// A tensor that every token needs, with the padding behind it.
            case dense
            /// A tensor, or a slice of one, that belongs to one expert, with the padding behind it.
            case expert(ExpertID)
        }

        package let content: Content
        /// In bytes, at least 1.
        package let length: Int

        package init(_ content: Content, length: Int) {
            self.content = content
            self.length = length
        }
    }

    /// A file to publish, and what its bytes are.
    package struct SourceFile: Hashable, Sendable {
        /// As it will be in the manifest: relative, `/`-separated, NFC.
        package let path: String
        package let size: Int
        /// In the order of the file; each begins where the one before it ends, and together they are the file.
        package let regions: [Region]

        package init(path: String, size: Int, regions: [Region]) {
            self.path = path
            self.size = size
            self.regions = regions
        }

        /// A file of which nothing is known: dense, without a boundary inside. Format `files` has only these.
        package static func plain(path: String, size: Int) -> SourceFile {
            SourceFile(path: path, size: size, regions: size > 0 ? [Region(.dense, length: size)] : [])
        }
    }

    /// The plan for `files`, in any order. Refuses, before a byte is hashed, whatever a reader would refuse.
    ///
    /// - Parameter expertsUsed: how many experts the router picks for a token; needed when a region is an expert's.
    package static func plan(
        format: Manifest.Format,
        files: [SourceFile],
        expertsUsed: Int? = nil,
        model: Manifest.Model = Manifest.Model()
    ) throws(ManifestError) -> LayoutPlan {
        let files = files.sorted { PublishedPath.precedes($0.path, $1.path) }
        try Manifest.checkSizes(files.map(\.size))
        try self.checkRegions(files)
        var shards = self.cut(files, .header, into: Cutting.denseShardSize, keepingRegionsWhole: false)
        shards += self.cut(files, .dense, into: Cutting.denseShardSize, keepingRegionsWhole: true)
        let experts = try self.cutExperts(files, used: expertsUsed, into: &shards)
        let plan = LayoutPlan(
            format: format,
            files: files.map { LayoutPlan.File(path: $0.path, size: $0.size) },
            shards: shards,
            experts: experts,
            model: model
        )
        try plan.check()
        return plan
    }

    private static func checkRegions(_ files: [SourceFile]) throws(ManifestError) {
        for (index, file) in files.enumerated() {
            var rest = file.size
            for region in file.regions {
                guard region.length > 0, region.length <= rest else {
                    throw ManifestError(
                        field: "files[\(index)]",
                        problem: "has a region that is empty or ends behind it"
                    )
                }
                rest -= region.length
            }
            guard rest == 0 else {
                throw ManifestError(field: "files[\(index)]", problem: "\(rest) bytes at its end are in no region")
            }
        }
    }

    /// The shards of all regions with `content`, file by file: no shard has bytes of two files.
    private static func cut(
        _ files: [SourceFile],
        _ content: Region.Content,
        into limit: Int,
        keepingRegionsWhole: Bool
    ) -> [LayoutPlan.Shard] {
        let kind: Manifest.Shard.Kind = content == .header ? .header : .dense
        var shards: [LayoutPlan.Shard] = []
        for (index, file) in files.enumerated() {
            var cutter = ShardCutter(kind: kind, limit: limit, keepsRunsWhole: keepingRegionsWhole)
            var offset = 0
            for region in file.regions {
                if region.content == content {
                    cutter.append(Manifest.Extent(file: index, offset: offset, length: region.length))
                }
                offset += region.length
            }
            shards += cutter.finish()
        }
        return shards
    }

    /// Appends the shards of all experts, by layer and index, and returns the registry; nil when there are none.
    private static func cutExperts(
        _ files: [SourceFile],
        used: Int?,
        into shards: inout [LayoutPlan.Shard]
    ) throws(ManifestError) -> Manifest.Experts? {
        var extents: [ExpertID: [Manifest.Extent]] = [:]
        for (index, file) in files.enumerated() {
            var offset = 0
            for region in file.regions {
                if case .expert(let expert) = region.content {
                    let extent = Manifest.Extent(file: index, offset: offset, length: region.length)
                    extents[expert, default: []].append(extent)
                }
                offset += region.length
            }
        }
        guard !extents.isEmpty else { return nil }
        guard let used else { throw ManifestError(field: "experts.used", problem: "is missing") }
        var map: [ExpertID: [Manifest.Slice]] = [:]
        for expert in extents.keys.sorted() {
            var cutter = ShardCutter(kind: .expert, limit: Cutting.maximumShardSize, keepsRunsWhole: false)
            for extent in extents[expert] ?? [] { cutter.append(extent) }
            for shard in cutter.finish() {
                let slice = Manifest.Slice(shard: ShardIndex(shards.count), offset: 0, length: shard.size)
                map[expert, default: []].append(slice)
                shards.append(shard)
            }
        }
        return Manifest.Experts(
            layers: (map.keys.map(\.layer).max() ?? 0) + 1,
            perLayer: (map.keys.map(\.index).max() ?? 0) + 1,
            used: used,
            map: map
        )
    }
}

/// Fills shards with runs of bytes.
private struct ShardCutter {
    let kind: Manifest.Shard.Kind
    /// In bytes; no shard is larger.
    let limit: Int
    /// Whether a shard ends before a run that does not fit into it; a run larger than a shard is cut all the same.
    let keepsRunsWhole: Bool

    private var extents: [Manifest.Extent] = []
    private var size = 0
    private var shards: [LayoutPlan.Shard] = []

    init(kind: Manifest.Shard.Kind, limit: Int, keepsRunsWhole: Bool) {
        self.kind = kind
        self.limit = limit
        self.keepsRunsWhole = keepsRunsWhole
    }

    mutating func append(_ run: Manifest.Extent) {
        if self.keepsRunsWhole, run.length > self.limit - self.size { self.endShard() }
        var offset = run.offset
        let end = run.offset + run.length
        while offset < end {
            if self.size == self.limit { self.endShard() }
            let length = min(end - offset, self.limit - self.size)
            self.extents.join(Manifest.Extent(file: run.file, offset: offset, length: length))
            self.size += length
            offset += length
        }
    }

    mutating func finish() -> [LayoutPlan.Shard] {
        self.endShard()
        return self.shards
    }

    private mutating func endShard() {
        guard self.size > 0 else { return }
        self.shards.append(LayoutPlan.Shard(size: self.size, extents: self.extents, kind: self.kind))
        self.extents = []
        self.size = 0
    }
}
