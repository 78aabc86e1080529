import ShoalCore
import ShoalWire

/// Swarms that a node, or a peer of it, no longer takes part in.
extension MeshMachine {
    /// Leaves a swarm: trackers hear `stopped`, neighbours that this node goes, peers `leave`. What is under way in it is
    /// given up; chunks that are being verified or sent come back and mean nothing any more. A peer with whom no other
    /// swarm is shared ends the connection when it has heard all this.
    mutating func removeSwarm(_ handle: SwarmHandle, at now: Instant, into effects: inout [MeshEffect]) {
        guard let swarm = self.swarms[handle], !self.isStopping else { return }
        self.leaveTrackers(swarm, into: &effects)
        self.gossipDeparture(of: handle, into: &effects)
        let sharing = self.peers.filter { $0.value.swarms[handle] != nil && !$0.value.isClosing }.map(\.key)
        self.takeBackJoins(handle, into: &effects)
        for connection in sharing { self.endSharing(handle, with: connection, into: &effects) }
        self.swarms.removeValue(forKey: handle)
        self.gossip.sessions.removeValue(forKey: handle)
        self.nodes.forget(handle)
        self.endAttempts(for: handle, into: &effects)
        effects.append(.observe(.swarmLeft(handle)))
        self.runDiscovery(at: now, into: &effects)
    }

    private mutating func leaveTrackers(_ swarm: Swarm, into effects: inout [MeshEffect]) {
        for index in swarm.description.trackers {
            self.sayStopped(swarm, at: index, into: &effects)
            let isIdle = self.trackers.update(index) { $0.remove(swarm.handle) }
            if isIdle == true { effects.append(.disconnectTracker(index)) }
        }
    }

    /// Everybody has our `join`, also those whom it says nothing.
    private mutating func takeBackJoins(_ handle: SwarmHandle, into effects: inout [MeshEffect]) {
        for (connection, peer) in self.peers where peer.identity != nil && !peer.isClosing {
            effects.append(.send(connection, ControlMessage(handle: handle.rawValue, .leave)))
            let proofs = peer.expectedProofs.filter { $0.value != handle }
            self.peers.update(connection) { peer in
                peer.expectedProofs = proofs
                // The peer's own `join` stands: should this node come back, the swarm is open again.
                peer.theirJoins.updateAll { _, join in if join.swarm == handle { join.swarm = nil } }
            }
        }
    }

    /// Connections that are being made for a swarm that is no longer ours.
    private mutating func endAttempts(for handle: SwarmHandle, into effects: inout [MeshEffect]) {
        let sought = self.contacts.outgoing.filter { $0.value.swarm == handle }.map(\.key)
        let answered = self.attempts.filter { $0.value.answerTo?.swarm == handle }.map(\.key)
        for connection in self.offers.takeAll(of: handle) + sought + answered {
            self.disconnect(connection, reason: "this node left the swarm that it was for", into: &effects)
        }
    }

    /// A peer takes back a `join`, matched or not.
    mutating func receivedLeave(
        handle theirHandle: UInt16,
        from connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        // Who comes back is told again what we have.
        let isAdmitted = self.peers.update(connection) { $0.bitfields.take(1, at: now) }
        guard isAdmitted == true else {
            return self.malformed(connection, .invalid(field: "rate of leaves"), into: &effects)
        }
        let join = self.peers.update(connection) { $0.theirJoins.removeValue(forKey: theirHandle) }
        guard let handle = (join ?? nil)?.swarm else { return }
        self.endSharing(handle, with: connection, into: &effects)
        if self.peers[connection]?.swarms.isEmpty == true {
            self.disconnect(connection, reason: "it left the only swarm in common", into: &effects)
        }
        self.requestManifest(handle, at: now, into: &effects)
        self.seekPeers(at: now, into: &effects)
    }

    /// A swarm and a peer have nothing to do with each other any more: what was asked of the peer will not come, what it
    /// asked for will not go, and what it has no longer counts.
    private mutating func endSharing(
        _ handle: SwarmHandle,
        with connection: ConnectionID,
        into effects: inout [MeshEffect]
    ) {
        guard let peer = self.peers[connection], let shared = peer.swarms[handle] else { return }
        for (id, request) in peer.downloads.requests where request.swarm == handle && !request.isCancelled {
            self.peers.update(connection) { $0.downloads.markCancelled(id) }
            effects.append(.discard(connection, request: id))
        }
        self.uploads.forget(handle, of: connection)
        self.unshare(handle, shared, with: connection)
        self.gossip.left(handle, connection)
        let now = self.lastInput
        self.peers.update(connection) { peer in
            peer.swarms.removeValue(forKey: handle)
            peer.aloneSince = now
        }
        self.needsFilling = true
        self.needsServing = true
    }

    /// Takes what a peer has and owes out of a swarm's books.
    mutating func unshare(_ handle: SwarmHandle, _ shared: SharedSwarm, with connection: ConnectionID) {
        self.forget(shared, of: connection, in: handle)
        self.swarms.update(handle) { swarm in
            if swarm.manifestFetch?.source == connection { swarm.manifestFetch = nil }
        }
    }
}
