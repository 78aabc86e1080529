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
        let post = { (input: MeshInput) in self.post(input, cost: ConnectionDesk.frameCost, of: desk) }
        do throws(WireError) {
            guard let header = try FrameHeader(decoding: frame) else { return desk.seen(ConnectionDesk.frameCost) }
            let (verdict, released) = desk.ledger.withLock { ledger in
                self.place(frame, header, in: &ledger)
            }
            switch verdict {
            case .copy(_, _, let completesChunk):
                self.metrics.transfers.received(frame.byteCount - WireLimits.frameHeader)
                post(
                    .frameArrived(
                        connection,
                        request: header.request,
                        chunk: header.chunk,
                        completesChunk: completesChunk
                    )
                )
            case .late: post(.lateFrame(connection))
            case .stray: post(.strayFrame(connection))
            case .malformed: post(.malformed(connection, .invalid(field: "frame")))
            }
            self.release(released)
        } catch {
            post(.malformed(connection, error))
        }
    }

    /// Copies the payload to where the ledger says. Under its lock, so that the slot cannot change hands meanwhile.
    private func place(
        _ frame: RawSpan,
        _ header: FrameHeader,
        in ledger: inout FrameLedger
    ) -> (FrameLedger.Verdict, [FrameLedger.Released]) {
        let payload = frame.extracting(droppingFirst: WireLimits.frameHeader)
        let verdict = ledger.accept(header, payload: payload.byteCount)
        guard case .copy(let slot, let offset, _) = verdict else { return (verdict, []) }
        payload.withUnsafeBytes { bytes in
            UnsafeMutableRawBufferPointer(rebasing: self.slab.bytes(of: slot)[offset..<offset + bytes.count])
                .copyMemory(from: bytes)
        }
        return (verdict, ledger.settledByFrame(header.request))
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
