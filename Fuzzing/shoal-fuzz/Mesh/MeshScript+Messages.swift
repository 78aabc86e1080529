import ShoalCore
import ShoalSwarm
import ShoalWire

/// What a peer says once it is in: sound messages, those that are sound and out of place, and rubbish.
extension MeshScript {
    mutating func peerSpeaks() {
        guard let connection = self.anOpenLink() else { return }
        let kind = self.script.number(upTo: 24)
        if kind >= 22 {
            let bytes = self.script.take(self.script.number(upTo: 96))
            return self.deliver(bytes, from: connection)
        }
        guard let (swarm, model) = self.aModel() else { return }
        let isPlausible = !self.script.isRare(in: 16)
        let handle = isPlausible ? Self.theirHandle(of: swarm) : UInt16(self.script.number(upTo: 256))
        switch kind {
        case 0...3: self.deliver(self.holdings(kind, model), handle: handle, from: connection)
        case 4...7: self.deliver(self.documents(kind, model), handle: handle, from: connection)
        case 8...13: self.deliver(self.transfers(kind, model, connection), handle: handle, from: connection)
        case 14: self.deliver(.ping(token: self.script.anyNumber()), from: connection)
        case 15: self.deliver(.pong(token: self.script.anyNumber()), from: connection)
        case 16: self.deliver(.leave, handle: handle, from: connection)
        case 17: self.sayJoin(swarm, connection)
        case 18...20: self.deliver(.gossip(self.gossip(kind, model)), handle: handle, from: connection)
        default: self.deliver(.signal(self.signal(swarm, model)), handle: handle, from: connection)
        }
    }

    private mutating func aShard(of model: MeshModel) -> ShardIndex {
        if self.script.isRare(in: 12) { return ShardIndex(UInt32(truncatingIfNeeded: self.script.anyNumber())) }
        return ShardIndex(self.script.number(upTo: model.shardSizes.count))
    }

    private mutating func aCount(_ count: Int) -> Int {
        self.script.isRare(in: 12) ? self.script.number(upTo: 256) : count
    }

    private func chunkCount(of shard: ShardIndex, _ model: MeshModel) -> Int {
        guard shard.position < model.shardSizes.count else { return 1 }
        return Cutting.chunkCount(ofShardOf: model.shardSizes[shard.position])
    }

    // MARK: What there is

    private mutating func holdings(_ kind: Int, _ model: MeshModel) -> ControlMessage.Body {
        let shards = { (script: inout MeshScript) in
            (0...script.script.number(upTo: 3)).map { _ in script.aShard(of: model) }
        }
        switch kind {
        case 0:
            let count = self.aCount(model.shardSizes.count)
            return .bitfield(self.script.number(upTo: 2) == 0 ? .full(count: count) : self.aField(count))
        case 1: return .have(shards(&self))
        case 2: return .gone(shards(&self))
        default:
            let shard = self.aShard(of: model)
            return .partial(shard: shard, chunks: self.aField(self.aCount(self.chunkCount(of: shard, model))))
        }
    }

    private mutating func documents(_ kind: Int, _ model: MeshModel) -> ControlMessage.Body {
        switch kind {
        case 4:
            let offset = self.script.number(upTo: 4) * WireLimits.manifestPart
            return .manifestRequest(offset: UInt32(offset + (self.script.isRare(in: 8) ? 1 : 0)))
        case 5:
            if self.script.isRare(in: 8) { return .manifestPart(offset: 0, total: 0, bytes: []) }
            let offset = self.script.number(upTo: 4) * WireLimits.manifestPart
            let part = Array(model.manifest.dropFirst(offset).prefix(WireLimits.manifestPart))
            let total = self.script.isRare(in: 8) ? self.script.number(upTo: 256) * 200_000 : model.manifest.count
            return .manifestPart(offset: UInt32(offset), total: UInt32(total), bytes: part)
        case 6: return .hashesRequest(shard: self.aShard(of: model))
        default:
            let shard = self.aShard(of: model)
            let count = self.script.isRare(in: 8) ? 0 : self.aCount(self.chunkCount(of: shard, model))
            return .hashes(shard: shard, digests: Array(repeating: MeshModel.digest, count: count))
        }
    }

    // MARK: Chunks

    private mutating func transfers(
        _ kind: Int,
        _ model: MeshModel,
        _ connection: ConnectionID
    ) -> ControlMessage.Body {
        let link = self.links[connection]
        let owed = link?.requests.isEmpty == false ? self.script.pick(link?.requests ?? []).request : nil
        switch kind {
        case 8...9: return .request(self.chunkRequest(model, connection))
        case 10:
            return .cancel(id: UInt32(self.script.number(upTo: Int(link?.lastAsked ?? 0) + 2)))
        case 11:
            let id = UInt32(self.script.number(upTo: Int(link?.lastAsked ?? 0) + 2))
            let priority = self.script.pick(Priority.allCases)
            return self.script.number(upTo: 2) == 0
                ? .promote(id: id, priority: priority) : .ack(id: id, chunks: UInt16(self.script.number(upTo: 256)))
        case 12:
            let reason = Rejection.Reason(rawValue: UInt8(1 + self.script.number(upTo: 6))) ?? .missing
            return .reject(
                Rejection(
                    id: owed?.id ?? UInt32(self.script.number(upTo: 256)),
                    reason: reason,
                    framesSent: UInt32(truncatingIfNeeded: self.script.anyNumber()),
                    retryAfter: UInt32(truncatingIfNeeded: self.script.anyNumber())
                )
            )
        default:
            let shard = self.aShard(of: model)
            return .corrupt(shard: shard, chunk: ChunkIndex(self.script.number(upTo: 20)))
        }
    }

    private mutating func chunkRequest(_ model: MeshModel, _ connection: ConnectionID) -> ChunkRequest {
        let shard = self.aShard(of: model)
        let chunks = self.chunkCount(of: shard, model)
        let first = self.script.number(upTo: chunks)
        let count = 1 + self.script.number(upTo: min(6, chunks - first + (self.script.isRare(in: 8) ? 2 : 0)))
        let step = UInt32(self.script.isRare(in: 12) ? 0 : 1)
        let last = self.links.update(connection) { link -> UInt32 in
            link.lastAsked += step
            return link.lastAsked
        }
        return ChunkRequest(
            id: last ?? 1,
            shard: shard,
            first: ChunkIndex(first),
            count: UInt16(count),
            priority: self.script.pick(Priority.allCases),
            deadline: UInt32(truncatingIfNeeded: self.script.anyNumber())
        )
    }

    // MARK: Gossip

    /// One of the toys, known or not, or this node.
    private mutating func aVoice() -> ToyAuthenticator {
        ToyAuthenticator(number: UInt8(1 + self.script.number(upTo: 16)))
    }

    private mutating func gossip(_ kind: Int, _ model: MeshModel) -> Gossip {
        switch kind {
        case 18:
            let holdings = self.aField(self.aCount(model.shardSizes.count))
            return .inventory(self.stamp(of: holdings, model), holdings)
        case 19:
            let holdings = self.aField(model.shardSizes.count)
            let shards = Set((0..<3).map { _ in self.aShard(of: model) }).sorted()
            let split = self.script.number(upTo: shards.count + 1)
            let base = UInt64(self.script.number(upTo: 8))
            let change = InventoryChange(
                base: base,
                set: Array(shards.prefix(split)),
                cleared: Array(shards.dropFirst(split))
            )
            return .delta(self.stamp(of: holdings, model), change)
        default: return self.gossipOfVersions(model)
        }
    }

    private mutating func gossipOfVersions(_ model: MeshModel) -> Gossip {
        if self.script.number(upTo: 3) == 0 {
            let voice = self.aVoice()
            let sequence = self.aSequence()
            let statement = GossipStatement.departure(
                secret: model.secret,
                publicKey: voice.publicKey,
                sequence: sequence
            )
            let signature = voice.sign(statement)
            return .leave(Departure(publicKey: voice.publicKey, sequence: sequence, signature: signature))
        }
        let versions = (0..<self.script.number(upTo: 5)).map { _ in
            InventoryVersion(node: self.aVoice().node.prefix, sequence: self.aSequence())
        }
        guard self.script.number(upTo: 2) == 0 else { return .wants(versions) }
        let items = versions.sorted { $0.node < $1.node }.map { InventoryDigest.Item(version: $0, isNeighbour: true) }
        let first = self.script.number(upTo: 2) == 0 ? 0 : items.first?.version.node.rawValue ?? 0
        return .digest(InventoryDigest(range: NodePrefix(first)...NodePrefix(.max), items: items))
    }

    /// As inventories are dated, or as nobody dates them.
    private mutating func aSequence() -> UInt64 {
        self.script.isRare(in: 8) ? self.script.anyNumber() : UInt64(self.script.number(upTo: 16))
    }

    private mutating func stamp(of holdings: Bitfield, _ model: MeshModel) -> InventoryStamp {
        let voice = self.aVoice()
        let sequence = self.aSequence()
        let timeToLive = self.script.pick([120_000, 1_000, 1])
        let statement = GossipStatement.inventory(
            secret: model.secret,
            publicKey: voice.publicKey,
            sequence: sequence,
            timeToLive: UInt32(timeToLive),
            holdings: voice.digest(of: holdings.bytes)
        )
        return InventoryStamp(
            publicKey: voice.publicKey,
            sequence: sequence,
            timeToLive: UInt32(timeToLive),
            age: UInt32(self.script.number(upTo: min(timeToLive, 200))),
            isNeighbour: self.script.number(upTo: 2) == 0,
            signature: self.script.isRare(in: 16) ? voice.sign([]) : voice.sign(statement)
        )
    }

    /// An offer for this node or another one, or the answer to an offer of this node's.
    private mutating func signal(_ swarm: SwarmHandle, _ model: MeshModel) -> Signal {
        var voice = self.aVoice()
        var generator = SeededGenerator(seed: UInt64(self.script.number(upTo: 4)))
        var offer = OfferID.random(using: &generator)
        var kind = Signal.Kind.offer
        if !self.offers.isEmpty, self.script.number(upTo: 2) == 0 {
            let made = self.script.pick(self.offers)
            (kind, offer) = (.answer, made.id)
            let sought = (1...16).map { ToyAuthenticator(number: $0) }.first { $0.node == made.to }
            voice = sought ?? voice
        }
        var signal = Signal(
            kind: kind,
            hops: UInt8(self.script.number(upTo: 2)),
            from: voice.publicKey,
            to: self.script.isRare(in: 3) ? self.aVoice().node : self.node.node,
            offerID: offer,
            sentAt: UInt64(self.script.number(upTo: 4)),
            signature: [],
            sdp: "v=0"
        )
        signal.signature = voice.sign(GossipStatement.signal(signal, secret: model.secret, author: voice.node))
        return signal
    }
}
