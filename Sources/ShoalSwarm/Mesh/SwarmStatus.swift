import ShoalCore

/// How a swarm stands, for people and for tests.
package struct SwarmStatus: Hashable, Sendable {
    package var verifiedBytes: Int
    /// Nil until the manifest is here.
    package var totalBytes: Int?
    /// Peers that share the swarm now.
    package var peers: Int
    /// Verified bytes that came from peers since the node started, and from how many of them.
    package var receivedBytes: Int
    package var contributors: Int
    package var connectedTrackers: Int

    package init(
        verifiedBytes: Int,
        totalBytes: Int?,
        peers: Int,
        receivedBytes: Int,
        contributors: Int,
        connectedTrackers: Int
    ) {
        self.verifiedBytes = verifiedBytes
        self.totalBytes = totalBytes
        self.peers = peers
        self.receivedBytes = receivedBytes
        self.contributors = contributors
        self.connectedTrackers = connectedTrackers
    }
}

extension MeshMachine {
    /// Nil when there is no such swarm.
    package func status(of handle: SwarmHandle) -> SwarmStatus? {
        guard let swarm = self.swarms[handle] else { return nil }
        return SwarmStatus(
            verifiedBytes: swarm.holdings?.verifiedBytes ?? 0,
            totalBytes: swarm.holdings?.totalBytes,
            peers: self.peers.values.count { $0.swarms[handle] != nil },
            receivedBytes: swarm.receivedBytes,
            contributors: swarm.contributions.count,
            connectedTrackers: swarm.description.trackers.count { self.trackers[$0]?.peerID != nil }
        )
    }
}
