import ShoalCore
import ShoalSignaling
import ShoalSwarm
import ShoalWire

/// A connection, as its edge and the peer at its other end know it.
struct MeshLink {
    /// Which of the toys is at the other end.
    var peer: UInt8 = 2
    var path: PeerPath?
    var ledger: FrameLedger
    /// The machine's, from its `hello`.
    var nonce: Nonce?
    /// What the machine asked for, and of which swarm.
    var requests: [(request: ChunkRequest, swarm: SwarmHandle)] = []
    var lastRequest: UInt32 = 0
    /// The latest request of the peer's.
    var lastAsked: UInt32 = 0
    /// Chunks that are being read for it.
    var serves = 0
    /// The machine has ordered its end.
    var isEnding = false

    init(_ connection: ConnectionID) { self.ledger = FrameLedger(connection: connection) }

    var isOpen: Bool { self.path != nil }
}

/// A model, and what of it is on this node's disk.
struct MeshModel {
    let secret: Digest
    let infoHash: InfoHash
    let shardSizes: [Int]
    let manifest: [UInt8]
    var disk: [Bitfield]
    /// Of the node that this machine is, there is a manifest.
    var isKnown: Bool
}

/// Where this node announces its swarms.
struct MeshTracker {
    enum State { case idle, connecting, connected }
    var state = State.idle
}

/// What an edge was told to do.
enum MeshWork {
    case describe(ConnectionID)
    case close(ConnectionID)
    case connect(TrackerIndex)
    case verify(ChunkReceipt)
    case drop(ChunkReceipt)
    case serve(ConnectionID, request: UInt32, SwarmHandle, ShardIndex, ChunkIndex)
    case serveHashes(ConnectionID, SwarmHandle)
    case checkManifest(SwarmHandle, bytes: [UInt8], from: ConnectionID)
    case checkHashes(SwarmHandle, ShardIndex, digests: [Digest], from: ConnectionID)
    case recheck(SwarmHandle, ShardIndex)

    /// The swarm whose handle is not free before this is done.
    var swarm: SwarmHandle? {
        switch self {
        case .describe, .close, .connect: nil
        case .verify(let receipt), .drop(let receipt): receipt.swarm
        case .serve(_, _, let swarm, _, _), .serveHashes(_, let swarm), .checkManifest(let swarm, _, _),
            .checkHashes(let swarm, _, _, _), .recheck(let swarm, _):
            swarm
        }
    }
}

/// What the machine orders: that it can be done, then that it is.
extension MeshScript {
    mutating func carryOut(_ effect: MeshEffect) {
        switch effect {
        case .makeOffer(let connection), .makeAnswer(let connection, _): self.make(connection)
        case .acceptAnswer(let connection, _):
            require(self.links[connection] != nil, "an answer is accepted for \(connection), which there is not")
        case .disconnect(let connection, _):
            guard let link = self.links[connection] else {
                return require(false, "\(connection) is closed, which there is not")
            }
            require(!link.isEnding, "\(connection) is closed twice")
            self.links.update(connection) { $0.isEnding = true }
            self.work.append(.close(connection))
        case .send(let connection, let message): self.send(message, to: connection)
        case .request(let connection, let swarm, let request): self.request(request, swarm, of: connection)
        case .discard(let connection, let request):
            self.release(self.links.update(connection) { $0.ledger.discard(request) })
        case .settle(let connection, let request, let frames):
            self.release(self.links.update(connection) { $0.ledger.settle(request, framesSent: frames) })
        case .verify(let receipt): self.take(receipt, .verify(receipt))
        case .drop(let receipt): self.take(receipt, .drop(receipt))
        case .checkManifest(let swarm, let bytes, let connection):
            self.work.append(.checkManifest(swarm, bytes: bytes, from: connection))
        case .checkHashes(let swarm, let shard, let digests, let connection):
            self.work.append(.checkHashes(swarm, shard, digests: digests, from: connection))
        case .recheck(let swarm, let shard): self.work.append(.recheck(swarm, shard))
        case .serve(let connection, let request, let swarm, let shard, let chunk):
            self.serve(connection, request, swarm, shard, chunk)
        case .serveHashes(let connection, let swarm, let shard):
            let count = self.models[swarm]?.shardSizes.count ?? 0
            require(shard.position < count, "the hash list of \(shard) is to be served, which there is not")
            self.work.append(.serveHashes(connection, swarm))
        case .connectTracker, .sendToTracker, .disconnectTracker: self.carryOutAtTracker(effect)
        case .seekLane, .lane, .observe: break
        }
    }

    private mutating func carryOutAtTracker(_ effect: MeshEffect) {
        switch effect {
        case .connectTracker(let index):
            let state = self.trackers[index.rawValue].state
            require(state == .idle, "a tracker is connected to that is \(state)")
            self.trackers[index.rawValue].state = .connecting
            self.work.append(.connect(index))
        case .sendToTracker(let index, let request):
            require(
                self.trackers[index.rawValue].state == .connected,
                "a tracker is told \(request) without connection"
            )
            require((try? TrackerCodec.encode(request)) != nil, "a tracker cannot be told \(request)")
            guard case .announce(let announce) = request else { return }
            guard let swarm = self.models.first(where: { $0.value.infoHash == announce.infoHash })?.key else { return }
            for offer in announce.offers { self.remember(offer.offerID, swarm, to: nil) }
        case .disconnectTracker(let index): self.trackers[index.rawValue].state = .idle
        default: break
        }
    }

    mutating func remember(_ offer: OfferID, _ swarm: SwarmHandle, to node: NodeID?) {
        if self.offers.count == 16 { self.offers.removeFirst() }
        self.offers.append((offer, swarm, node))
    }

    private mutating func make(_ connection: ConnectionID) {
        require(!self.isStopping, "\(connection) is made by a node that stops")
        self.checkNew(connection)
        self.links[connection] = MeshLink(connection)
        self.work.append(.describe(connection))
    }

    private mutating func send(_ message: ControlMessage, to connection: ConnectionID) {
        let bytes = message.encoded()
        require((try? ControlMessage(decoding: bytes.span.bytes)) == message, "a message cannot be read: \(message)")
        guard let link = self.links[connection], link.isOpen else {
            return require(false, "\(message.body.name) is sent to \(connection), which is not open")
        }
        switch message.body {
        case .hello(let hello): self.links.update(connection) { $0.nonce = hello.nonce }
        case .signal(let signal) where signal.kind == .offer && signal.from == self.node.publicKey:
            self.remember(signal.offerID, SwarmHandle(message.handle), to: signal.to)
        default: break
        }
    }

    // MARK: Chunks

    private mutating func request(_ request: ChunkRequest, _ swarm: SwarmHandle, of connection: ConnectionID) {
        require(!self.isStopping, "a node that stops asks for chunks")
        let sizes = self.models[swarm]?.shardSizes ?? []
        require(request.shard.position < sizes.count, "\(request.shard) is asked for, which there is not")
        let size = sizes[request.shard.position]
        let end = request.first.position + Int(request.count)
        require(request.count > 0 && end <= Cutting.chunkCount(ofShardOf: size), "there is no such chunk: \(request)")
        for position in request.first.position..<end {
            let isHere = self.machine.hasVerified(ChunkIndex(position), of: request.shard, in: swarm)
            require(!isHere, "chunk \(position) of \(request.shard) is asked for, and here")
        }
        require(self.links[connection]?.isEnding != true, "\(connection) is asked for chunks while it ends")
        self.untold += Int(request.count)
        let slots = self.newSlots(Int(request.count))
        let isExpected = self.links.update(connection) { link -> Bool in
            require(request.id > link.lastRequest, "request \(request.id) of \(connection) is not new")
            link.lastRequest = request.id
            link.requests.append((request, swarm))
            if link.requests.count > 32 { link.requests.removeFirst() }
            return link.ledger.expect(request, swarm: swarm, shardSize: size, slots: slots)
        }
        require(isExpected == true, "\(connection) is asked for chunks and not open")
    }

    mutating func release(_ released: [FrameLedger.Released]?) {
        for chunk in released ?? [] { self.work.append(.drop(chunk.receipt)) }
    }

    /// A chunk leaves the ledger, unless it has gone with its connection.
    private mutating func take(_ receipt: ChunkReceipt, _ work: MeshWork) {
        if self.links.update(receipt.connection, { $0.ledger.take(receipt) }) ?? nil != nil { self.work.append(work) }
    }

    private mutating func serve(
        _ connection: ConnectionID,
        _ request: UInt32,
        _ swarm: SwarmHandle,
        _ shard: ShardIndex,
        _ chunk: ChunkIndex
    ) {
        let isHere = self.models[swarm].map { $0.disk[shard.position][chunk.position] } ?? false
        require(isHere, "\(chunk) of \(shard) is to be served and not here")
        require(self.links[connection]?.isOpen == true, "\(connection) is served and not open")
        self.links.update(connection) { $0.serves += 1 }
        let serves = self.links[connection]?.serves ?? 0
        require(serves <= self.configuration.servesAtOncePerPeer, "\(serves) chunks are read for \(connection)")
        let all = self.links.values.reduce(0) { $0 + $1.serves }
        require(all <= self.configuration.servesAtOnce, "\(all) chunks are read at once")
        self.work.append(.serve(connection, request: request, swarm, shard, chunk))
    }
}
