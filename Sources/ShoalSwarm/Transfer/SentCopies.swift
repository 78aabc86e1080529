import ShoalCore

/// Which chunks left a short time ago, and to whom: whoever got one can pass it on.
struct SentCopies: Sendable {
    /// 1,024 chunks, 128 MiB.
    private static let limit = 1_024
    /// 4,096 refusals: of 64 peers, as many chunks of each.
    private static let refusalLimit = 4_096
    /// 1 s: by then it has arrived, been verified, and told of; who has not done so is slow.
    private static let memory = Duration.seconds(1)

    private struct Place: Hashable {
        let shard: ShardOfSwarm
        let chunk: ChunkIndex
    }

    private struct Refusal: Hashable {
        let place: Place
        let connection: ConnectionID
    }

    private struct Copy {
        let connection: ConnectionID
        let at: Instant
    }

    private var copies: [Place: Copy] = [:]
    /// The same, the oldest first.
    private var order: [(place: Place, at: Instant)] = []
    /// Who has been told that a chunk can be had elsewhere. Who asks again did not get it there.
    private var refusals: Set<Refusal> = []
    private var refusalOrder: [Refusal] = []

    mutating func sent(_ chunk: ChunkIndex, of shard: ShardOfSwarm, to connection: ConnectionID, at now: Instant) {
        let place = Place(shard: shard, chunk: chunk)
        self.copies[place] = Copy(connection: connection, at: now)
        self.order.append((place, now))
        let old = self.order.prefix { now - $0.at > Self.memory }.count
        let over = max(old, self.order.count - Self.limit)
        for (place, at) in self.order.prefix(over) where self.copies[place]?.at == at { self.copies[place] = nil }
        self.order.removeFirst(over)
    }

    /// The peer is told that the chunk can be had elsewhere.
    mutating func refused(_ chunk: ChunkIndex, of shard: ShardOfSwarm, to connection: ConnectionID) {
        let refusal = Refusal(place: Place(shard: shard, chunk: chunk), connection: connection)
        guard self.refusals.insert(refusal).inserted else { return }
        self.refusalOrder.append(refusal)
        if self.refusalOrder.count > Self.refusalLimit { self.refusals.remove(self.refusalOrder.removeFirst()) }
    }

    func hasRefused(_ chunk: ChunkIndex, of shard: ShardOfSwarm, to connection: ConnectionID) -> Bool {
        self.refusals.contains(Refusal(place: Place(shard: shard, chunk: chunk), connection: connection))
    }

    /// The connection is gone, and what was sent over it cannot be had there.
    mutating func remove(_ connection: ConnectionID) {
        self.refusalOrder.removeAll { $0.connection == connection }
        self.refusals = Set(self.refusalOrder)
        for (place, _) in self.order where self.copies[place]?.connection == connection { self.copies[place] = nil }
    }

    /// Whether somebody else than the peer got the chunk of late.
    func hasSent(_ chunk: ChunkIndex, of shard: ShardOfSwarm, besides connection: ConnectionID, at now: Instant) -> Bool
    {
        guard let copy = self.copies[Place(shard: shard, chunk: chunk)] else { return false }
        return copy.connection != connection && now - copy.at <= Self.memory
    }
}
