import ShoalCore
import ShoalWire

/// What wrong bytes and rubbish cost their sender.
extension MeshMachine {
    mutating func chunkCorrupt(_ receipt: ChunkReceipt, at now: Instant, into effects: inout [MeshEffect]) {
        let request = self.peers[receipt.connection]?.downloads.requests[receipt.request]
        self.chunkEnded(receipt, verified: false, into: &effects)
        self.sentWrong(
            ShardOfSwarm(swarm: receipt.swarm, shard: receipt.shard),
            chunk: receipt.chunk,
            receipt.connection,
            askedAt: request?.sentAt,
            at: now,
            into: &effects
        )
    }

    /// Wrong bytes: the sender is told, has to prove itself anew, and is not asked for that shard again. A second wrong
    /// shard that it has not withdrawn is no accident.
    mutating func sentWrong(
        _ shard: ShardOfSwarm,
        chunk: ChunkIndex,
        _ connection: ConnectionID,
        askedAt: Instant?,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        self.refuse(shard.shard, shard.swarm, of: connection)
        guard let node = self.node(of: connection) else { return }
        switch self.nodes.strike(node, shard, askedAt: askedAt, at: now) {
        case .nothingNew: break
        case .warned:
            let until = now + self.configuration.recheckPause
            self.peers.update(connection) { peer in
                peer.score.chunkCorrupt()
                peer.downloads.putOnTrial()
                // Time to look at its copy, and to withdraw what it finds.
                peer.busyUntil = max(peer.busyUntil ?? until, until)
            }
            guard self.peers[connection]?.isClosing == false else { return }
            let message = ControlMessage.Body.corrupt(shard: shard.shard, chunk: chunk)
            effects.append(.send(connection, ControlMessage(handle: shard.swarm.rawValue, message)))
            self.cancelAll(of: connection, into: &effects)
        case .banned: self.ban(node, reason: "it sent wrong bytes of two shards", at: now, into: &effects)
        }
    }

    /// Whose connection it is, or was until lately.
    func node(of connection: ConnectionID) -> NodeID? {
        self.peers[connection]?.identity?.nodeID ?? self.departed[connection]
    }

    /// Stops asking the peer for this shard.
    mutating func refuse(_ shard: ShardIndex, _ handle: SwarmHandle, of connection: ConnectionID) {
        self.peers.update(connection) { peer in peer.swarms.update(handle) { _ = $0.refused.insert(shard) } }
        self.swarms.update(handle) { swarm in
            _ = swarm.holdings?.update(shard) { $0.hashesEnded(connection) }
        }
    }

    mutating func malformed(_ connection: ConnectionID, _ error: WireError, into effects: inout [MeshEffect]) {
        let count = self.peers.update(connection) { peer -> Int in
            peer.malformed += 1
            return peer.malformed
        }
        guard let count else { return }
        // Before the handshake is over there is nothing to be patient about.
        guard count >= self.configuration.malformedLimit || self.peers[connection]?.identity == nil else { return }
        self.disconnect(connection, reason: "it sends \(error)", into: &effects)
    }

    mutating func ban(_ node: NodeID, reason: String, at now: Instant, into effects: inout [MeshEffect]) {
        self.nodes.ban(node, at: now)
        effects.append(.observe(.peerBanned(node, reason: reason)))
        for (connection, peer) in self.peers where peer.identity?.nodeID == node {
            self.disconnect(connection, reason: reason, into: &effects)
        }
    }
}
