import ShoalCore
import ShoalWire

/// Which swarms a peer shares with us, and what it can serve.
extension MeshMachine {
    mutating func addSwarm(_ description: SwarmDescription, at now: Instant, into effects: inout [MeshEffect]) {
        precondition(self.swarms[description.handle] == nil, "handle \(description.handle.rawValue) is in use")
        let swarm = Swarm(description)
        self.swarms[description.handle] = swarm
        self.announce(description.handle, alsoAt: description.trackers, now: now)
        self.scheduleReplication(at: now)
        self.joinEverywhere(swarm, into: &effects)
        for (connection, peer) in self.peers {
            let early = peer.theirJoins.first {
                $0.value.swarm == nil && peer.expectedProofs[$0.value.proof] == swarm.handle
            }
            guard let early else { continue }
            self.open(swarm.handle, theirHandle: early.key, with: connection, at: now, into: &effects)
        }
        self.runDiscovery(at: now, into: &effects)
    }

    /// A message of a peer that has proved who it is.
    mutating func receivedOpen(
        _ message: ControlMessage,
        from connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        switch message.body {
        case .ping(let token): effects.append(.send(connection, ControlMessage(.pong(token: token))))
        case .pong(let token): self.receivedPong(token, from: connection, at: now)
        case .lane(let message):
            if self.mayHaveLane(connection) { effects.append(.lane(connection, message)) }
        case .unknown: break
        case .hello, .helloProof:
            self.disconnect(connection, reason: "it says hello twice", into: &effects)
        case .join(let proof):
            self.receivedJoin(proof, handle: message.handle, from: connection, at: now, into: &effects)
        case .leave: self.receivedLeave(handle: message.handle, from: connection, at: now, into: &effects)
        default:
            // Swarms that are not ours stay unanswered: their messages mean nothing here.
            guard let handle = self.peers[connection]?.theirJoins[message.handle]?.swarm else { return }
            self.receivedInSwarm(message.body, handle, from: connection, at: now, into: &effects)
        }
    }

    private mutating func receivedJoin(
        _ proof: Digest,
        handle theirHandle: UInt16,
        from connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard let peer = self.peers[connection] else { return }
        guard peer.theirJoins[theirHandle] == nil else {
            return self.disconnect(connection, reason: "it uses a handle twice", into: &effects)
        }
        self.peers.update(connection) { $0.theirJoins[theirHandle] = TheirJoin(proof: proof) }
        if let handle = peer.expectedProofs[proof] {
            self.open(handle, theirHandle: theirHandle, with: connection, at: now, into: &effects)
        }
    }

    /// A `join` of the peer fits a swarm of ours: both sides have joined it.
    private mutating func open(
        _ handle: SwarmHandle,
        theirHandle: UInt16,
        with connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard let peer = self.peers[connection], let identity = peer.identity else { return }
        guard let swarm = self.swarms[handle], peer.swarms[handle] == nil else { return }
        let isFirst = peer.swarms.isEmpty
        let wrong = self.nodes[identity.nodeID]?.wrongShards ?? []
        let refused = Set(wrong.filter { $0.swarm == handle }.map(\.shard))
        self.peers.update(connection) { peer in
            peer.theirJoins.update(theirHandle) { $0.swarm = handle }
            peer.swarms[handle] = SharedSwarm(theirHandle: theirHandle, refused: refused, at: now)
        }
        effects.append(.observe(.swarmOpened(handle, identity.nodeID)))
        if isFirst, self.mayHaveLane(connection) { effects.append(.seekLane(connection)) }
        for index in swarm.description.trackers { self.trackers.update(index) { $0.hasCompany(handle) } }
        self.tellHoldings(of: swarm, to: connection, into: &effects)
        self.gossipOpened(handle, with: connection, identity.nodeID, at: now)
        self.requestManifest(handle, at: now, into: &effects)
    }

    /// Whether both sides take frames over a direct lane, and have something to send each other.
    private func mayHaveLane(_ connection: ConnectionID) -> Bool {
        guard self.configuration.hasDirectLane, let peer = self.peers[connection] else { return false }
        return peer.identity?.hasDirectLane == true && !peer.swarms.isEmpty
    }

    /// What we have, to a peer that just learned that we share the swarm. An empty bitfield is worth its bytes: it says
    /// that we have the manifest.
    func tellHoldings(of swarm: Swarm, to connection: ConnectionID, into effects: inout [MeshEffect]) {
        guard let holdings = swarm.holdings else { return }
        let handle = swarm.handle.rawValue
        effects.append(.send(connection, ControlMessage(handle: handle, .bitfield(holdings.complete))))
        for (shard, receiving) in holdings.receiving.prefix(SharedSwarm.partialLimit) where !receiving.verified.isEmpty
        {
            let notice = ControlMessage.Body.partial(shard: shard, chunks: receiving.verified)
            effects.append(.send(connection, ControlMessage(handle: handle, notice)))
        }
    }

    private mutating func receivedInSwarm(
        _ body: ControlMessage.Body,
        _ handle: SwarmHandle,
        from connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        switch body {
        case .bitfield, .have, .gone, .partial:
            self.receivedHoldings(body, handle, from: connection, at: now, into: &effects)
            self.requestManifest(handle, at: now, into: &effects)
        case .manifestRequest(let offset):
            self.serveManifest(handle, offset: offset, to: connection, into: &effects)
        case .manifestPart(let offset, let total, let bytes):
            self.receivedManifestPart(
                handle,
                offset: offset,
                total: total,
                bytes: bytes,
                from: connection,
                at: now,
                into: &effects
            )
        case .hashesRequest(let shard): self.serveHashes(handle, shard, to: connection, into: &effects)
        case .hashes(let shard, let digests):
            self.receivedHashes(handle, shard, digests, from: connection, into: &effects)
        case .request(let request): self.receivedRequest(handle, request, from: connection, at: now, into: &effects)
        case .cancel(let id): self.receivedCancel(id, from: connection, into: &effects)
        case .promote(let id, let priority): self.uploads.promote(connection, request: id, to: priority)
        case .ack(_, let chunks):
            self.uploads.acknowledged(connection, chunks: Int(chunks), at: now)
            self.needsServing = true
        case .reject(let rejection): self.receivedReject(rejection, from: connection, at: now, into: &effects)
        case .corrupt(let shard, _): self.receivedCorrupt(handle, shard, from: connection, at: now, into: &effects)
        case .gossip(let gossip): self.receivedGossip(gossip, handle, from: connection, at: now, into: &effects)
        case .signal(let signal): self.receivedSignal(signal, handle, from: connection, at: now, into: &effects)
        case .hello, .helloProof, .join, .leave, .ping, .pong, .lane, .unknown: break
        }
    }

    // MARK: What peers have

    private mutating func receivedHoldings(
        _ body: ControlMessage.Body,
        _ handle: SwarmHandle,
        from connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard var shared = self.peers[connection]?.swarms[handle] else { return }
        let holdings = self.swarms[handle]?.holdings
        let node = self.peers[connection]?.identity?.nodeID
        let wrong = node.flatMap { self.nodes[$0]?.wrongShards } ?? []
        func isWrong(_ shard: ShardIndex) -> Bool { wrong.contains(ShardOfSwarm(swarm: handle, shard: shard)) }
        switch body {
        case .bitfield(let field):
            let isAdmitted = self.peers.update(connection) { $0.bitfields.take(1, at: now) }
            guard isAdmitted == true else {
                return self.malformed(connection, .invalid(field: "rate of bitfields"), into: &effects)
            }
            guard holdings == nil || field.count == holdings?.shardSizes.count else {
                return self.malformed(connection, .invalid(field: "bit count"), into: &effects)
            }
            self.forget(shared, of: connection, in: handle, keepsAsking: true)
            shared.holdings = field
            shared.lacksManifest = false
            for shard in field.setBits { self.count(ShardIndex(shard), in: handle, by: 1) }
        case .have(let shards):
            for shard in shards where !shared.hasWhole(shard) {
                guard let count = shared.holdings?.count, shard.position < count else { continue }
                shared.holdings?[shard.position] = true
                self.setPartial(nil, of: shard, &shared, in: handle)
                if !isWrong(shard) { shared.refused.remove(shard) }
                self.count(shard, in: handle, by: 1)
            }
        case .gone(let shards):
            for shard in shards {
                self.setPartial(nil, of: shard, &shared, in: handle)
                if let node, isWrong(shard) {
                    self.nodes.withdrew(node, ShardOfSwarm(swarm: handle, shard: shard), at: now)
                }
                guard shared.hasWhole(shard) else { continue }
                shared.holdings?[shard.position] = false
                self.count(shard, in: handle, by: -1)
            }
        case .partial(let shard, let chunks):
            if let holdings, !holdings.contains(shard) || holdings.chunkCount(of: shard) != chunks.count {
                return self.malformed(connection, .invalid(field: "bit count"), into: &effects)
            }
            self.setPartial(chunks, of: shard, &shared, in: handle)
        default: preconditionFailure("not about what a peer has")
        }
        shared.hasNothingToBegin = false
        shared.lastNews = now
        self.peers.update(connection) { $0.swarms[handle] = shared }
        self.needsFilling = true
    }

    /// Enters what a peer has of a shard that it is receiving, and who shares its chunks.
    private mutating func setPartial(
        _ chunks: Bitfield?,
        of shard: ShardIndex,
        _ shared: inout SharedSwarm,
        in handle: SwarmHandle
    ) {
        for change in shared.setPartial(chunks, of: shard) {
            self.swarms.update(handle) { swarm in
                _ = swarm.holdings?.update(change.shard) { $0.shared(change.before, change.after) }
            }
        }
    }

    mutating func count(_ shard: ShardIndex, in handle: SwarmHandle, by step: Int) {
        self.swarms.update(handle) { swarm in
            guard swarm.holdings?.contains(shard) == true else { return }
            swarm.holdings?.count(shard, by: step)
        }
    }

    /// Takes a peer's holdings out of the availability, and, unless the peer stays, its name off the chunks it owes.
    mutating func forget(
        _ shared: SharedSwarm,
        of connection: ConnectionID,
        in handle: SwarmHandle,
        keepsAsking: Bool = false
    ) {
        if let field = shared.holdings {
            for shard in field.setBits { self.count(ShardIndex(shard), in: handle, by: -1) }
        }
        guard !keepsAsking else { return }
        self.swarms.update(handle) { swarm in
            for (shard, chunks) in shared.partial { _ = swarm.holdings?.update(shard) { $0.shared(chunks, nil) } }
            for shard in swarm.holdings?.receiving.keys ?? [] {
                swarm.holdings?.update(shard) { $0.abandoned(by: connection) }
            }
        }
    }
}
