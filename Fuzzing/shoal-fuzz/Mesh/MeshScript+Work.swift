import ShoalCore
import ShoalSwarm
import ShoalWire

/// What edges do in their own time: any of it may be done next, and may fail.
extension MeshScript {
    mutating func someWorkIsDone() {
        guard !self.work.isEmpty else { return }
        let next = self.work.remove(at: self.script.number(upTo: self.work.count))
        self.done(next, outcome: self.script.number(upTo: 8))
    }

    /// - Parameter outcome: from 0 to 7; what goes wrong in a few cases does so at 6 or 7.
    mutating func done(_ work: MeshWork, outcome: Int) {
        switch work {
        case .describe(let connection):
            guard self.links[connection] != nil else { return }
            if outcome == 7 { return self.close(connection) }
            self.tell(.described(connection, sdp: "v=0\r\ns=\(connection.rawValue)"))
        case .close(let connection): self.close(connection)
        case .connect(let index):
            guard self.trackers[index.rawValue].state == .connecting else { return }
            if outcome >= 6 { return self.closeTracker(index) }
            self.trackers[index.rawValue].state = .connected
            self.tell(.trackerConnected(index))
        case .verify(let receipt): self.verified(receipt, outcome)
        case .drop(let receipt):
            self.untold -= 1
            self.tell(.chunkDropped(receipt))
        case .serve(let connection, let request, _, _, let chunk):
            self.links.update(connection) { $0.serves -= 1 }
            let isRead = outcome != 7
            self.tell(
                isRead
                    ? .chunkServed(connection, request: request, chunk: chunk)
                    : .chunkUnreadable(connection, request: request, chunk: chunk)
            )
        case .serveHashes(let connection, let swarm): self.tell(.hashesServed(connection, swarm))
        case .checkManifest(let swarm, let bytes, let connection): self.checkManifest(swarm, bytes, connection)
        case .checkHashes(let swarm, let shard, let digests, let connection):
            guard let model = self.models[swarm] else { return }
            let count = Cutting.chunkCount(ofShardOf: model.shardSizes[shard.position])
            let isRight = digests == [Digest](repeating: MeshModel.digest, count: count)
            self.tell(isRight ? .hashesAccepted(swarm, shard) : .hashesRejected(swarm, shard, from: connection))
        case .recheck(let swarm, let shard):
            guard outcome >= 6, self.models[swarm] != nil else { return }
            self.lose([shard], of: swarm)
            self.tell(.shardsLost(swarm, [shard], reason: "changed"))
        }
    }

    private mutating func verified(_ receipt: ChunkReceipt, _ outcome: Int) {
        self.untold -= 1
        switch outcome {
        // The store of a swarm that was left does nothing any more.
        case _ where self.models[receipt.swarm] == nil, 7: self.tell(.chunkDropped(receipt))
        case 6: self.tell(.chunkCorrupt(receipt))
        default:
            self.models.update(receipt.swarm) { $0.disk[receipt.shard.position][receipt.chunk.position] = true }
            self.tell(.chunkVerified(receipt))
        }
    }

    private mutating func checkManifest(_ swarm: SwarmHandle, _ bytes: [UInt8], _ connection: ConnectionID) {
        guard let model = self.models[swarm] else { return }
        guard bytes == model.manifest else {
            return self.tell(.manifestRejected(swarm, from: connection, reason: "its hash is another"))
        }
        self.models.update(swarm) { $0.isKnown = true }
        self.tell(.manifestAccepted(swarm, model.content(hashLists: false)))
    }

    // MARK: Connections

    /// The last word about a connection; what its ledger still had comes back.
    mutating func close(_ connection: ConnectionID) {
        guard var link = self.links.removeValue(forKey: connection) else { return }
        self.release(link.ledger.closed())
        self.tell(.closed(connection, reason: "closed"))
    }

    mutating func connectionChanges() {
        let making = self.links.filter { !$0.value.isOpen }.map(\.key)
        switch self.script.number(upTo: 3) {
        case 0 where !making.isEmpty: self.open(self.script.pick(making))
        case 1 where self.links.count < 8: self.open(self.newLink())
        default:
            guard self.links.count > 0 else { return }
            self.close(self.script.pick(self.links.keys))
        }
    }

    /// A connection is open; whoever answers is one of six toys, or this node itself.
    private mutating func open(_ connection: ConnectionID) {
        let peer = self.script.number(upTo: 7)
        let role: PeerPath.Role = self.script.number(upTo: 2) == 0 ? .initiator : .responder
        self.open(connection, peer: UInt8(peer == 6 ? 1 : peer + 2), role: role)
    }

    mutating func open(_ connection: ConnectionID, peer: UInt8, role: PeerPath.Role) {
        let path = PeerPath(role: role, localFingerprint: MeshModel.digest, remoteFingerprint: MeshModel.digest)
        if self.links[connection] == nil { self.links[connection] = MeshLink(connection) }
        self.links.update(connection) { link in
            link.peer = peer
            link.path = path
        }
        self.tell(.opened(connection, path))
    }

    // MARK: Trackers

    private mutating func closeTracker(_ index: TrackerIndex) {
        self.trackers[index.rawValue].state = .idle
        self.tell(.trackerClosed(index, reason: "closed"))
    }

    mutating func trackerSpeaks() {
        let index = TrackerIndex(self.script.number(upTo: self.trackers.count))
        guard self.trackers[index.rawValue].state == .connected else { return }
        if self.script.isRare(in: 8) { return self.closeTracker(index) }
        self.tell(.trackerReceived(index, self.response()))
    }

    /// Of every four authors two are strangers, one is a member, and one would like to be.
    private func sdp(_ kind: MemberNote.Kind, of offer: OfferID, by peer: PeerID, _ model: MeshModel?) -> String {
        guard let model, let choice = offer.bytes.first, choice & 1 == 0 else { return "v=0" }
        let message = MemberNote.message(kind, peerID: peer, offerID: offer, sentAt: 5, sdp: "v=0\n")
        let secret = choice & 2 == 0 ? model.secret : MeshModel.digest
        let code = ToyAuthenticator(number: 0).authenticationCode(of: message, key: secret)
        return MemberNote(sentAt: 5, code: code).appended(to: "v=0\n")
    }

    private mutating func response() -> TrackerResponse {
        let model = self.aModel()?.model
        let infoHash = model?.infoHash ?? MeshModel.infoHash(number: 99)
        var generator = SeededGenerator(seed: UInt64(self.script.number(upTo: 8)))
        let peer = PeerID.random(using: &generator)
        switch self.script.number(upTo: 8) {
        case 0...2:
            let offer = OfferID.random(using: &generator)
            let sdp = self.sdp(.offer, of: offer, by: peer, model)
            return .offer(infoHash: infoHash, from: peer, offer: TrackerOffer(offerID: offer, sdp: sdp))
        case 3...4:
            let offer = self.offers.isEmpty ? .random(using: &generator) : self.script.pick(self.offers).id
            let sdp = self.sdp(.answer, of: offer, by: peer, model)
            return .answer(infoHash: infoHash, from: peer, offerID: offer, sdp: sdp)
        case 5: return .failure(reason: "no", infoHash: infoHash)
        case 6: return self.script.number(upTo: 2) == 0 ? .warning("well") : .scraped([:])
        default:
            let count = { (script: inout Script) in Int(clamping: script.anyNumber()) }
            let seconds = Duration.milliseconds(Int64(1 + self.script.number(upTo: 256) * 300_000))
            let statistics = TrackerStatistics(
                infoHash: infoHash,
                complete: count(&self.script),
                incomplete: count(&self.script),
                interval: seconds,
                minimumInterval: seconds
            )
            return .announced(statistics)
        }
    }
}
