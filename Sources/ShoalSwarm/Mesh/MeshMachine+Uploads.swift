import ShoalCore
import ShoalWire

/// What peers ask of us.
extension MeshMachine {
    mutating func receivedRequest(
        _ handle: SwarmHandle,
        _ request: ChunkRequest,
        from connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        let isNew = self.peers.update(connection) { peer -> Bool in
            defer { peer.lastRequest = max(peer.lastRequest, request.id) }
            return request.id > peer.lastRequest
        }
        guard isNew == true else { return self.malformed(connection, .invalid(field: "request ID"), into: &effects) }
        guard let holdings = self.swarms[handle]?.holdings, !self.isStopping else {
            return self.reject(request, .missing, handle, connection, into: &effects)
        }
        guard request.count <= self.configuration.servedChunks else {
            return self.reject(request, .limit, handle, connection, into: &effects)
        }
        let chunks = request.first.position..<request.first.position + Int(request.count)
        guard holdings.contains(request.shard), chunks.upperBound <= holdings.chunkCount(of: request.shard),
            chunks.allSatisfy({ holdings.hasVerified(ChunkIndex($0), of: request.shard) })
        else { return self.reject(request, .missing, handle, connection, into: &effects) }
        let refusal = self.uploads.add(
            request,
            of: ShardOfSwarm(swarm: handle, shard: request.shard),
            shardSize: holdings.shardSizes[request.shard.position],
            from: connection,
            queueLimit: Int(self.configuration.servedRequests),
            isSeeding: holdings.complete.isFull,
            at: now
        )
        guard let refusal else {
            self.needsServing = true
            return
        }
        self.reject(request, refusal, handle, connection, into: &effects)
        guard refusal == .busy else { return }
        for (holder, swarm, rejection) in self.uploads.endTenures(at: now) {
            effects.append(.send(holder, ControlMessage(handle: swarm.rawValue, .reject(rejection))))
        }
    }

    private func reject(
        _ request: ChunkRequest,
        _ reason: Rejection.Reason,
        _ handle: SwarmHandle,
        _ connection: ConnectionID,
        into effects: inout [MeshEffect]
    ) {
        let rejection = Rejection(
            id: request.id,
            reason: reason,
            framesSent: 0,
            retryAfter: self.retryAfter(reason)
        )
        effects.append(.send(connection, ControlMessage(handle: handle.rawValue, .reject(rejection))))
    }

    /// In milliseconds; 0 says nothing.
    private func retryAfter(_ reason: Rejection.Reason) -> UInt32 {
        switch reason {
        case .busy: UploadScheduler.retryAfter
        case .elsewhere: self.uploads.elsewhereAfter
        case .missing, .denied, .limit, .cancelled: 0
        }
    }

    mutating func receivedCancel(_ id: UInt32, from connection: ConnectionID, into effects: inout [MeshEffect]) {
        guard let handle = self.uploads.shard(of: id, from: connection)?.swarm else { return }
        guard let rejection = self.uploads.cancel(connection, request: id) else { return }
        effects.append(.send(connection, ControlMessage(handle: handle.rawValue, .reject(rejection))))
        self.needsServing = true
    }

    /// A chunk has gone out or could not be read.
    mutating func served(
        _ connection: ConnectionID,
        request: UInt32,
        chunk: ChunkIndex,
        succeeded: Bool,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        let handle = self.uploads.shard(of: request, from: connection)?.swarm
        if succeeded { self.countSent(connection, request: request, chunk: chunk, at: now) }
        let rejection = self.uploads.served(
            connection,
            request: request,
            chunk: chunk,
            succeeded: succeeded,
            at: now
        )
        if let rejection, let handle {
            effects.append(.send(connection, ControlMessage(handle: handle.rawValue, .reject(rejection))))
        }
        self.needsServing = true
    }

    mutating func serveMore(at now: Instant, into effects: inout [MeshEffect]) {
        self.needsServing = false
        for serve in self.uploads.nextServes(at: now) {
            effects.append(
                .serve(serve.connection, request: serve.request, serve.shard.swarm, serve.shard.shard, serve.chunk)
            )
        }
    }

    mutating func serveHashes(
        _ handle: SwarmHandle,
        _ shard: ShardIndex,
        to connection: ConnectionID,
        into effects: inout [MeshEffect]
    ) {
        guard let holdings = self.swarms[handle]?.holdings, holdings.contains(shard), holdings.hashLists[shard.position]
        else {
            let none = ControlMessage(handle: handle.rawValue, .hashes(shard: shard, digests: []))
            return effects.append(.send(connection, none))
        }
        let limit = self.configuration.servedHashLists
        let isAdmitted = self.peers.update(connection) { peer in
            peer.swarms.update(handle) { shared -> Bool in
                guard shared.hashesBeingServed < limit else { return false }
                shared.hashesBeingServed += 1
                return true
            }
        }
        // A peer that floods us with requests for hash lists is not answered.
        guard isAdmitted == .some(.some(true)) else { return }
        effects.append(.serveHashes(connection, handle, shard))
    }

    mutating func hashesServed(_ connection: ConnectionID, _ handle: SwarmHandle) {
        self.peers.update(connection) { peer in
            // A peer that left and came back meanwhile began at none.
            peer.swarms.update(handle) { $0.hashesBeingServed = max(0, $0.hashesBeingServed - 1) }
        }
    }

    /// A peer says that a chunk of ours is wrong. Hashing the shard again costs us, so once a minute for each peer.
    mutating func receivedCorrupt(
        _ handle: SwarmHandle,
        _ shard: ShardIndex,
        from connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard let node = self.node(of: connection), let holdings = self.swarms[handle]?.holdings else { return }
        guard holdings.contains(shard), holdings.complete[shard.position] else { return }
        if let last = self.nodes[node]?.lastRecheck, now - last < .seconds(60) { return }
        self.nodes.update(node, at: now) { $0.lastRecheck = now }
        effects.append(.recheck(handle, shard))
    }
}
