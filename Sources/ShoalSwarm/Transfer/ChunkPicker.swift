import ShoalCore
import ShoalWire

/// What to ask a peer for next: a run of chunks of one shard.
struct ChunkRun: Hashable, Sendable {
    var shard: ShardIndex
    var first: ChunkIndex
    var count: Int
    /// How urgent it is: that of the shard, raised when others have let it become late.
    var priority: Priority
}

/// The part of a swarm's chunks that a node asks for first, so that the fetchers of one source ask it for different ones
/// and get the rest from each other.
///
/// Chunk by chunk a hash says which of the fetchers that a node knows is to ask first. Fetchers that know the same others
/// agree; those that do not lose a little.
struct Portion: Hashable, Sendable {
    /// Of this node among the fetchers that it knows, in the order of their IDs.
    var rank = 0
    /// How many they are, this node included.
    var count = 1
    /// Where this node begins inside a shard, when it is not the only fetcher.
    var salt: UInt64 = 0

    /// After how many other fetchers this node is to ask for a chunk: 0 in its portion. Each fetcher has another turn, and
    /// what one of them is to ask for first is divided among all the others as well.
    func turn(for chunk: Int, of shard: ShardIndex) -> Int {
        guard self.count > 1 else { return 0 }
        var hash = SeededGenerator(seed: UInt64(shard.rawValue) << 32 | UInt64(chunk))
        let first = Int(hash.next() % UInt64(self.count))
        guard first != self.rank else { return 0 }
        let others = UInt64(self.count - 1)
        let place = UInt64(self.rank > first ? self.rank - 1 : self.rank)
        return 1 + Int((place + hash.next() % others) % others)
    }

    func start(in shard: ShardIndex, of count: Int) -> Int {
        guard self.count > 1 else { return 0 }
        var hash = SeededGenerator(seed: self.salt ^ UInt64(shard.rawValue))
        return Int(hash.next() % UInt64(count))
    }
}

/// Chooses chunks: urgent ones before others; among equals those that the fewest peers have, of those the ones in this
/// node's portion; late chunks again from another peer; at the very end whatever is still owed by others.
enum ChunkPicker {
    /// 4 chunks: the last ones are asked for twice. More would be a tax on the uplinks of everybody who is not at the end;
    /// what is late is asked for again anyway.
    static let endgame = 4

    /// What is looked for.
    enum Pass {
        /// Only what an engine waits for, and what is late.
        case urgent
        case everything
    }

    /// The next run of at most `limit` chunks that `peer` can serve, or nil.
    static func pick(
        from swarm: Swarm,
        for peer: ConnectionID,
        sharing shared: SharedSwarm,
        portion: Portion = Portion(),
        rivals: [SharedSwarm] = [],
        mayIntrude: Bool = true,
        pass: Pass = .everything,
        limit: Int
    ) -> ChunkRun? {
        guard let holdings = swarm.holdings else { return nil }
        var search = Search(swarm: swarm, holdings: holdings, peer: peer, shared: shared, portion: portion)
        search.rivals = rivals
        switch pass {
        case .urgent:
            return search.run(limit: limit, doubling: .never, upTo: .next)
                ?? search.run(limit: limit, doubling: .overdue, upTo: .replicate)
        case .everything:
            search.leavesToOthers = shared.holdings?.isFull == true
            if let run = search.run(limit: limit, doubling: .never, upTo: .replicate) { return run }
            guard mayIntrude else { return nil }
            search.leavesToOthers = false
            if let run = search.run(limit: 1, doubling: .never, upTo: .replicate) { return run }
            guard Self.isEndgame(swarm, holdings) else { return nil }
            return search.run(limit: 1, doubling: .always, upTo: .replicate)
        }
    }

    /// The shard to begin next among those that have not begun and that the peer can serve: the most urgent, of those the
    /// rarest; ties are broken at random.
    static func nextShard(
        of swarm: Swarm,
        sharing shared: SharedSwarm,
        using generator: inout SeededGenerator
    ) -> ShardIndex? {
        guard let holdings = swarm.holdings else { return nil }
        var best: (shard: ShardIndex, priority: Priority, availability: UInt16)?
        var ties: UInt64 = 0
        for shard in swarm.wantedShards where holdings.receiving[shard] == nil {
            guard let priority = swarm.priority(of: shard), shared.canServeSome(of: shard) else { continue }
            let availability = holdings.availability[shard.position]
            if let best {
                guard (priority, availability) <= (best.priority, best.availability) else { continue }
                ties = (priority, availability) == (best.priority, best.availability) ? ties + 1 : 1
            } else {
                ties = 1
            }
            if ties == 1 || generator.next() % ties == 0 { best = (shard, priority, availability) }
        }
        return best?.shard
    }

    /// Whether only a few chunks of what is wanted are missing, and every one of them is owed by somebody.
    private static func isEndgame(_ swarm: Swarm, _ holdings: Holdings) -> Bool {
        guard swarm.hasBegunAll else { return false }
        var missing = 0
        for (shard, receiving) in holdings.receiving where swarm.priority(of: shard) != nil {
            missing += receiving.verified.count - receiving.verified.setCount
            guard missing <= Self.endgame else { return false }
            guard receiving.verified.clearBits.allSatisfy({ !receiving.askers[$0].isEmpty }) else { return false }
        }
        return true
    }
}

/// One look through the shards that have begun.
private struct Search {
    let swarm: Swarm
    let holdings: Holdings
    let peer: ConnectionID
    let shared: SharedSwarm
    let portion: Portion
    /// Peers that go before this one: it is asked only for what none of them has.
    var rivals: [SharedSwarm] = []
    /// What only one seeder has and another fetcher is to ask for first is left to that one: it will soon be had from both.
    var leavesToOthers = false

    /// How good a chunk is to ask for: smaller is better.
    private struct Rank: Comparable {
        var priority: Priority
        var sharers: Int
        var turn: Int

        /// Whether it may follow in one run: whose turn it is among others does not matter there.
        func isAlike(_ other: Rank) -> Bool {
            (self.sharers, self.turn == 0) == (other.sharers, other.turn == 0)
        }

        static func < (left: Rank, right: Rank) -> Bool {
            (left.priority, left.sharers, left.turn) < (right.priority, right.sharers, right.turn)
        }
    }

    /// The best run of shards that are at least as urgent as `limit` says.
    mutating func run(limit: Int, doubling: ReceivingShard.Doubling, upTo leastUrgent: Priority) -> ChunkRun? {
        var best: (rank: Rank, run: ChunkRun)?
        for (shard, receiving) in self.holdings.receiving
        where receiving.offersAnything(doubling) && self.holdings.hasHashes(of: shard) {
            guard let priority = self.swarm.priority(of: shard), priority <= leastUrgent else { continue }
            if let best, best.rank.priority < priority { continue }
            let share = self.shared.share(of: shard)
            if case .nothing = share { continue }
            let candidate = self.best(in: shard, receiving, share, priority, doubling, limit)
            guard let candidate else { continue }
            if let best, best.rank <= candidate.rank { continue }
            best = candidate
        }
        guard var run = best?.run else { return nil }
        if case .overdue = doubling { run.priority = min(run.priority, .next) }
        return run
    }

    private func best(
        in shard: ShardIndex,
        _ receiving: ReceivingShard,
        _ share: SharedSwarm.Share,
        _ priority: Priority,
        _ doubling: ReceivingShard.Doubling,
        _ limit: Int
    ) -> (rank: Rank, run: ChunkRun)? {
        let count = receiving.verified.count
        let whole = Int(self.holdings.availability[shard.position])
        func rank(_ chunk: Int) -> Rank? {
            guard receiving.mayAsk(self.peer, for: chunk, doubling: doubling), share.contains(chunk) else { return nil }
            let sharers = whole + Int(receiving.sharers[chunk])
            if self.rivals.contains(where: { $0.share(of: shard).contains(chunk) }) { return nil }
            let turn = self.portion.turn(for: chunk, of: shard)
            if self.leavesToOthers, turn > 0, sharers <= 1, priority >= .background { return nil }
            return Rank(priority: priority, sharers: sharers, turn: turn)
        }
        let start = self.portion.start(in: shard, of: count)
        var best: (rank: Rank, chunk: Int)?
        for step in 0..<count {
            let chunk = start + step < count ? start + step : start + step - count
            // What more peers have is not worth a closer look.
            if let best, best.rank.sharers < whole + Int(receiving.sharers[chunk]) { continue }
            guard let rank = rank(chunk) else { continue }
            if let best, best.rank <= rank { continue }
            best = (rank, chunk)
            // Nothing can be better than a chunk of one's own that no more than one peer has.
            if rank.sharers <= 1, rank.turn == 0 { break }
        }
        guard let best else { return nil }
        let end = min(count, best.chunk + limit)
        let length = (best.chunk..<end).prefix { rank($0)?.isAlike(best.rank) == true }.count
        let run = ChunkRun(shard: shard, first: ChunkIndex(best.chunk), count: length, priority: priority)
        return (best.rank, run)
    }
}
