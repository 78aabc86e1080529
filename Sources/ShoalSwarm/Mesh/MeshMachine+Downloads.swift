import ShoalCore
import ShoalWire

/// What is asked of whom, and what becomes of it.
extension MeshMachine {
    /// Fills every peer's window, as far as there is room.
    mutating func fillWindows(at now: Instant, into effects: inout [MeshEffect]) {
        self.needsFilling = false
        for handle in self.swarms.keys {
            guard let swarm = self.swarms[handle], swarm.holdings != nil, swarm.isHungry else {
                continue
            }
            for connection in self.peers.keys where self.hasWindowRoom(connection, at: now) {
                self.beginShards(handle, with: connection, at: now, into: &effects)
                self.fillWindow(of: connection, handle, at: now, into: &effects)
            }
        }
    }

    /// Whether the peer may be asked for something now. A window that is nearly full waits, so that a request is for
    /// more than one chunk.
    private func hasWindowRoom(_ connection: ConnectionID, at now: Instant) -> Bool {
        guard let peer = self.peers[connection], !peer.isClosing, let identity = peer.identity else { return false }
        if let busyUntil = peer.busyUntil, now < busyUntil { return false }
        guard peer.downloads.hasRequestLeft, peer.downloads.requests.count < identity.maximumRequests else {
            return false
        }
        return self.room > 0 && peer.downloads.windowRoom >= max(1, peer.downloads.window / 4)
    }

    private mutating func fillWindow(
        of connection: ConnectionID,
        _ handle: SwarmHandle,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        while self.hasWindowRoom(connection, at: now) {
            guard let peer = self.peers[connection], let identity = peer.identity else { return }
            guard let shared = peer.swarms[handle], let holdings = self.swarms[handle]?.holdings else { return }
            let most = min(identity.maximumChunks, self.configuration.chunksPerRequest)
            let limit = min(peer.downloads.windowRoom, self.room, most)
            guard let run = ChunkPicker.pick(from: holdings, for: connection, sharing: shared, limit: limit) else {
                return
            }
            self.request(run, handle, of: connection, at: now, into: &effects)
        }
    }

    private mutating func request(
        _ run: ChunkRun,
        _ handle: SwarmHandle,
        of connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        let limits = self.configuration.chunkDeadlineRange
        let request = self.peers.update(connection) { peer in
            peer.downloads.open(
                swarm: handle,
                shard: run.shard,
                first: run.first,
                count: run.count,
                priority: .background,
                deadline: peer.downloads.chunkDeadline(sentAt: now, within: limits),
                at: now
            )
        }
        guard let request else { return }
        self.room -= run.count
        self.swarms.update(handle) { swarm in
            swarm.holdings?.update(run.shard) { receiving in
                for chunk in run.first.position..<run.first.position + run.count {
                    receiving.asked(connection, for: ChunkIndex(chunk))
                }
            }
        }
        effects.append(.request(connection, handle, request))
    }

    /// Begins shards that the peer has until enough are ready to be asked for, and asks for their hash lists ahead, so
    /// that the channel never waits for one.
    private mutating func beginShards(
        _ handle: SwarmHandle,
        with connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard let shared = self.peers[connection]?.swarms[handle] else { return }
        guard shared.holdings != nil || !shared.partial.isEmpty else { return }
        while !shared.hasNothingToBegin, let holdings = self.swarms[handle]?.holdings,
            self.mayBegin(holdings, with: shared)
        {
            guard let shard = ChunkPicker.nextShard(of: holdings, sharing: shared, using: &self.generator) else {
                self.peers.update(connection) { peer in peer.swarms.update(handle) { $0.hasNothingToBegin = true } }
                break
            }
            self.swarms.update(handle) { $0.holdings?.begin(shard) }
        }
        self.requestHashes(handle, of: connection, shared, at: now, into: &effects)
    }

    /// Whether the peer has too little to give of the shards that have begun, and there is room for another. Shards that
    /// it cannot serve do not count, or those of a peer that left would keep others from beginning.
    private func mayBegin(_ holdings: Holdings, with shared: SharedSwarm) -> Bool {
        guard holdings.receiving.count < 4 * self.configuration.shardsAtOnce else { return false }
        var begun = 0
        var chunks = 0
        for (shard, receiving) in holdings.receiving {
            let share = shared.share(of: shard)
            if case .nothing = share { continue }
            begun += 1
            guard begun < self.configuration.shardsAtOnce else { return false }
            guard holdings.hasHashes(of: shard) || shared.lateHashLists == 0 else { continue }
            for chunk in receiving.askers.indices
            where receiving.askers[chunk].isEmpty && !receiving.verified[chunk] && share.contains(chunk) {
                chunks += 1
                // Enough for the largest window twice: this runs with every chunk, so it does not look further.
                guard chunks < 2 * self.configuration.windowRange.upperBound else { return false }
            }
        }
        return true
    }

    // MARK: Chunks

    mutating func frameArrived(
        _ connection: ConnectionID,
        request: UInt32,
        chunk: ChunkIndex,
        completesChunk: Bool,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        let limits = self.configuration.windowRange
        let outstanding = self.peers.update(connection) { peer -> OutstandingRequest? in
            peer.liveness.heard(at: now)
            peer.downloads.frameArrived(
                request: request,
                chunk: chunk,
                completesChunk: completesChunk,
                at: now
            )
            if completesChunk { peer.downloads.adjustWindow(within: limits) }
            return peer.downloads.requests[request]
        }
        guard completesChunk, let outstanding = outstanding ?? nil else { return }
        let receipt = ChunkReceipt(
            connection: connection,
            request: request,
            swarm: outstanding.swarm,
            shard: outstanding.request.shard,
            chunk: chunk
        )
        self.swarms.update(receipt.swarm) { swarm in
            _ = swarm.holdings?.update(receipt.shard) { $0.arrived[chunk.position] = true }
        }
        let isThere = self.swarms[receipt.swarm]?.holdings?.hasVerified(chunk, of: receipt.shard) ?? true
        effects.append(isThere ? .drop(receipt) : .verify(receipt))
        self.needsFilling = true
    }

    mutating func chunkVerified(_ receipt: ChunkReceipt, at now: Instant, into effects: inout [MeshEffect]) {
        self.chunkEnded(receipt, verified: true, into: &effects)
        self.cancelOthers(receipt, into: &effects)
        // The second copy of a chunk that two peers were asked for is not worth counting.
        if let holdings = self.swarms[receipt.swarm]?.holdings, !holdings.hasVerified(receipt.chunk, of: receipt.shard)
        {
            let node = self.peers[receipt.connection]?.identity?.nodeID
            let size = holdings.size(of: receipt.chunk, in: receipt.shard)
            self.swarms.update(receipt.swarm) { $0.received(size, from: node) }
            self.countReceived(receipt, at: now)
        }
        let completes = self.swarms.update(receipt.swarm) { swarm in
            swarm.holdings?.verified(receipt.chunk, of: receipt.shard) ?? false
        }
        guard completes == true else {
            if self.nextPartialNotice == nil { self.nextPartialNotice = now + self.configuration.partialInterval }
            return
        }
        effects.append(.observe(.shardCompleted(receipt.swarm, receipt.shard)))
        let message = ControlMessage(handle: receipt.swarm.rawValue, .have([receipt.shard]))
        for (connection, peer) in self.peers where peer.swarms[receipt.swarm] != nil {
            effects.append(.send(connection, message))
        }
        guard self.swarms[receipt.swarm]?.isComplete == true else { return }
        effects.append(.observe(.swarmCompleted(receipt.swarm)))
        self.announceCompletion(receipt.swarm, at: now, into: &effects)
    }

    /// The first good copy won: what others still owe of this chunk is not worth their bytes. A request is cancelled
    /// when none of its chunks is wanted any more.
    private mutating func cancelOthers(_ receipt: ChunkReceipt, into effects: inout [MeshEffect]) {
        guard let receiving = self.swarms[receipt.swarm]?.holdings?.receiving[receipt.shard] else { return }
        for connection in receiving.askers[receipt.chunk.position] {
            guard let requests = self.peers[connection]?.downloads.requests else { continue }
            for (id, outstanding) in requests {
                let request = outstanding.request
                guard outstanding.swarm == receipt.swarm, request.shard == receipt.shard else { continue }
                guard !outstanding.isCancelled, outstanding.chunks.contains(receipt.chunk.position) else { continue }
                let isWanted = outstanding.chunks.contains { chunk in
                    chunk != receipt.chunk.position && !receiving.verified[chunk]
                }
                guard !isWanted else { continue }
                self.peers.update(connection) { $0.downloads.markCancelled(id) }
                effects.append(.send(connection, ControlMessage(handle: receipt.swarm.rawValue, .cancel(id: id))))
                effects.append(.discard(connection, request: id))
            }
        }
    }

    mutating func chunkCorrupt(_ receipt: ChunkReceipt, into effects: inout [MeshEffect]) {
        self.chunkEnded(receipt, verified: false, into: &effects)
        self.sentWrong(receipt.shard, chunk: receipt.chunk, receipt.swarm, receipt.connection, into: &effects)
    }

    /// Wrong bytes: the sender is told and not asked for that shard again. A second wrong shard is no accident.
    mutating func sentWrong(
        _ shard: ShardIndex,
        chunk: ChunkIndex,
        _ handle: SwarmHandle,
        _ connection: ConnectionID,
        into effects: inout [MeshEffect]
    ) {
        self.refuse(shard, handle, of: connection)
        guard let peer = self.peers[connection], let node = peer.identity?.nodeID else { return }
        let wrong = ShardOfSwarm(swarm: handle, shard: shard)
        guard !peer.corruptShards.contains(wrong) else { return }
        self.peers.update(connection) { $0.corruptShards.append(wrong) }
        if peer.corruptShards.isEmpty {
            let message = ControlMessage(handle: handle.rawValue, .corrupt(shard: shard, chunk: chunk))
            effects.append(.send(connection, message))
        } else {
            self.ban(node, reason: "it sent wrong bytes of two shards", into: &effects)
        }
    }

    /// A chunk that was asked for is settled: its room is free again.
    mutating func chunkEnded(
        _ receipt: ChunkReceipt,
        verified: Bool,
        into effects: inout [MeshEffect]
    ) {
        self.room += 1
        self.needsFilling = true
        self.swarms.update(receipt.swarm) { swarm in
            _ = swarm.holdings?.update(receipt.shard) { $0.ended(receipt.connection, chunk: receipt.chunk) }
        }
        let whole = self.peers.update(receipt.connection) { peer in
            peer.downloads.chunkEnded(request: receipt.request, chunk: receipt.chunk, verified: verified)
        }
        guard let ended = whole ?? nil, ended.verified > 0 else { return }
        let message = ControlMessage.Body.ack(id: receipt.request, chunks: UInt16(ended.verified))
        effects.append(.send(receipt.connection, ControlMessage(handle: receipt.swarm.rawValue, message)))
    }

    mutating func receivedReject(
        _ rejection: Rejection,
        from connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard let outstanding = self.peers[connection]?.downloads.requests[rejection.id] else { return }
        switch rejection.reason {
        case .missing: self.refuse(outstanding.request.shard, outstanding.swarm, of: connection)
        case .busy, .limit:
            // At least 100 ms: a peer that says "busy, come back at once" would keep us asking.
            let pause = max(Duration.milliseconds(Int64(min(rejection.retryAfter, 60_000))), .milliseconds(100))
            self.peers.update(connection) { $0.busyUntil = now + pause }
        // Who cancels what we did not does not want to serve us.
        case .cancelled where outstanding.isCancelled: break
        case .denied, .cancelled: self.peers.update(connection) { $0.busyUntil = now + .seconds(60) }
        }
        effects.append(.settle(connection, request: rejection.id, framesSent: rejection.framesSent))
        self.needsFilling = true
    }

    // MARK: The store's news

    mutating func shardLost(
        _ handle: SwarmHandle,
        _ shard: ShardIndex,
        reason: String,
        into effects: inout [MeshEffect]
    ) {
        let wasThere = self.swarms.update(handle) { $0.holdings?.lost(shard) ?? false }
        for connection in self.peers.keys {
            self.peers.update(connection) { peer in peer.swarms.update(handle) { $0.hasNothingToBegin = false } }
        }
        self.needsFilling = true
        guard wasThere == true else { return }
        effects.append(.observe(.shardLost(handle, shard, reason: reason)))
        for (connection, peer) in self.peers where peer.swarms[handle] != nil {
            effects.append(.send(connection, ControlMessage(handle: handle.rawValue, .gone([shard]))))
        }
        for (connection, rejection) in self.uploads.lost(ShardOfSwarm(swarm: handle, shard: shard)) {
            effects.append(.send(connection, ControlMessage(handle: handle.rawValue, .reject(rejection))))
        }
        self.needsFilling = true
    }

    mutating func storeFailed(_ handle: SwarmHandle, reason: String, into effects: inout [MeshEffect]) {
        guard self.swarms[handle]?.hasFailed == false else { return }
        self.swarms.update(handle) { $0.hasFailed = true }
        effects.append(.observe(.swarmFailed(handle, reason: reason)))
    }
}
