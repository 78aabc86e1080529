import ShoalCore
import ShoalSwarm

/// How much of a model is wanted.
enum Wanted: Hashable, Sendable {
    case nothing
    case shards(Bitfield)
    case everything

    /// What has to be fetched so that both wishes are met.
    func union(_ other: Wanted) -> Wanted {
        switch (self, other) {
        case (.everything, _), (_, .everything): return .everything
        case (.nothing, let only), (let only, .nothing): return only
        case (.shards(var shards), .shards(let others)):
            shards.formUnion(others)
            return .shards(shards)
        }
    }
}

/// Who wants how much of which swarm; the mesh fetches the sum of it.
///
/// A wish is somebody's who waits, or stands: what was fetched once is fetched again when it is lost.
struct FetchDesk: Sendable {
    /// Somebody who waits.
    struct Ticket: Hashable, Sendable {
        let swarm: SwarmHandle
        fileprivate let number: UInt64
    }

    private struct Wishes {
        var standing = Wanted.nothing
        /// As many as there are commands at a time.
        var waiting: [UInt64: Wanted] = [:]
    }

    private var swarms: [SwarmHandle: Wishes] = [:]
    private var lastNumber: UInt64 = 0

    /// What the mesh is to fetch of a swarm.
    func wanted(of swarm: SwarmHandle) -> Wanted {
        guard let wishes = self.swarms[swarm] else { return .nothing }
        return wishes.waiting.values.reduce(wishes.standing) { $0.union($1) }
    }

    /// Somebody waits from now on, and does not yet say for what.
    mutating func enter(_ swarm: SwarmHandle) -> Ticket {
        self.lastNumber += 1
        self.swarms[swarm, default: Wishes()].waiting[self.lastNumber] = .nothing
        return Ticket(swarm: swarm, number: self.lastNumber)
    }

    mutating func set(_ ticket: Ticket, _ wanted: Wanted) { self.swarms[ticket.swarm]?.waiting[ticket.number] = wanted }

    /// Somebody waits no longer; `isMet` when the wish was met, and stands from now on.
    mutating func leave(_ ticket: Ticket, isMet: Bool) {
        guard let wanted = self.swarms[ticket.swarm]?.waiting.removeValue(forKey: ticket.number) else { return }
        if isMet { self.keep(wanted, of: ticket.swarm) }
    }

    /// Wants it for as long as the node takes part in the swarm.
    mutating func keep(_ wanted: Wanted, of swarm: SwarmHandle) {
        var wishes = self.swarms[swarm] ?? Wishes()
        wishes.standing = wishes.standing.union(wanted)
        self.swarms[swarm] = wishes
    }

    /// What is wanted for good without anybody waiting for it is wanted without these from now on, because there is no
    /// room for them. `count` is how many shards the model has.
    mutating func giveUp(_ shards: [ShardIndex], of swarm: SwarmHandle, count: Int) {
        var wanted: Bitfield
        switch self.swarms[swarm]?.standing {
        case .everything: wanted = .full(count: count)
        case .shards(let chosen): wanted = chosen
        case .nothing, nil: return
        }
        for shard in shards { wanted[shard.position] = false }
        self.swarms[swarm]?.standing = .shards(wanted)
    }

    /// The node is no longer in the swarm.
    mutating func remove(_ swarm: SwarmHandle) { self.swarms[swarm] = nil }
}
