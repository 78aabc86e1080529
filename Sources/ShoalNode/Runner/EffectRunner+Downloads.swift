import Logging
import ShoalCore
import ShoalFormats
import ShoalStore
import ShoalSwarm
import ShoalWire
import Synchronization

/// Chunks on their way down: room, frames, verification.
extension EffectRunner {
    /// Leases room, expects the frames, then asks: no frame can come before its place is known.
    func request(_ request: ChunkRequest, _ swarm: SwarmHandle, of connection: ConnectionID) {
        guard let desk = self.desk(of: connection), let model = self.model(of: swarm) else {
            return self.dropAll(of: request, swarm, connection)
        }
        let slots = self.slab.lease(Int(request.count))
        let isExpected = desk.ledger.withLock { ledger in
            let size = model.stored.manifest.shards[request.shard.position].size
            return ledger.expect(request, swarm: swarm, shardSize: size, slots: slots)
        }
        guard isExpected else {
            for slot in slots { self.slab.giveBack(slot) }
            return self.dropAll(of: request, swarm, connection)
        }
        self.send(ControlMessage(handle: swarm.rawValue, .request(request)), to: connection)
    }

    /// The connection closed before the request could be made.
    private func dropAll(of request: ChunkRequest, _ swarm: SwarmHandle, _ connection: ConnectionID) {
        for position in 0..<Int(request.count) {
            let receipt = ChunkReceipt(
                connection: connection,
                request: request.id,
                swarm: swarm,
                shard: request.shard,
                chunk: ChunkIndex(request.first.position + position)
            )
            self.loop.post(.chunkDropped(receipt))
        }
    }

    /// Gives back the room of chunks that will not come.
    func release(of connection: ConnectionID, _ change: (inout FrameLedger) -> [FrameLedger.Released]) {
        guard let desk = self.desk(of: connection) else { return }
        self.release(desk.ledger.withLock { change(&$0) })
    }

    func release(_ released: [FrameLedger.Released]) {
        for chunk in released {
            self.slab.giveBack(chunk.slot)
            self.loop.post(.chunkDropped(chunk.receipt))
        }
    }

    /// A frame, on one of the library's threads: its bytes are valid only now. One copy, into the chunk's slot.
    func receivedFrame(_ connection: ConnectionID, _ frame: RawSpan) {
        guard let desk = self.desk(of: connection) else { return }
        guard desk.admit(ConnectionDesk.frameCost) else { return self.closeForFlooding(connection) }
        do throws(WireError) {
            guard let header = try FrameHeader(decoding: frame) else { return desk.seen(ConnectionDesk.frameCost) }
            let payload = frame.extracting(droppingFirst: WireLimits.frameHeader)
            let (verdict, released) = desk.ledger.withLock { ledger in
                let verdict = ledger.accept(header, payload: payload.byteCount)
                return self.place(payload, verdict, of: header.request, in: &ledger)
            }
            if case .copy = verdict { self.metrics.transfers.received(payload.byteCount, over: .webrtc) }
            self.told(verdict, header, connection, desk)
            self.release(released)
        } catch {
            self.post(.malformed(connection, error), cost: ConnectionDesk.frameCost, of: desk)
        }
    }

    /// Tells the loop of a frame; the connection's account was charged for it.
    func told(
        _ verdict: FrameLedger.Verdict,
        _ header: FrameHeader,
        _ connection: ConnectionID,
        _ desk: ConnectionDesk
    ) {
        let (request, chunk) = (header.request, header.chunk)
        let input: MeshInput =
            switch verdict {
            case .copy(_, _, let completesChunk):
                .frameArrived(connection, request: request, chunk: chunk, completesChunk: completesChunk)
            case .late: .lateFrame(connection)
            case .stray: .strayFrame(connection)
            case .malformed: .malformed(connection, .invalid(field: "frame"))
            }
        self.post(input, cost: ConnectionDesk.frameCost, of: desk)
    }

    /// Copies the bytes to where the ledger says. Under its lock, so that the slot cannot change hands meanwhile.
    func place(
        _ payload: RawSpan,
        _ verdict: FrameLedger.Verdict,
        of request: UInt32,
        in ledger: inout FrameLedger
    ) -> (FrameLedger.Verdict, [FrameLedger.Released]) {
        guard case .copy(let slot, let offset, _) = verdict else { return (verdict, []) }
        payload.withUnsafeBytes { bytes in
            UnsafeMutableRawBufferPointer(rebasing: self.slab.bytes(of: slot)[offset..<offset + bytes.count])
                .copyMemory(from: bytes)
        }
        return (verdict, ledger.settledByFrame(request))
    }

    func verify(_ receipt: ChunkReceipt) {
        // Nothing to take: the connection closed, and the chunk has been dropped with it.
        guard let slot = self.take(receipt) else { return }
        guard let model = self.model(of: receipt.swarm) else {
            return self.settle(slot, .chunkDropped(receipt))
        }
        let start = ContinuousClock.now
        let isBegun = self.submit(for: receipt.swarm) {
            defer { self.metrics.transfers.verified(since: start) }
            let size = model.stored.manifest.shards[receipt.shard.position].size
            let count = Cutting.range(of: receipt.chunk, inShardOf: size).count
            let bytes = UnsafeRawBufferPointer(rebasing: self.slab.bytes(of: slot)[..<count])
            do throws(StoreError) {
                switch try model.stored.write(receipt.chunk, of: receipt.shard, bytes: bytes) {
                case .verified: self.placed(receipt, slot, in: model)
                case .corrupt: self.settle(slot, .chunkCorrupt(receipt))
                }
            } catch {
                self.settle(slot, .chunkDropped(receipt))
                self.fail(receipt.swarm, error)
            }
        }
        if !isBegun { self.settle(slot, .chunkDropped(receipt)) }
    }

    private func placed(_ receipt: ChunkReceipt, _ slot: Int, in model: ModelDesk) {
        model.telling.withLock { _ in
            // It may be gone again, and the mesh may know.
            let position = receipt.chunk.position
            let isHere = model.stored.has(position..<position + 1, of: receipt.shard)
            self.settle(slot, isHere ? .chunkVerified(receipt) : .chunkDropped(receipt))
        }
        self.arrived(receipt.shard, of: receipt.swarm)
        if model.isFirstChunk() { self.logger.info("first chunk verified") }
    }

    /// Something of a shard is here: somebody may have waited for it.
    func arrived(_ shard: ShardIndex, of swarm: SwarmHandle) {
        guard let model = self.model(of: swarm)?.stored else { return }
        self.demands.arrived(shard, of: swarm) { model.has($0.chunks, of: $0.shard) }
    }

    func drop(_ receipt: ChunkReceipt) {
        guard let slot = self.take(receipt) else { return }
        self.settle(slot, .chunkDropped(receipt))
    }

    private func take(_ receipt: ChunkReceipt) -> Int? {
        self.desk(of: receipt.connection)?.ledger.withLock { $0.take(receipt) }
    }

    private func settle(_ slot: Int, _ input: MeshInput) {
        self.slab.giveBack(slot)
        self.loop.post(input)
    }
}
