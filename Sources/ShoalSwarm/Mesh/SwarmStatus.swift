package import ShoalCore

/// How a swarm stands, for people and for tests.
package struct SwarmStatus: Hashable, Sendable {
    package var verifiedBytes: Int
    /// Nil until the manifest is here.
    package var totalBytes: Int?
    /// Of what is fetched (all of it, or the selection), whether it is fetched now or not.
    package var selected: Selected?
    /// Peers that share the swarm now.
    package var peers: Int
    /// Verified bytes that came from peers since the node started, and from how many of them.
    package var receivedBytes: Int
    package var contributors: Int
    package var connectedTrackers: Int
    /// Whether what is missing is asked for; the store has given up when ``hasFailed``.
    package var fetches: Bool
    package var hasFailed: Bool
    /// Bytes for each second, over the last seconds, of all peers together.
    package var downRate: Int
    package var upRate: Int
}

/// How much of what a swarm fetches is here.
package struct Selected: Hashable, Sendable {
    package var verifiedBytes: Int
    package var totalBytes: Int
}

/// How full the node is.
package struct ConnectionBudget: Hashable, Sendable {
    /// Open, and being made; offers that nobody answered do not count.
    package var used: Int
    package var maximum: Int
}

extension MeshMachine {
    /// Nil when there is no such swarm.
    package func status(of handle: SwarmHandle, at now: Instant) -> SwarmStatus? {
        guard let swarm = self.swarms[handle] else { return nil }
        let shared = self.peers.values.compactMap { $0.swarms[handle] }
        return SwarmStatus(
            verifiedBytes: swarm.holdings?.verifiedBytes ?? 0,
            totalBytes: swarm.holdings?.totalBytes,
            selected: swarm.amount(of: swarm.description.selection),
            peers: shared.count,
            receivedBytes: swarm.receivedBytes,
            contributors: swarm.contributions.count,
            connectedTrackers: swarm.description.trackers.count { self.trackers[$0]?.peerID != nil },
            fetches: swarm.description.fetches,
            hasFailed: swarm.hasFailed,
            downRate: shared.reduce(0) { $0 + $1.traffic.received.rate(at: now) },
            upRate: shared.reduce(0) { $0 + $1.traffic.sent.rate(at: now) }
        )
    }

    package var connectionBudget: ConnectionBudget {
        ConnectionBudget(used: self.openConnections, maximum: self.configuration.maximumConnections)
    }
}

extension MeshMachine {
    /// Whether all of these shards are here.
    package func holds(_ shards: Bitfield, of handle: SwarmHandle) -> Bool {
        self.swarms[handle]?.holdings.map { shards.isSubset(of: $0.complete) } ?? false
    }

    /// How much of these shards (nil: all) is here; nil until the manifest is.
    package func amount(of shards: Bitfield?, in handle: SwarmHandle) -> Selected? {
        self.swarms[handle]?.amount(of: shards)
    }
}

extension Swarm {
    fileprivate func amount(of shards: Bitfield?) -> Selected? {
        guard let holdings else { return nil }
        guard let shards else {
            return Selected(verifiedBytes: holdings.verifiedBytes, totalBytes: holdings.totalBytes)
        }
        var amount = Selected(verifiedBytes: 0, totalBytes: 0)
        for position in shards.setBits.prefix(while: { $0 < holdings.shardSizes.count }) {
            amount.totalBytes += holdings.shardSizes[position]
            amount.verifiedBytes += holdings.verifiedBytes(of: ShardIndex(position))
        }
        return amount
    }
}
