import ShoalCore
import ShoalSwarm
import ShoalWire

/// A canonical account of inputs and effects: a number for the case, then what it holds. A new case is a compile error
/// here, so that no run can differ unseen.
extension RunDigest {
    /// - Parameter messageHash: of a message that came, made where it was sent.
    mutating func fold(_ input: MeshInput, messageHash: UInt64) {
        switch input {
        case .addSwarm(let description): self.fold(1, description.handle.rawValue)
        case .demand(let swarm, let shards, let priority):
            self.fold(27, swarm.rawValue, shards.count, priority.rawValue)
            for shard in shards { self.fold(UInt64(shard.rawValue)) }
        case .endDemand(let swarm, let shards):
            self.fold(28, swarm.rawValue, shards.count)
            for shard in shards { self.fold(UInt64(shard.rawValue)) }
        case .updateSwarm(let swarm, let fetches, let trackers):
            self.fold(29, swarm.rawValue, fetches.map { $0 ? 1 : 0 } ?? 2, trackers.count)
            for tracker in trackers { self.fold(UInt64(tracker.rawValue)) }
        case .select(let swarm, let shards):
            self.fold(30, swarm.rawValue, shards?.count ?? 0)
            self.fold(bytes: shards?.bytes ?? [])
        case .removeSwarm(let swarm): self.fold(31, swarm.rawValue)
        case .limit(let limits):
            self.fold(34, limits.upload.total ?? 0, limits.upload.perPeer ?? 0, limits.uploadSlots ?? 0)
            self.fold(UInt64(limits.download.total ?? 0), UInt64(limits.download.perPeer ?? 0))
        case .stop: self.fold(2 as UInt64)
        case .described(let connection, let sdp):
            self.fold(3, connection.rawValue)
            self.fold(sdp)
        case .opened(let connection, let path): self.fold(4, connection.rawValue, path.role.rawValue)
        case .closed(let connection, let reason):
            self.fold(5, connection.rawValue)
            self.fold(reason)
        case .received(let connection, _): self.fold(6, connection.rawValue, messageHash)
        case .malformed(let connection, _): self.fold(7, connection.rawValue)
        case .frameArrived(let connection, let request, let chunk, let completes):
            self.fold(8, connection.rawValue, request, chunk.rawValue, completes ? 1 : 0)
        case .lateFrame(let connection): self.fold(9, connection.rawValue)
        case .strayFrame(let connection): self.fold(10, connection.rawValue)
        case .chunkVerified(let receipt): self.fold(11, receipt)
        case .chunkCorrupt(let receipt): self.fold(12, receipt)
        case .chunkDropped(let receipt): self.fold(13, receipt)
        case .manifestAccepted(let swarm, _): self.fold(14, swarm.rawValue)
        case .manifestRejected(let swarm, let connection, _): self.fold(15, swarm.rawValue, connection.rawValue)
        case .hashesAccepted(let swarm, let shard): self.fold(16, swarm.rawValue, shard.rawValue)
        case .hashesRejected(let swarm, let shard, let connection):
            self.fold(17, swarm.rawValue, shard.rawValue, connection.rawValue)
        case .shardsLost(let swarm, let shards, _):
            self.fold(18, swarm.rawValue, shards.count)
            for shard in shards { self.fold(UInt64(shard.rawValue)) }
        case .shardsEvicted(let swarm, let shards):
            self.fold(33, swarm.rawValue, shards.count)
            for shard in shards { self.fold(UInt64(shard.rawValue)) }
        case .chunksFound(let swarm, let shard, let chunks):
            self.fold(32, swarm.rawValue, shard.rawValue)
            self.fold(bytes: chunks.bytes)
        case .storeFailed(let swarm, let reason):
            self.fold(19, swarm.rawValue)
            self.fold(reason)
        case .chunkServed(let connection, let request, let chunk):
            self.fold(20, connection.rawValue, request, chunk.rawValue)
        case .chunkUnreadable(let connection, let request, let chunk):
            self.fold(21, connection.rawValue, request, chunk.rawValue)
        case .hashesServed(let connection, let swarm): self.fold(22, connection.rawValue, swarm.rawValue)
        case .trackerConnected(let index): self.fold(23, index.rawValue)
        case .trackerClosed(let index, _): self.fold(24, index.rawValue)
        case .trackerReceived(let index, let response):
            self.fold(25, index.rawValue)
            self.fold(response)
        case .deadline: self.fold(26 as UInt64)
        }
    }

    /// Messages are folded where they are encoded.
    mutating func fold(_ effect: MeshEffect) {
        switch effect {
        case .makeOffer(let connection): self.fold(101, connection.rawValue)
        case .makeAnswer(let connection, let offer):
            self.fold(102, connection.rawValue)
            self.fold(offer)
        case .acceptAnswer(let connection, let answer):
            self.fold(103, connection.rawValue)
            self.fold(answer)
        case .disconnect(let connection, let reason):
            self.fold(104, connection.rawValue)
            self.fold(reason)
        case .send(let connection, _): self.fold(105, connection.rawValue)
        case .seekLane(let connection): self.fold(120, connection.rawValue)
        case .lane(let connection, _): self.fold(121, connection.rawValue)
        case .request(let connection, let swarm, let request):
            self.fold(106, connection.rawValue, swarm.rawValue, request.id)
            self.fold(UInt64(request.shard.rawValue), request.first.rawValue, request.count, request.priority.rawValue)
        case .discard(let connection, let request): self.fold(107, connection.rawValue, request)
        case .settle(let connection, let request, let frames): self.fold(108, connection.rawValue, request, frames)
        case .verify(let receipt): self.fold(109, receipt)
        case .drop(let receipt): self.fold(110, receipt)
        case .checkManifest(let swarm, let bytes, let connection):
            self.fold(111, swarm.rawValue, bytes.count, connection.rawValue)
        case .checkHashes(let swarm, let shard, let digests, let connection):
            self.fold(112, swarm.rawValue, shard.rawValue, digests.count, connection.rawValue)
        case .recheck(let swarm, let shard): self.fold(113, swarm.rawValue, shard.rawValue)
        case .serve(let connection, let request, let swarm, let shard, let chunk):
            self.fold(114, connection.rawValue, request, swarm.rawValue)
            self.fold(UInt64(shard.rawValue), chunk.rawValue)
        case .serveHashes(let connection, let swarm, let shard):
            self.fold(115, connection.rawValue, swarm.rawValue, shard.rawValue)
        case .connectTracker(let index): self.fold(116, index.rawValue)
        case .sendToTracker(let index, let request):
            self.fold(117, index.rawValue)
            self.fold(request)
        case .disconnectTracker(let index): self.fold(118, index.rawValue)
        // For people; nothing depends on it, and most of it follows from what is above.
        case .observe: self.fold(119 as UInt64)
        }
    }

    /// Without an array: this runs with every event.
    private mutating func fold<each Number: BinaryInteger>(_ kind: UInt64, _ numbers: repeat each Number) {
        self.fold(kind)
        for number in repeat each numbers { self.fold(UInt64(truncatingIfNeeded: number)) }
    }

    private mutating func fold(_ kind: UInt64, _ receipt: ChunkReceipt) {
        self.fold(kind, receipt.connection.rawValue, receipt.request, receipt.shard.rawValue)
        self.fold(UInt64(receipt.chunk.rawValue))
    }

    private mutating func fold(_ response: TrackerResponse) {
        switch response {
        case .announced(let statistics): self.fold(1, statistics.complete, statistics.incomplete)
        case .offer(_, let peer, let offer):
            self.fold(bytes: peer.bytes)
            self.fold(offer.sdp)
        case .answer(_, let peer, _, let sdp):
            self.fold(bytes: peer.bytes)
            self.fold(sdp)
        case .scraped(let counts): self.fold(4, counts.count)
        case .failure(let reason, _): self.fold(reason)
        case .warning(let text): self.fold(text)
        }
    }

    private mutating func fold(_ request: TrackerRequest) {
        switch request {
        case .announce(let announce):
            self.fold(bytes: announce.peerID.bytes)
            self.fold(1, announce.uploaded, announce.downloaded, announce.left ?? -1, announce.offers.count)
        case .answer(let answer):
            self.fold(bytes: answer.toPeerID.bytes)
            self.fold(answer.sdp)
        case .scrape(let swarms): self.fold(3, swarms.count)
        }
    }
}
