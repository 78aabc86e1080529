import ShoalCore
import ShoalFormats

/// Finds the blocks that nothing is left in once shards are gone. Neighbours share blocks, so that a block goes with the
/// last shard that has some of it.
struct VacantBlocks {
    let manifest: Manifest
    /// Of the file system, in bytes.
    let blockSize: Int
    /// Whether nothing of a shard is here.
    let isVacant: (ShardIndex) -> Bool

    /// A run of whole blocks of one file. The last may reach beyond the file's end.
    struct Run: Hashable, Sendable {
        let file: Int
        let range: Range<Int>
    }

    /// The blocks that some of the `shards` lie in and that hold nothing of any shard that is here, ascending.
    func runs(of shards: [ShardIndex]) -> [Run] {
        let gone = Set(shards)
        let files = Set(shards.flatMap { self.manifest.shards[$0.position].extents.lazy.map(\.file) })
        var extents: [Int: [(range: Range<Int>, shard: ShardIndex)]] = [:]
        for (position, shard) in self.manifest.shards.enumerated() {
            for extent in shard.extents where files.contains(extent.file) {
                let range = extent.offset..<extent.offset + extent.length
                extents[extent.file, default: []].append((range, ShardIndex(position)))
            }
        }
        return extents.sorted { $0.key < $1.key }.flatMap { file, extents in
            self.ranges(
                extents.sorted { $0.range.lowerBound < $1.range.lowerBound },
                gone,
                self.manifest.files[file].size
            )
            .map { Run(file: file, range: $0) }
        }
    }

    /// - Parameter extents: a partition of the file, ascending.
    private func ranges(
        _ extents: [(range: Range<Int>, shard: ShardIndex)],
        _ gone: Set<ShardIndex>,
        _ size: Int
    ) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var next = 0
        while next < extents.count {
            guard self.isVacant(extents[next].shard) else {
                next += 1
                continue
            }
            let first = next
            while next < extents.count, self.isVacant(extents[next].shard) { next += 1 }
            // The blocks that are wholly vacant; the file's last one counts as whole.
            let start = self.roundedUp(extents[first].range.lowerBound)
            let bound = extents[next - 1].range.upperBound
            let end = bound == size ? self.roundedUp(bound) : bound / self.blockSize * self.blockSize
            for extent in extents[first..<next] where gone.contains(extent.shard) {
                let lower = max(start, extent.range.lowerBound / self.blockSize * self.blockSize)
                let upper = min(end, self.roundedUp(extent.range.upperBound))
                guard lower < upper else { continue }
                if let last = ranges.last, last.upperBound >= lower {
                    ranges[ranges.count - 1] = last.lowerBound..<max(last.upperBound, upper)
                } else {
                    ranges.append(lower..<upper)
                }
            }
        }
        return ranges
    }

    private func roundedUp(_ offset: Int) -> Int { (offset + self.blockSize - 1) / self.blockSize * self.blockSize }

    /// Bytes of the blocks that some of the shard lies in, in the files that `counts` names.
    static func charge(for shard: Manifest.Shard, blockSize: Int, where counts: (Int) -> Bool) -> Int {
        shard.extents.reduce(0) { sum, extent in
            guard counts(extent.file), extent.length > 0 else { return sum }
            let first = extent.offset / blockSize
            let last = (extent.offset + extent.length - 1) / blockSize
            return sum + (last - first + 1) * blockSize
        }
    }
}
