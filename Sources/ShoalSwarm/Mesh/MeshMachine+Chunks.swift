import ShoalCore
import ShoalWire

/// What becomes of chunks that were asked for.
extension MeshMachine {
    mutating func frameArrived(
        _ connection: ConnectionID,
        request: UInt32,
        chunk: ChunkIndex,
        completesChunk: Bool,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        self.heard(connection, at: now)
        let outstanding = self.peers.update(connection) { peer -> OutstandingRequest? in
            peer.downloads.frameArrived(
                request: request,
                chunk: chunk,
                completesChunk: completesChunk,
                at: now
            )
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
            swarm.holdings?.update(receipt.shard) { $0.came(chunk, from: connection) }
        }
        let isThere = self.swarms[receipt.swarm]?.holdings?.hasVerified(chunk, of: receipt.shard) ?? true
        effects.append(isThere ? .drop(receipt) : .verify(receipt))
        self.needsFilling = true
    }

    mutating func chunkVerified(_ receipt: ChunkReceipt, at now: Instant, into effects: inout [MeshEffect]) {
        self.chunkEnded(receipt, verified: true, into: &effects)
        self.cancelOthers(receipt.chunk, of: receipt.shard, receipt.swarm, into: &effects)
        // The second copy of a chunk that two peers were asked for is not worth counting.
        if let holdings = self.swarms[receipt.swarm]?.holdings, !holdings.hasVerified(receipt.chunk, of: receipt.shard)
        {
            let size = holdings.size(of: receipt.chunk, in: receipt.shard)
            let node = self.node(of: receipt.connection)
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
        self.shardCompleted(receipt.shard, receipt.swarm, at: now, into: &effects)
    }

    mutating func shardCompleted(
        _ shard: ShardIndex,
        _ handle: SwarmHandle,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        self.swarms.update(handle) { $0.endDemand(for: shard) }
        effects.append(.observe(.shardCompleted(handle, shard)))
        let message = ControlMessage(handle: handle.rawValue, .have([shard]))
        for (connection, peer) in self.peers where peer.swarms[handle] != nil {
            effects.append(.send(connection, message))
        }
        guard self.swarms[handle]?.isComplete == true else { return }
        effects.append(.observe(.swarmCompleted(handle)))
        self.announceCompletion(handle, at: now, into: &effects)
    }

    /// The first good copy won: what others still owe of this chunk is not worth their bytes. A request is cancelled
    /// when none of its chunks is wanted any more.
    mutating func cancelOthers(
        _ chunk: ChunkIndex,
        of shard: ShardIndex,
        _ handle: SwarmHandle,
        into effects: inout [MeshEffect]
    ) {
        guard let receiving = self.swarms[handle]?.holdings?.receiving[shard] else { return }
        for connection in receiving.askers[chunk.position] {
            guard let requests = self.peers[connection]?.downloads.requests else { continue }
            for (id, outstanding) in requests where !outstanding.isCancelled {
                guard outstanding.swarm == handle, outstanding.request.shard == shard else { continue }
                guard outstanding.chunks.contains(chunk.position) else { continue }
                let isWanted = outstanding.chunks.contains { other in
                    other != chunk.position && !receiving.verified[other]
                }
                if !isWanted { self.cancel(id, outstanding, of: connection, into: &effects) }
            }
        }
    }

    /// Takes back a request: what of it is on its way is dropped when it comes. Its chunks end in `chunkDropped`.
    mutating func cancel(
        _ id: UInt32,
        _ request: OutstandingRequest,
        of connection: ConnectionID,
        into effects: inout [MeshEffect]
    ) {
        guard !request.isCancelled else { return }
        self.peers.update(connection) { $0.downloads.markCancelled(id) }
        effects.append(.send(connection, ControlMessage(handle: request.swarm.rawValue, .cancel(id: id))))
        effects.append(.discard(connection, request: id))
    }

    mutating func cancelAll(of connection: ConnectionID, into effects: inout [MeshEffect]) {
        for (id, request) in self.peers[connection]?.downloads.requests ?? SortedMap() {
            self.cancel(id, request, of: connection, into: &effects)
        }
    }

    /// A chunk that was asked for is settled: its room is free again.
    mutating func chunkEnded(_ receipt: ChunkReceipt, verified: Bool, into effects: inout [MeshEffect]) {
        self.room += 1
        self.needsFilling = true
        let isPutOff = self.peers.read(receipt.connection) { $0.downloads.isPutOff(receipt.request) } ?? false
        self.refundRefused(receipt)
        self.swarms.update(receipt.swarm) { swarm in
            _ = swarm.holdings?.update(receipt.shard) { receiving in
                receiving.ended(receipt.connection, chunk: receipt.chunk)
                if !verified, !isPutOff { receiving.failed(receipt.chunk) }
            }
        }
        let whole = self.peers.update(receipt.connection) { peer -> OutstandingRequest? in
            if verified { peer.score.chunkVerified() }
            return peer.downloads.chunkEnded(request: receipt.request, chunk: receipt.chunk, verified: verified)
        }
        guard let ended = whole ?? nil, ended.verified > 0 else { return }
        // Whoever left the swarm meanwhile waits for nothing in it.
        guard self.peers[receipt.connection]?.swarms[receipt.swarm] != nil else { return }
        let message = ControlMessage.Body.ack(id: receipt.request, chunks: UInt16(ended.verified))
        effects.append(.send(receipt.connection, ControlMessage(handle: receipt.swarm.rawValue, message)))
    }

    /// A chunk of a request of which the peer sent nothing, and nothing is to come, does not count as downloaded.
    private mutating func refundRefused(_ receipt: ChunkReceipt) {
        guard self.downloadLimiter.isLimited else { return }
        let since = self.downloadLimiter.since
        let isRefused = self.peers.read(receipt.connection) {
            $0.downloads.isUnanswered(receipt.request, askedSince: since)
        }
        guard isRefused == true else { return }
        let size = self.size(of: receipt.chunk, of: receipt.shard, in: receipt.swarm)
        self.downloadLimiter.refund(size, for: receipt.connection)
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
            self.peers.update(connection) { peer in
                peer.busyUntil = now + pause
                peer.downloads.markPutOff(rejection.id)
            }
        case .elsewhere: self.rest(outstanding, at: connection, for: rejection.retryAfter, now: now)
        // Who cancels what we did not does not want to serve us.
        case .cancelled where outstanding.isCancelled: break
        case .denied, .cancelled: self.peers.update(connection) { $0.busyUntil = now + .seconds(60) }
        }
        effects.append(.settle(connection, request: rejection.id, framesSent: rejection.framesSent))
        self.needsFilling = true
    }

    /// What a busy peer has just sent somebody else is not asked of it for a moment: something else is, and that of others.
    ///
    /// - Parameter pause: in milliseconds, as the peer says.
    private mutating func rest(
        _ outstanding: OutstandingRequest,
        at connection: ConnectionID,
        for pause: UInt32,
        now: Instant
    ) {
        let end = now + RestingChunks.time(pause)
        self.peers.update(connection) { $0.downloads.markPutOff(outstanding.request.id) }
        let (swarm, shard) = (outstanding.swarm, outstanding.request.shard)
        for chunk in outstanding.missing.map({ ChunkIndex($0) }) {
            self.swarms.update(swarm) { $0.holdings?.update(shard) { $0.rest(chunk, at: connection) } }
            self.resting.begin(chunk, of: shard, swarm, at: connection, until: end)
        }
    }

    mutating func endRests(at now: Instant) {
        for rest in self.resting.takeOver(at: now) {
            self.swarms.update(rest.swarm) {
                $0.holdings?.update(rest.shard) { $0.rested(rest.chunk, at: rest.connection) }
            }
            self.needsFilling = true
        }
    }
}
