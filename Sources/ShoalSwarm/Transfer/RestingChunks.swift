import ShoalCore

/// Chunks that a peer is not asked for now, because it said that they can be had elsewhere.
struct RestingChunks: Sendable {
    struct Rest: Sendable {
        let until: Instant
        let connection: ConnectionID
        let swarm: SwarmHandle
        let shard: ShardIndex
        let chunk: ChunkIndex
    }

    /// The first to end first. As many as there were requests in five seconds.
    private var rests: [Rest] = []

    var nextEnd: Instant? { self.rests.first?.until }

    /// How long a chunk rests when a peer asks for so many milliseconds: 0.1 to 5 s. Whoever has it otherwise tells within two
    /// rounds of notices, half a second.
    static func time(_ milliseconds: UInt32) -> Duration { .milliseconds(min(max(milliseconds, 100), 5_000)) }

    mutating func begin(
        _ chunk: ChunkIndex,
        of shard: ShardIndex,
        _ swarm: SwarmHandle,
        at connection: ConnectionID,
        until end: Instant
    ) {
        let place = self.rests.lastIndex { $0.until <= end }.map { $0 + 1 } ?? 0
        let rest = Rest(until: end, connection: connection, swarm: swarm, shard: shard, chunk: chunk)
        self.rests.insert(rest, at: place)
    }

    /// Those that are over.
    mutating func takeOver(at now: Instant) -> [Rest] {
        let over = Array(self.rests.prefix { now >= $0.until })
        self.rests.removeFirst(over.count)
        return over
    }
}
