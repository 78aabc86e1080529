import ShoalCore

extension Manifest {
    /// The most that a manifest can describe: every shard as large as a shard can be, 8 TiB.
    static let maximumTotalSize = Cutting.maximumShardCount * Cutting.maximumShardSize

    /// 65,536: the most layers, and the most experts of a layer; no more than a bound on nonsense.
    static let maximumExpertCount = 65_536

    /// Everything that a reader must know of a manifest before it creates a file or asks a peer: n log n in its length.
    func check() throws(ManifestError) {
        try Self.checkSizes(self.files.map(\.size))
        try PublishedPath.check(self.files.map(\.path))
        try self.checkShards()
        try self.checkPartition()
        try self.checkExperts()
        try self.model.check()
    }

    /// Checks the number of files and their sizes.
    static func checkSizes(_ sizes: [Int]) throws(ManifestError) {
        guard (1...self.maximumFileCount).contains(sizes.count) else {
            throw ManifestError(
                field: "files",
                problem: "are \(sizes.count); a model has 1 to \(self.maximumFileCount)"
            )
        }
        var total = 0
        for (index, size) in sizes.enumerated() {
            guard (0...self.maximumTotalSize).contains(size) else {
                throw ManifestError(field: "files[\(index)].size", problem: "is not 0 to 8 TiB")
            }
            total += size
        }
        guard total > 0 else { throw ManifestError(field: "files", problem: "are all empty") }
        guard total <= self.maximumTotalSize else {
            throw ManifestError(field: "files", problem: "are larger than 8 TiB together")
        }
    }

    /// Checks the number of shards.
    static func checkShardCount(_ count: Int) throws(ManifestError) {
        guard (1...Cutting.maximumShardCount).contains(count) else {
            throw ManifestError(
                field: "shards",
                problem: "are \(count); a model has 1 to \(Cutting.maximumShardCount)"
            )
        }
    }

    private func checkShards() throws(ManifestError) {
        try Self.checkShardCount(self.shards.count)
        for (index, shard) in self.shards.enumerated() {
            guard (1...Cutting.maximumShardSize).contains(shard.size) else {
                throw ManifestError(field: "shards[\(index)].size", problem: "is not 1 byte to 64 MiB")
            }
            var size = 0
            for (position, extent) in shard.extents.enumerated() {
                if let problem = self.problem(with: extent, room: shard.size - size) {
                    throw ManifestError(field: "shards[\(index)].extents[\(position)]", problem: problem)
                }
                size += extent.length
            }
            guard size == shard.size else {
                throw ManifestError(
                    field: "shards[\(index)].size",
                    problem: "is \(shard.size), but the extents have \(size) bytes"
                )
            }
        }
    }

    /// Why `extent`, of a shard that has `room` bytes left, is wrong.
    private func problem(with extent: Extent, room: Int) -> String? {
        guard self.files.indices.contains(extent.file) else { return "there is no file \(extent.file)" }
        guard extent.length > 0 else { return "is not at least 1 byte long" }
        guard extent.length <= room else { return "exceeds the size of its shard" }
        let size = self.files[extent.file].size
        guard extent.offset >= 0, extent.offset <= size - extent.length else {
            return "lies outside its file of \(size) bytes"
        }
        return nil
    }

    /// An extent as two words, because a hostile manifest can have four million of them.
    private struct Run {
        /// File and offset; the offset needs 43 bits, the file 16.
        let position: UInt64
        let length: UInt32
        let shard: UInt32

        init(_ extent: Extent, shard: Int) {
            self.position = UInt64(extent.file) << 44 | UInt64(extent.offset)
            self.length = UInt32(extent.length)
            self.shard = UInt32(shard)
        }

        var file: Int { Int(self.position >> 44) }
        var offset: Int { Int(self.position & (1 << 44 - 1)) }
    }

    /// Checks that the extents cover every byte of every file exactly once.
    private func checkPartition() throws(ManifestError) {
        var runs: [Run] = []
        for (index, shard) in self.shards.enumerated() {
            for extent in shard.extents { runs.append(Run(extent, shard: index)) }
        }
        runs.sort { ($0.position, $0.shard) < ($1.position, $1.shard) }
        var next = 0
        for (index, file) in self.files.enumerated() {
            var covered = 0
            while next < runs.count, runs[next].file == index {
                let run = runs[next]
                guard run.offset >= covered else { throw self.overlap(of: run) }
                guard run.offset == covered else { throw Self.hole(covered..<run.offset, inFile: index) }
                covered += Int(run.length)
                next += 1
            }
            guard covered == file.size else { throw Self.hole(covered..<file.size, inFile: index) }
        }
    }

    private func overlap(of run: Run) -> ManifestError {
        let extents = self.shards[Int(run.shard)].extents
        // The last, for a shard that has the same extent twice.
        let position = extents.lastIndex { $0.file == run.file && $0.offset == run.offset } ?? 0
        return ManifestError(
            field: "shards[\(run.shard)].extents[\(position)]",
            problem: "overlaps another extent of files[\(run.file)]"
        )
    }

    private static func hole(_ bytes: Range<Int>, inFile file: Int) -> ManifestError {
        ManifestError(
            field: "files[\(file)]",
            problem: "bytes \(bytes.lowerBound)..<\(bytes.upperBound) are in no shard"
        )
    }

    private func checkExperts() throws(ManifestError) {
        var isNamed = [Bool](repeating: false, count: self.shards.count)
        if let experts = self.experts {
            try experts.checkNumbers()
            // Sorted, so that the same manifest always gives the same error.
            for expert in experts.map.keys.sorted() {
                try self.check(experts, expert, naming: &isNamed)
            }
        }
        for (index, shard) in self.shards.enumerated() where shard.kind == .expert && !isNamed[index] {
            throw ManifestError(field: "shards[\(index)].kind", problem: "is expert, but no expert of the map names it")
        }
    }

    private func check(_ experts: Experts, _ expert: ExpertID, naming isNamed: inout [Bool]) throws(ManifestError) {
        let field = "experts.map.\(expert)"
        guard (0..<experts.layers).contains(expert.layer), (0..<experts.perLayer).contains(expert.index) else {
            throw ManifestError(
                field: field,
                problem: "there are \(experts.layers) layers of \(experts.perLayer) experts"
            )
        }
        let slices = experts.map[expert] ?? []
        guard !slices.isEmpty else { throw ManifestError(field: field, problem: "has no slices") }
        for (index, slice) in slices.enumerated() {
            guard self.shards.indices.contains(slice.shard.position) else {
                throw ManifestError(field: "\(field)[\(index)]", problem: "there is no \(slice.shard)")
            }
            let shard = self.shards[slice.shard.position]
            guard shard.kind == .expert else {
                throw ManifestError(field: "\(field)[\(index)]", problem: "\(slice.shard) is not an expert shard")
            }
            guard slice.length > 0, slice.offset >= 0, slice.length <= shard.size,
                slice.offset <= shard.size - slice.length
            else {
                throw ManifestError(
                    field: "\(field)[\(index)]",
                    problem: "lies outside its shard of \(shard.size) bytes"
                )
            }
            isNamed[slice.shard.position] = true
        }
    }
}

extension Manifest.Experts {
    fileprivate func checkNumbers() throws(ManifestError) {
        let most = Manifest.maximumExpertCount
        guard (1...most).contains(self.layers) else {
            throw ManifestError(field: "experts.layers", problem: "is not 1 to \(most)")
        }
        guard (1...most).contains(self.perLayer) else {
            throw ManifestError(field: "experts.perLayer", problem: "is not 1 to \(most)")
        }
        guard (1...self.perLayer).contains(self.used) else {
            throw ManifestError(field: "experts.used", problem: "is not 1 to perLayer")
        }
        guard !self.map.isEmpty else {
            throw ManifestError(field: "experts.map", problem: "is empty; experts is absent when there are none")
        }
    }
}

extension Manifest.Model {
    /// Checks that texts are short and fit for a terminal, and numbers are positive.
    func check() throws(ManifestError) {
        for (name, text) in [("architecture", self.architecture), ("quantization", self.quantization)] {
            guard let text else { continue }
            guard (1...Self.maximumTextByteCount).contains(text.utf8.count) else {
                throw ManifestError(
                    field: "model.\(name)",
                    problem: "is not 1 to \(Self.maximumTextByteCount) bytes long"
                )
            }
            guard !text.utf8.contains(where: ASCII.isControl) else {
                throw ManifestError(field: "model.\(name)", problem: "contains a control character")
            }
        }
        for (name, number) in [("contextLength", self.contextLength), ("parameters", self.parameters)] {
            guard let number else { continue }
            guard (1...CanonicalJSONReader.maximumInteger).contains(number) else {
                throw ManifestError(field: "model.\(name)", problem: "is not 1 to 2^53 − 1")
            }
        }
    }
}
