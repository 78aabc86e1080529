import ShoalCore
import ShoalSwarm
import ShoalWire

/// Some mesh machines on a virtual network with a virtual clock: messages take a millisecond, stores are instant.
struct Testbed {
    /// How a node of the bed behaves where a real one has a disk and a channel.
    enum Conduct: Equatable {
        case honest
        /// Every chunk it sends is wrong.
        case poisoner
        /// It takes requests and sends no frame.
        case silent
        /// It sends neither manifest nor hash lists.
        case withholding
    }

    struct Node {
        var machine: MeshMachine
        var conduct = Conduct.honest
        var ledgers: [ConnectionID: FrameLedger] = [:]
        var nextSlot = 0
        var observations: [MeshObservation] = []
        /// Effects about trackers, in order.
        var trackerEffects: [MeshEffect] = []
        var laneEffects: [MeshEffect] = []
        var disconnected: [String] = []
        var requestedChunks = 0
        var rechecks: [ShardIndex] = []
    }

    private struct Event {
        var time: Instant
        var node: Int
        var input: MeshInput
    }

    static let secret = Digest(bytes: [UInt8](repeating: 7, count: 32))!
    static let infoHash = InfoHash(bytes: [UInt8](repeating: 9, count: 20))!
    static let swarm = SwarmHandle(1)

    let shardSizes: [Int]
    let manifest: [UInt8]
    var nodes: [Node] = []
    private(set) var now = Instant.zero
    private var queue: [Event] = []
    /// Both ends of every connection.
    private var ends: [End: End] = [:]
    var signalling = Signalling()
    private var nextConnection: UInt64 = 1_000_000
    private let latency = Duration.milliseconds(1)

    struct End: Hashable {
        var node: Int
        var connection: ConnectionID
    }

    init(shardSizes: [Int], manifestSize: Int = 40_000) {
        self.shardSizes = shardSizes
        self.manifest = (0..<manifestSize).map { UInt8(truncatingIfNeeded: $0) }
    }

    /// Adds a node with the swarm. `complete` nil: it knows only the link.
    @discardableResult
    mutating func addNode(
        complete: Bitfield?,
        conduct: Conduct = .honest,
        trackers: Int = 0,
        configuration: MeshConfiguration = MeshConfiguration(),
        manifest: [UInt8]? = nil,
        hashLists: Bool = true,
        fetches: Bool = true,
        replicationBudget: Int? = nil
    ) -> Int {
        let number = self.nodes.count
        let machine = MeshMachine(
            configuration: configuration,
            authenticator: FakeAuthenticator(number: UInt8(number + 1)),
            session: 1,
            trackers: trackers,
            seed: UInt64(number),
            at: self.now
        )
        self.nodes.append(Node(machine: machine, conduct: conduct))
        let description = SwarmDescription(
            handle: Self.swarm,
            infoHash: Self.infoHash,
            secret: Self.secret,
            content: complete.map { self.content(complete: $0, manifest: manifest, hashLists: hashLists) },
            fetches: fetches,
            replicationBudget: replicationBudget,
            trackers: (0..<trackers).map(TrackerIndex.init)
        )
        self.post(.addSwarm(description), to: number)
        return number
    }

    func content(complete: Bitfield, manifest: [UInt8]? = nil, hashLists: Bool = true) -> SwarmContent {
        SwarmContent(
            manifest: manifest ?? self.manifest,
            shardSizes: self.shardSizes,
            complete: complete,
            partial: [:],
            hashLists: hashLists ? complete : self.noShards
        )
    }

    var allShards: Bitfield { .full(count: self.shardSizes.count) }
    var noShards: Bitfield { Bitfield(count: self.shardSizes.count) }

    /// Opens a connection between two nodes; `initiator` is said to have made the offer.
    @discardableResult
    mutating func connect(_ initiator: Int, _ responder: Int) -> (ConnectionID, ConnectionID) {
        let ours = End(node: initiator, connection: ConnectionID(self.nextConnection))
        let theirs = End(node: responder, connection: ConnectionID(self.nextConnection + 1))
        self.nextConnection += 2
        self.open(ours, theirs)
        return (ours.connection, theirs.connection)
    }

    /// Opens a connection; `ours` made the offer.
    mutating func open(_ ours: End, _ theirs: End) {
        self.ends[ours] = theirs
        self.ends[theirs] = ours
        let fingerprints = [ours, theirs].map { Digest(bytes: [UInt8](repeating: UInt8($0.node + 100), count: 32))! }
        let open = [
            (ours, PeerPath.Role.initiator, fingerprints[0], fingerprints[1]),
            (theirs, .responder, fingerprints[1], fingerprints[0]),
        ]
        for (end, role, local, remote) in open {
            self.nodes[end.node].ledgers[end.connection] = FrameLedger(connection: end.connection)
            let path = PeerPath(role: role, localFingerprint: local, remoteFingerprint: remote)
            self.post(.opened(end.connection, path), to: end.node)
        }
    }

    /// An input that the bed did not make itself.
    mutating func post(_ input: MeshInput, to node: Int, after delay: Duration = .zero) {
        let event = Event(time: self.now + delay, node: node, input: input)
        // Sorted by time; equal times stay in the order in which they were posted.
        var position = self.queue.count
        while position > 0, self.queue[position - 1].time > event.time { position -= 1 }
        self.queue.insert(event, at: position)
    }

    /// Runs until nothing happens before `limit` from now, or `condition` holds.
    mutating func run(for limit: Duration, until condition: (Testbed) -> Bool = { _ in false }) {
        let end = self.now + limit
        while !condition(self) {
            let deadline = self.nodes.indices.compactMap { node in
                self.nodes[node].machine.nextDeadline.map { (max($0, self.now), node) }
            }.min { $0 < $1 }
            if let next = self.queue.first, next.time <= min(deadline?.0 ?? end, end) {
                self.queue.removeFirst()
                self.now = max(self.now, next.time)
                self.handle(next.input, at: next.node)
            } else if let deadline, deadline.0 <= end {
                self.now = deadline.0
                self.handle(.deadline, at: deadline.1)
            } else {
                self.now = end
                return
            }
        }
    }

    func isComplete(_ node: Int) -> Bool {
        self.nodes[node].observations.contains(.swarmCompleted(Self.swarm))
    }

    // MARK: The world

    private mutating func handle(_ input: MeshInput, at node: Int) {
        var effects: [MeshEffect] = []
        self.nodes[node].machine.handle(input, at: self.now, into: &effects)
        for effect in effects { self.carryOut(effect, of: node) }
    }

    private mutating func carryOut(_ effect: MeshEffect, of node: Int) {
        switch effect {
        case .send(let connection, let message): self.send(message, from: End(node: node, connection: connection))
        case .disconnect(let connection, let reason): self.disconnect(End(node: node, connection: connection), reason)
        case .request(let connection, let swarm, let request):
            self.expect(request, swarm, from: End(node: node, connection: connection))
        case .discard(let connection, let id):
            self.release(self.nodes[node].ledgers[connection]?.discard(id) ?? [], at: node)
        case .settle(let connection, let id, let frames):
            self.release(self.nodes[node].ledgers[connection]?.settle(id, framesSent: frames) ?? [], at: node)
        case .verify(let receipt): self.verify(receipt, at: node)
        case .drop(let receipt):
            _ = self.nodes[node].ledgers[receipt.connection]?.take(receipt)
            self.post(.chunkDropped(receipt), to: node)
        case .checkManifest(let swarm, let bytes, let connection):
            bytes == self.manifest
                ? self.post(.manifestAccepted(swarm, self.content(complete: self.noShards)), to: node)
                : self.post(.manifestRejected(swarm, from: connection, reason: "wrong bytes"), to: node)
        case .checkHashes(let swarm, let shard, let digests, let connection):
            digests.allSatisfy { $0 == Self.secret }
                ? self.post(.hashesAccepted(swarm, shard), to: node)
                : self.post(.hashesRejected(swarm, shard, from: connection), to: node)
        case .recheck(_, let shard): self.nodes[node].rechecks.append(shard)
        case .serve(let connection, let request, let swarm, let shard, let chunk):
            self.serve(End(node: node, connection: connection), request, swarm, shard, chunk)
        case .serveHashes(let connection, let swarm, let shard):
            self.post(.hashesServed(connection, swarm), to: node)
            let count = Cutting.chunkCount(ofShardOf: self.shardSizes[shard.position])
            let hashes = ControlMessage.Body.hashes(shard: shard, digests: Array(repeating: Self.secret, count: count))
            self.send(
                ControlMessage(handle: swarm.rawValue, hashes),
                from: End(node: node, connection: connection)
            )
        case .makeOffer, .makeAnswer, .acceptAnswer, .connectTracker, .sendToTracker, .disconnectTracker:
            self.nodes[node].trackerEffects.append(effect)
            self.signal(effect, of: node)
        case .seekLane, .lane: self.nodes[node].laneEffects.append(effect)
        case .observe(let observation): self.nodes[node].observations.append(observation)
        }
    }

    private mutating func send(_ message: ControlMessage, from end: End) {
        guard let other = self.ends[end], !self.isWithheld(message, by: end.node) else { return }
        self.post(.received(other.connection, message), to: other.node, after: self.latency)
    }

    private func isWithheld(_ message: ControlMessage, by node: Int) -> Bool {
        guard self.nodes[node].conduct == .withholding else { return false }
        return switch message.body {
        case .manifestPart, .hashes: true
        default: false
        }
    }

    private mutating func disconnect(_ end: End, _ reason: String) {
        self.nodes[end.node].disconnected.append(reason)
        self.close(end, reason: reason)
    }

    /// The open connections of a node, oldest first.
    func connections(of node: Int) -> [ConnectionID] {
        self.ends.keys.filter { $0.node == node }.map(\.connection).sorted()
    }

    /// Takes a connection away from both sides, as a cut cable or a killed process does.
    mutating func cut(_ connection: ConnectionID, of node: Int) {
        self.close(End(node: node, connection: connection), reason: "cut")
    }

    private mutating func close(_ end: End, reason: String) {
        guard let other = self.ends.removeValue(forKey: end) else { return self.abandon(end, reason: reason) }
        self.ends[other] = nil
        for side in [end, other] {
            var ledger = self.nodes[side.node].ledgers.removeValue(forKey: side.connection)
            self.release(ledger?.closed() ?? [], at: side.node)
            self.post(.closed(side.connection, reason: reason), to: side.node)
        }
    }

    private mutating func release(_ released: [FrameLedger.Released], at node: Int) {
        for item in released { self.post(.chunkDropped(item.receipt), to: node) }
    }

    private mutating func expect(_ request: ChunkRequest, _ swarm: SwarmHandle, from end: End) {
        self.nodes[end.node].requestedChunks += Int(request.count)
        let slots = (0..<Int(request.count)).map { self.nodes[end.node].nextSlot + $0 }
        self.nodes[end.node].nextSlot += Int(request.count)
        let size = self.shardSizes[request.shard.position]
        guard self.ends[end] != nil else {
            for position in 0..<Int(request.count) {
                let receipt = ChunkReceipt(
                    connection: end.connection,
                    request: request.id,
                    swarm: swarm,
                    shard: request.shard,
                    chunk: ChunkIndex(request.first.position + position)
                )
                self.post(.chunkDropped(receipt), to: end.node)
            }
            return
        }
        _ = self.nodes[end.node].ledgers[end.connection]?.expect(request, swarm: swarm, shardSize: size, slots: slots)
        self.send(ControlMessage(handle: swarm.rawValue, .request(request)), from: end)
    }

    private mutating func verify(_ receipt: ChunkReceipt, at node: Int) {
        _ = self.nodes[node].ledgers[receipt.connection]?.take(receipt)
        let sender = self.ends[End(node: node, connection: receipt.connection)]?.node
        let isRight = sender.map { self.nodes[$0].conduct != .poisoner } ?? true
        self.post(isRight ? .chunkVerified(receipt) : .chunkCorrupt(receipt), to: node)
    }

    private mutating func serve(
        _ end: End,
        _ request: UInt32,
        _ swarm: SwarmHandle,
        _ shard: ShardIndex,
        _ chunk: ChunkIndex
    ) {
        guard self.nodes[end.node].conduct != .silent else { return }
        self.post(.chunkServed(end.connection, request: request, chunk: chunk), to: end.node)
        guard let other = self.ends[end] else { return }
        let size = Cutting.range(of: chunk, inShardOf: self.shardSizes[shard.position]).count
        for offset in stride(from: 0, to: size, by: WireLimits.framePayload) {
            let header = FrameHeader(
                handle: swarm.rawValue,
                request: request,
                chunk: chunk,
                offset: UInt32(offset)
            )
            self.deliver(header, payload: min(WireLimits.framePayload, size - offset), to: other)
        }
    }

    mutating func deliver(_ header: FrameHeader, payload: Int, to node: Int, _ connection: ConnectionID) {
        self.deliver(header, payload: payload, to: End(node: node, connection: connection))
    }

    private mutating func deliver(_ header: FrameHeader, payload: Int, to end: End) {
        guard let verdict = self.nodes[end.node].ledgers[end.connection]?.accept(header, payload: payload) else {
            return
        }
        switch verdict {
        case .copy(_, _, let completes):
            let input = MeshInput.frameArrived(
                end.connection,
                request: header.request,
                chunk: header.chunk,
                completesChunk: completes
            )
            self.post(input, to: end.node, after: self.latency)
            let released = self.nodes[end.node].ledgers[end.connection]?.settledByFrame(header.request) ?? []
            self.release(released, at: end.node)
        case .late: self.post(.lateFrame(end.connection), to: end.node)
        case .stray: self.post(.strayFrame(end.connection), to: end.node)
        case .malformed: self.post(.malformed(end.connection, .invalid(field: "frame")), to: end.node)
        }
    }
}
