import ShoalCore
import ShoalWire

/// The digests that chunks are verified with: asked for before the chunks, of whoever sends them in time.
extension MeshMachine {
    /// Whether there is a shard whose hash list has to be asked for.
    func lacksHashes(_ handle: SwarmHandle) -> Bool {
        guard let holdings = self.swarms[handle]?.holdings else { return false }
        return holdings.receiving.hasValue { shard, receiving in
            receiving.hashesAsked == nil && !receiving.isCheckingHashes && !holdings.hasHashes(of: shard)
        }
    }

    mutating func requestHashes(
        _ handle: SwarmHandle,
        of connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard let swarm = self.swarms[handle], let holdings = swarm.holdings else { return }
        guard let shared = self.peers[connection]?.swarms[handle], shared.hasSomething else { return }
        let deadline = now + self.configuration.hashesLimit
        var asked = holdings.receiving.values.count { $0.hashesAsked?.of == connection }
        for (shard, receiving) in holdings.receiving where asked < self.configuration.servedHashLists {
            guard receiving.hashesAsked == nil, !receiving.isCheckingHashes, !holdings.hasHashes(of: shard) else {
                continue
            }
            guard swarm.priority(of: shard) != nil, shared.canServeSome(of: shard) else { continue }
            if self.isAnotherQuicker(shard, handle, than: shared, of: connection) { continue }
            self.swarms.update(handle) { swarm in
                _ = swarm.holdings?.update(shard) { $0.askedForHashes(connection, until: deadline) }
            }
            asked += 1
            effects.append(.send(connection, ControlMessage(handle: handle.rawValue, .hashesRequest(shard: shard))))
        }
    }

    /// Whether a peer that was late with fewer hash lists can serve the shard as well: it is asked first.
    private func isAnotherQuicker(
        _ shard: ShardIndex,
        _ handle: SwarmHandle,
        than shared: SharedSwarm,
        of connection: ConnectionID
    ) -> Bool {
        guard shared.lateHashLists > 0 else { return false }
        return self.peers.contains { other, peer in
            guard other != connection, !peer.isClosing, let theirs = peer.swarms[handle] else { return false }
            return theirs.lateHashLists < shared.lateHashLists && theirs.canServeSome(of: shard)
        }
    }

    /// Hash lists that did not come in time are asked of others.
    mutating func giveUpHashes(_ handle: SwarmHandle, at now: Instant) {
        for (shard, receiving) in self.swarms[handle]?.holdings?.receiving ?? SortedMap() {
            guard let asked = receiving.hashesAsked, now >= asked.until else { continue }
            self.swarms.update(handle) { swarm in
                _ = swarm.holdings?.update(shard) { $0.hashesEnded(asked.of) }
            }
            self.peers.update(asked.of) { peer in peer.swarms.update(handle) { $0.lateHashLists += 1 } }
            self.needsFilling = true
        }
    }

    mutating func receivedHashes(
        _ handle: SwarmHandle,
        _ shard: ShardIndex,
        _ digests: [Digest],
        from connection: ConnectionID,
        into effects: inout [MeshEffect]
    ) {
        guard let holdings = self.swarms[handle]?.holdings, holdings.contains(shard) else { return }
        guard holdings.receiving[shard]?.hashesAsked?.of == connection else { return }
        if digests.isEmpty {
            self.refuse(shard, handle, of: connection)
            self.needsFilling = true
        } else if digests.count != holdings.chunkCount(of: shard) {
            self.hashesRejected(handle, shard, from: connection, at: self.lastInput, into: &effects)
        } else {
            self.swarms.update(handle) { swarm in
                _ = swarm.holdings?.update(shard) { $0.hashesArrived() }
            }
            effects.append(.checkHashes(handle, shard, digests: digests, from: connection))
        }
    }

    mutating func hashesAccepted(_ handle: SwarmHandle, _ shard: ShardIndex) {
        self.swarms.update(handle) { swarm in
            swarm.holdings?.hashLists[shard.position] = true
            _ = swarm.holdings?.update(shard) { $0.hashesChecked() }
        }
        self.needsFilling = true
    }

    mutating func hashesRejected(
        _ handle: SwarmHandle,
        _ shard: ShardIndex,
        from connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        self.swarms.update(handle) { swarm in
            _ = swarm.holdings?.update(shard) { $0.hashesChecked() }
        }
        let wrong = ShardOfSwarm(swarm: handle, shard: shard)
        self.sentWrong(wrong, chunk: ChunkIndex(0), connection, askedAt: nil, at: now, into: &effects)
        self.needsFilling = true
    }
}
