import ShoalCore

extension Manifest {
    /// Why the expert registry is not what the headers of the model's files say; nil when it is.
    ///
    /// A reader does not refuse such a manifest: every byte is verified all the same, and whoever loads whole files does
    /// not care. But an expert that is fetched by itself would be the wrong one, so people are told.
    ///
    /// - Parameter anatomy: of this manifest's files, in their order.
    package func registryProblem(_ anatomy: SourceAnatomy) -> ManifestError? {
        let claimed = self.claimedExperts
        let found = anatomy.experts
        guard let experts = self.experts else {
            if found.isEmpty { return nil }
            return ManifestError(field: "experts", problem: "are missing; the files have \(found.count) experts")
        }
        for expert in Set(claimed.keys).union(found.keys).sorted() where claimed[expert] != found[expert] {
            let problem =
                switch (claimed[expert], found[expert]) {
                case (nil, _): "is missing; the files have that expert"
                case (_, nil): "is no expert of the files"
                default: "does not have the bytes that the files' headers name"
                }
            return ManifestError(field: "experts.map.\(expert)", problem: problem)
        }
        guard let used = anatomy.expertsUsed, used != experts.used else { return nil }
        return ManifestError(field: "experts.used", problem: "is \(experts.used), but the files say \(used)")
    }

    /// Where the bytes of each expert lie in the files, as the registry says.
    private var claimedExperts: [ExpertID: [Extent]] {
        (self.experts?.map ?? [:]).mapValues { slices in
            var runs: [Extent] = []
            for slice in slices {
                var start = 0
                for extent in self.shards[slice.shard.position].extents {
                    let common = (slice.offset..<slice.offset + slice.length).clamped(to: start..<start + extent.length)
                    if !common.isEmpty {
                        let offset = extent.offset + common.lowerBound - start
                        runs.join(Extent(file: extent.file, offset: offset, length: common.count))
                    }
                    start += extent.length
                }
            }
            return runs
        }
    }
}

extension SourceAnatomy {
    /// Where the bytes of each expert lie in the files, as their headers say.
    fileprivate var experts: [ExpertID: [Manifest.Extent]] {
        var experts: [ExpertID: [Manifest.Extent]] = [:]
        for (index, file) in self.files.enumerated() {
            var offset = 0
            for region in file.regions {
                if case .expert(let expert) = region.content {
                    let extent = Manifest.Extent(file: index, offset: offset, length: region.length)
                    experts[expert, default: []].join(extent)
                }
                offset += region.length
            }
        }
        return experts
    }
}

extension [Manifest.Extent] {
    /// Appends `extent`; extents that touch are one.
    mutating func join(_ extent: Manifest.Extent) {
        if let last, last.file == extent.file, last.offset + last.length == extent.offset {
            self[self.count - 1] = Manifest.Extent(
                file: last.file,
                offset: last.offset,
                length: last.length + extent.length
            )
        } else {
            self.append(extent)
        }
    }
}
