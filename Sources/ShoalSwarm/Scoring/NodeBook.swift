import ShoalCore

/// What is remembered of nodes beyond their connections: whoever sent wrong bytes is the same node when it comes back.
///
/// Bounded: when it is full, the node that was seen longest ago is forgotten, banned ones last.
struct NodeBook: Sendable {
    /// 4,096 nodes: more would be an attack on the book.
    static let limit = 4_096

    /// A node that sent this many wrong shards is banned, whatever it says about them.
    static let wrongShardLimit = 4

    struct Record: Sendable {
        /// Shards of which it sent wrong bytes; not asked for again. At most ``NodeBook/wrongShardLimit``.
        fileprivate(set) var wrongShards: [ShardOfSwarm] = []
        /// Those of them that it has withdrawn since, as an honest node with a rotten disk does.
        fileprivate(set) var withdrawn: [ShardOfSwarm] = []
        fileprivate(set) var lastStrike: Instant?
        fileprivate(set) var isBanned = false
        /// When it last made us hash a shard again: once a minute is enough.
        var lastRecheck: Instant?
        /// Of its last connection.
        var reliability = PeerScore.newcomer
        fileprivate var lastSeen: Instant

        init(at now: Instant) { self.lastSeen = now }

        /// It sent wrong bytes that it has not withdrawn.
        var isSuspicious: Bool { self.wrongShards.count > self.withdrawn.count }
    }

    /// What wrong bytes mean.
    enum Verdict: Hashable, Sendable {
        /// Known already, or asked for before the node could have heard of the first.
        case nothingNew
        /// It is told, and is not asked for this shard again.
        case warned
        /// No accident.
        case banned
    }

    private var records = SortedMap<NodeID, Record>()

    subscript(node: NodeID) -> Record? { self.records[node] }

    var count: Int { self.records.count }

    func isBanned(_ node: NodeID) -> Bool { self.records[node]?.isBanned ?? false }

    /// Changes what is known of a node, which is entered if it is new.
    mutating func update<Result>(_ node: NodeID, at now: Instant, _ change: (inout Record) -> Result) -> Result {
        var record = self.records[node] ?? self.makeRecord(at: now)
        record.lastSeen = now
        let result = change(&record)
        self.records[node] = record
        return result
    }

    /// Wrong bytes of a shard came from `node`, which was asked at `askedAt` (nil when that is no longer known).
    mutating func strike(_ node: NodeID, _ shard: ShardOfSwarm, askedAt: Instant?, at now: Instant) -> Verdict {
        self.update(node, at: now) { record in
            guard !record.isBanned, !record.wrongShards.contains(shard) else { return .nothingNew }
            if let last = record.lastStrike, let askedAt, askedAt <= last { return .nothingNew }
            record.lastStrike = now
            record.wrongShards.append(shard)
            let open = record.wrongShards.count - record.withdrawn.count
            record.isBanned = open > 1 || record.wrongShards.count >= Self.wrongShardLimit
            return record.isBanned ? .banned : .warned
        }
    }

    /// The node says that it no longer serves the shard.
    mutating func withdrew(_ node: NodeID, _ shard: ShardOfSwarm, at now: Instant) {
        guard let record = self.records[node], record.wrongShards.contains(shard), !record.withdrawn.contains(shard)
        else { return }
        self.update(node, at: now) { $0.withdrawn.append(shard) }
    }

    /// The swarm is no longer ours: what was wrong in it says nothing of the one that has its handle next. A ban stays.
    mutating func forget(_ swarm: SwarmHandle) {
        self.records.updateAll { _, record in
            record.wrongShards.removeAll { $0.swarm == swarm }
            record.withdrawn.removeAll { $0.swarm == swarm }
        }
    }

    mutating func ban(_ node: NodeID, at now: Instant) { self.update(node, at: now) { $0.isBanned = true } }

    private mutating func makeRecord(at now: Instant) -> Record {
        if self.records.count >= Self.limit {
            let forgotten = self.records.min { left, right in
                (left.value.isBanned ? 1 : 0, left.value.lastSeen) < (
                    right.value.isBanned ? 1 : 0, right.value.lastSeen
                )
            }
            if let forgotten { self.records.removeValue(forKey: forgotten.key) }
        }
        return Record(at: now)
    }
}
