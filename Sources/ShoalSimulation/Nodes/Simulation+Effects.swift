import ShoalCore
import ShoalSwarm
import ShoalWire

/// Carries out what a machine orders, as `EffectRunner` does in the node.
extension Simulation {
    mutating func carryOut(_ effect: MeshEffect, of node: Int) {
        if case .send(let connection, let message) = effect {
            // Apart from the others, because there are so many: encoded once, for the digest and for its size.
            return self.send(message, from: node, connection)
        }
        self.foldEffect(effect)
        self.trace?("\(self.now) node \(node) → \(effect)")
        switch effect {
        case .makeOffer(let connection): self.makeOffer(connection, of: node)
        case .makeAnswer(let connection, let offer): self.makeAnswer(connection, to: offer, of: node)
        case .acceptAnswer(let connection, let answer): self.acceptAnswer(answer, for: connection, of: node)
        case .disconnect(let connection, let reason): self.disconnect(connection, reason, of: node)
        // Links have the rates that they have, whatever carries the frames.
        case .send, .seekLane, .lane: break

        case .request(let connection, let swarm, let request): self.request(request, swarm, of: connection, by: node)
        case .discard(let connection, let request):
            self.release(from: connection, of: node) { $0.discard(request) }
        case .settle(let connection, let request, let framesSent):
            self.release(from: connection, of: node) { $0.settle(request, framesSent: framesSent) }
        case .verify(let receipt): self.verify(receipt, at: node)
        case .drop(let receipt): self.drop(receipt, at: node)

        case .checkManifest(let swarm, let bytes, let connection):
            self.checkManifest(swarm, bytes, from: connection, at: node)
        case .checkHashes(let swarm, let shard, let digests, let connection):
            self.checkHashes(swarm, shard, digests, from: connection, at: node)
        case .recheck(let swarm, let shard):
            let done = self.nodes[node].disk.work(on: self.model.shardSizes[shard.position], at: self.now)
            self.queue.push(.rechecked(self.nodes[node].current, swarm, shard), at: done)

        case .serve(let connection, let request, let swarm, let shard, let chunk):
            self.serve(connection, request, swarm, shard, chunk, by: node)
        case .serveHashes(let connection, let swarm, let shard):
            self.serveHashes(shard, swarm, to: connection, by: node)

        case .connectTracker(let index): self.connectTracker(index.rawValue, of: node)
        case .sendToTracker(let index, let request): self.send(request, to: index.rawValue, of: node)
        case .disconnectTracker(let index): self.disconnectTracker(index.rawValue, of: node)

        case .observe(let observation): self.observe(observation, of: node)
        }
    }

    private mutating func observe(_ observation: MeshObservation, of node: Int) {
        switch observation {
        case .swarmCompleted:
            if self.nodes[node].record.completed == nil { self.nodes[node].record.completed = self.now - .zero }
            self.setMissing(false, node)
            self.checkCompletion(of: node)
        case .swarmFailed(_, let reason):
            self.nodes[node].record.failure = reason
            self.setMissing(false, node)
        case .peerBanned(let nodeID, let reason): self.checkBan(of: nodeID, reason: reason, by: node)
        case .stopped:
            // The process lives on until its goodbyes are out.
            self.queue.push(.end(self.nodes[node].current), at: self.now + .milliseconds(500))
        default: break
        }
    }

    // MARK: The store

    private mutating func checkManifest(
        _ swarm: SwarmHandle,
        _ bytes: [UInt8],
        from connection: ConnectionID,
        at node: Int
    ) {
        let done = self.nodes[node].disk.work(on: bytes.count, at: self.now) - self.now
        guard bytes == self.model.manifest else {
            let news = MeshInput.manifestRejected(swarm, from: connection, reason: "its hash is another")
            return self.post(news, to: node, after: done)
        }
        self.nodes[node].disk.storeManifest()
        guard let content = self.nodes[node].disk.content(self.model) else { return }
        self.post(.manifestAccepted(swarm, content), to: node, after: done)
    }

    private mutating func checkHashes(
        _ swarm: SwarmHandle,
        _ shard: ShardIndex,
        _ digests: [Digest],
        from connection: ConnectionID,
        at node: Int
    ) {
        let done = self.nodes[node].disk.work(on: digests.count * Digest.byteCount, at: self.now) - self.now
        guard digests == self.model.hashLists[shard.position] else {
            return self.post(.hashesRejected(swarm, shard, from: connection), to: node, after: done)
        }
        self.nodes[node].disk.storeHashes(shard)
        self.post(.hashesAccepted(swarm, shard), to: node, after: done)
    }

    /// A shard that a peer complained of has been read again.
    mutating func rechecked(_ life: NodeLife, _ swarm: SwarmHandle, _ shard: ShardIndex) {
        guard self.isCurrent(life), self.nodes[life.node].disk.hasRot(shard) else { return }
        self.lose(shard, swarm, of: life.node)
    }

    /// A shard turned out to be wrong on disk.
    mutating func lose(_ shard: ShardIndex, _ swarm: SwarmHandle, of node: Int) {
        self.nodes[node].disk.lose(shard, self.model)
        self.setMissing(self.nodes[node].conduct.isHonest, node)
        self.nodes[node].record.completed = nil
        let reason = "its bytes are not the ones that were verified"
        self.post(.shardsLost(swarm, [shard], reason: reason), to: node)
    }

    private mutating func serveHashes(
        _ shard: ShardIndex,
        _ swarm: SwarmHandle,
        to connection: ConnectionID,
        by node: Int
    ) {
        var digests = self.model.hashLists[shard.position]
        if case .poisoning(_, true) = self.nodes[node].conduct { digests[0] = self.model.secret }
        let done = self.nodes[node].disk.work(on: digests.count * Digest.byteCount, at: self.now) - self.now
        self.post(.hashesServed(connection, swarm), to: node, after: done)
        let message = ControlMessage(handle: swarm.rawValue, .hashes(shard: shard, digests: digests))
        self.send(message, from: node, connection)
    }
}
