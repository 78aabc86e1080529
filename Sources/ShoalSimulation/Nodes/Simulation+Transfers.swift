import ShoalCore
import ShoalSwarm
import ShoalWire

/// Chunks on their way down and up.
extension Simulation {
    // MARK: Down

    /// Leases room, expects the frames, then asks.
    mutating func request(
        _ request: ChunkRequest,
        _ swarm: SwarmHandle,
        of connection: ConnectionID,
        by node: Int
    ) {
        self.checkRequest(request, swarm, by: node)
        guard self.violation == nil else { return }
        let slots = (0..<Int(request.count)).compactMap { _ in self.nodes[node].freeSlots.popLast() }
        for slot in slots { self.nodes[node].slots[slot] = false }
        guard let end = self.openEnd(connection, of: node),
            self.ends[end].ledger.expect(
                request,
                swarm: swarm,
                shardSize: self.model.shardSizes[request.shard.position],
                slots: slots
            )
        else {
            self.nodes[node].freeSlots += slots
            return self.dropAll(of: request, swarm, connection, at: node)
        }
        self.send(ControlMessage(handle: swarm.rawValue, .request(request)), from: node, connection)
    }

    /// The connection closed before the request could be made.
    private mutating func dropAll(
        of request: ChunkRequest,
        _ swarm: SwarmHandle,
        _ connection: ConnectionID,
        at node: Int
    ) {
        for position in 0..<Int(request.count) {
            let receipt = ChunkReceipt(
                connection: connection,
                request: request.id,
                swarm: swarm,
                shard: request.shard,
                chunk: ChunkIndex(request.first.position + position)
            )
            self.post(.chunkDropped(receipt), to: node)
        }
    }

    mutating func release(
        from connection: ConnectionID,
        of node: Int,
        _ change: (inout FrameLedger) -> [FrameLedger.Released]
    ) {
        guard let end = self.openEnd(connection, of: node) else { return }
        self.release(change(&self.ends[end].ledger), at: node)
    }

    mutating func release(_ released: [FrameLedger.Released], at node: Int) {
        for chunk in released {
            self.nodes[node].freeSlots.append(chunk.slot)
            self.post(.chunkDropped(chunk.receipt), to: node)
        }
    }

    /// A frame has come out of the downlink.
    mutating func receive(_ header: FrameHeader, payload: Int, isWrong: Bool, at end: Int) {
        let owner = self.ends[end].owner.node
        let connection = self.ends[end].connection
        self.nodes[owner].record.receivedBytes += payload
        switch self.ends[end].ledger.accept(header, payload: payload) {
        case .copy(let slot, _, let completesChunk):
            if isWrong { self.nodes[owner].slots[slot] = true }
            let input = MeshInput.frameArrived(
                connection,
                request: header.request,
                chunk: header.chunk,
                completesChunk: completesChunk
            )
            let released = self.ends[end].ledger.settledByFrame(header.request)
            self.give(input, to: owner)
            self.release(released, at: owner)
        case .late:
            self.nodes[owner].record.lateBytes += payload
            self.give(.lateFrame(connection), to: owner)
        case .stray: self.give(.strayFrame(connection), to: owner)
        case .malformed: self.give(.malformed(connection, .invalid(field: "frame")), to: owner)
        }
    }

    /// Takes the slot of a whole chunk out of the ledger. Nil when it has been dropped meanwhile.
    private mutating func take(_ receipt: ChunkReceipt, at node: Int) -> Int? {
        guard let end = self.openEnd(receipt.connection, of: node) else { return nil }
        return self.ends[end].ledger.take(receipt)
    }

    mutating func drop(_ receipt: ChunkReceipt, at node: Int) {
        guard let slot = self.take(receipt, at: node) else { return }
        self.nodes[node].freeSlots.append(slot)
        self.post(.chunkDropped(receipt), to: node)
    }

    mutating func verify(_ receipt: ChunkReceipt, at node: Int) {
        guard let slot = self.take(receipt, at: node) else { return }
        let size = self.model.size(of: receipt.chunk, in: receipt.shard)
        let done = self.nodes[node].disk.work(on: size, at: self.now)
        self.queue.push(.hashed(self.nodes[node].current, receipt, slot: slot), at: done)
    }

    mutating func hashed(_ life: NodeLife, _ receipt: ChunkReceipt, slot: Int) {
        guard self.isCurrent(life) else { return }
        let node = life.node
        self.nodes[node].freeSlots.append(slot)
        let size = self.model.size(of: receipt.chunk, in: receipt.shard)
        guard !self.nodes[node].slots[slot] else {
            self.nodes[node].record.wrongBytes += size
            return self.give(.chunkCorrupt(receipt), to: node)
        }
        let isNew = !self.nodes[node].disk.has(receipt.chunk, of: receipt.shard)
        guard self.nodes[node].disk.store(receipt.chunk, of: receipt.shard, size: size) else {
            self.give(.chunkDropped(receipt), to: node)
            let reason = "no space is left on the disk: free some, then fetch again"
            return self.give(.storeFailed(receipt.swarm, reason: reason), to: node)
        }
        if isNew { self.nodes[node].record.storedBytes += size }
        self.give(.chunkVerified(receipt), to: node)
    }

    // MARK: Up

    mutating func serve(
        _ connection: ConnectionID,
        _ request: UInt32,
        _ swarm: SwarmHandle,
        _ shard: ShardIndex,
        _ chunk: ChunkIndex,
        by node: Int
    ) {
        guard self.nodes[node].conduct != .withholding else { return }
        guard self.nodes[node].disk.has(chunk, of: shard) else {
            if !self.nodes[node].disk.hasLost(shard) { self.violate(.servesWhatIsMissing(shard, chunk), of: node) }
            return self.post(.chunkUnreadable(connection, request: request, chunk: chunk), to: node)
        }
        var isWrong = self.nodes[node].disk.isRotten(chunk, of: shard)
        if case .poisoning(let share, _) = self.nodes[node].conduct {
            isWrong = self.nodes[node].dice.next() % 1_000_000 < UInt64(share)
        }
        let outgoing = OutgoingChunk(
            swarm: swarm,
            request: request,
            chunk: chunk,
            size: self.model.size(of: chunk, in: shard),
            isWrong: isWrong
        )
        let done = self.nodes[node].disk.work(on: outgoing.size, at: self.now)
        self.queue.push(.read(self.nodes[node].current, connection, outgoing), at: done)
    }

    /// A chunk has been read: off to the uplink, if the connection is still there.
    mutating func readDone(_ life: NodeLife, _ connection: ConnectionID, _ chunk: OutgoingChunk) {
        guard self.isCurrent(life) else { return }
        guard let end = self.openEnd(connection, of: life.node) else {
            return self.give(.chunkUnreadable(connection, request: chunk.request, chunk: chunk.chunk), to: life.node)
        }
        self.enqueue(.chunk(chunk), at: end)
    }
}
