import ShoalCore
import ShoalWire

/// What to ask a peer for next: a run of chunks of one shard.
struct ChunkRun: Hashable, Sendable {
    var shard: ShardIndex
    var first: ChunkIndex
    var count: Int
}

/// Chooses chunks: shards that have begun before others, rarest first among those, random ties; late chunks again from
/// another peer; at the very end whatever is still owed by others.
enum ChunkPicker {
    /// The next run of at most `limit` chunks that `peer` can serve, or nil.
    static func pick(
        from holdings: Holdings,
        for peer: ConnectionID,
        sharing shared: SharedSwarm,
        limit: Int
    ) -> ChunkRun? {
        for doubling in [ReceivingShard.Doubling.never, .overdue] {
            if let run = self.run(from: holdings, for: peer, sharing: shared, limit: limit, doubling: doubling) {
                return run
            }
        }
        guard self.isEndgame(holdings) else { return nil }
        return self.run(from: holdings, for: peer, sharing: shared, limit: limit, doubling: .always)
    }

    /// The rarest shard that has not begun and that the peer can serve; ties are broken at random.
    static func nextShard(
        of holdings: Holdings,
        sharing shared: SharedSwarm,
        using generator: inout SeededGenerator
    ) -> ShardIndex? {
        var best: ShardIndex?
        var bestAvailability = UInt16.max
        var ties: UInt64 = 0
        for position in holdings.complete.clearBits {
            let shard = ShardIndex(position)
            guard holdings.receiving[shard] == nil, shared.canServeSome(of: shard) else { continue }
            let availability = holdings.availability[position]
            guard best == nil || availability <= bestAvailability else { continue }
            ties = availability == bestAvailability ? ties + 1 : 1
            if ties == 1 || generator.next() % ties == 0 { best = shard }
            bestAvailability = availability
        }
        return best
    }

    /// Whether every missing chunk of the model is owed by somebody.
    private static func isEndgame(_ holdings: Holdings) -> Bool {
        let begun = holdings.receiving.count
        guard holdings.complete.count - holdings.complete.setCount == begun else { return false }
        return holdings.receiving.allSatisfy { _, receiving in
            receiving.verified.clearBits.allSatisfy { !receiving.askers[$0].isEmpty }
        }
    }

    private static func run(
        from holdings: Holdings,
        for peer: ConnectionID,
        sharing shared: SharedSwarm,
        limit: Int,
        doubling: ReceivingShard.Doubling
    ) -> ChunkRun? {
        for (shard, receiving) in holdings.receiving where holdings.hasHashes(of: shard) {
            let share = shared.share(of: shard)
            if case .nothing = share { continue }
            func isWanted(_ chunk: Int) -> Bool {
                receiving.mayAsk(peer, for: chunk, doubling: doubling) && share.contains(chunk)
            }
            guard let first = (0..<receiving.verified.count).first(where: isWanted) else { continue }
            let end = min(receiving.verified.count, first + limit)
            let count = (first..<end).prefix(while: isWanted).count
            return ChunkRun(shard: shard, first: ChunkIndex(first), count: count)
        }
        return nil
    }
}
