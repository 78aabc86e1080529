package import ShoalCore

/// Shards as people name them: `0-15,40`.
package struct ShardRanges: Hashable, Sendable {
    /// 1,000 ranges: more are not written by hand.
    package static let most = 1_000

    private let ranges: [ClosedRange<Int>]

    /// - Throws: ``NodeFailure`` that says how shards are named.
    package init(parsing text: String) throws(NodeFailure) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        var ranges: [ClosedRange<Int>] = []
        for part in parts {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Self.number($0) }
            guard let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2, first <= last,
                parts.count <= Self.most
            else {
                throw NodeFailure(
                    .failed,
                    "\(text.prefix(60)) does not name shards: write numbers and ranges, such as 0-15,40"
                )
            }
            ranges.append(first...last)
        }
        self.ranges = ranges
    }

    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(text),
            number < Cutting.maximumShardCount
        else { return nil }
        return number
    }

    /// The shards, of a model that has `count`.
    package func field(count: Int) throws(NodeFailure) -> Bitfield {
        var field = Bitfield(count: count)
        for range in self.ranges {
            guard range.upperBound < count else {
                throw NodeFailure(.failed, "the model has no shard \(range.upperBound): the last one is \(count - 1)")
            }
            for shard in range { field[shard] = true }
        }
        return field
    }
}
