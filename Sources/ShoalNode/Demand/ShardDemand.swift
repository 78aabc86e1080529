package import ShoalCore

/// Chunks of a shard that somebody wants by name.
package struct ShardDemand: Hashable, Sendable {
    package let shard: ShardIndex
    /// Positions of chunks in the shard.
    package let chunks: Range<Int>

    package init(_ shard: ShardIndex, chunks: Range<Int>) {
        self.shard = shard
        self.chunks = chunks
    }
}

/// Why a demand ended without what it asked for; what the disk is to blame for is a ``StoreError``.
package enum DemandFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// It was not here in time.
    case late(Duration)
    /// The manifest is not here yet, so nobody knows what its shards are.
    case noManifest
    /// There is no such shard, or no such chunk in it.
    case unknown(ShardDemand)
    /// The swarm was left.
    case left
    /// The node has been stopped.
    case stopped

    package var description: String {
        switch self {
        case .late(let limit): "what was demanded did not come within \(limit): more peers or more time are needed"
        case .noManifest: "the model's manifest is not here yet: wait for it before demanding shards"
        case .unknown(let demand):
            "the model has no chunks \(demand.chunks.lowerBound)..<\(demand.chunks.upperBound) of \(demand.shard)"
        case .left: "the swarm was left: open the model anew"
        case .stopped: "the node has been stopped"
        }
    }
}
