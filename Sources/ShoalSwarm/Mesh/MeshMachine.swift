package import ShoalCore
import ShoalWire

/// The whole protocol of a node as one value: it is told what happened and when, and answers with what is to be done.
///
/// Connections are made through trackers, prove who they are, join swarms, tell what they have, are asked for chunks and
/// ask for them. Nothing here reads a clock, throws dice other than the seeded ones, or touches a byte of a shard. The
/// same value runs in a node and in a simulation.
///
/// The parts: sessions (`+Sessions`), what swarms hold (`+Swarms`), downloads, hash lists,
/// uploads, discovery, gossip and whom to connect to by it, timers.
package struct MeshMachine: Sendable {
    let configuration: MeshConfiguration
    let authenticator: any Authenticator
    /// New at each start of the node.
    let session: UInt64
    package let nodeID: NodeID
    var generator: SeededGenerator

    var swarms = SortedMap<SwarmHandle, Swarm>()
    var peers = PeerTable()
    /// Connections that are not open yet, with the moment at which they are given up.
    var attempts = SortedMap<ConnectionID, ConnectionAttempt>()
    var offers = OfferBook()
    /// Of offers that trackers brought.
    var believedNotes = BelievedNotes()
    /// Connections to nodes known by name, and offers carried for others.
    var contacts = ContactBook()
    var relays = RelayBook()
    var gossip: GossipState
    var trackers = SortedMap<TrackerIndex, TrackerSession>()
    var uploads: UploadScheduler
    var nodes = NodeBook()
    /// Whose connections ended lately: verdicts on their chunks may still come.
    var departed = DepartedPeers()
    /// Chunks that may still be asked for: the node's free room.
    var room: Int
    /// What the owner limits now.
    package internal(set) var limits: TransferLimits
    var downloadLimiter: RateLimiter
    /// When more may be asked for than the limits let through now.
    var nextAllowance: Instant?
    /// Of which swarm a chunk was asked for last: the next has its turn.
    var lastAsked: SwarmHandle?
    var nextConnection: UInt64 = 1
    var nextPartialNotice: Instant?
    var resting = RestingChunks()
    /// Who was told last of shards that are being received: the next have their turn.
    var lastPartialNotice: ConnectionID?
    /// When rare shards are looked for next.
    var nextReplication: Instant?
    /// Windows may have room or something to fill it with.
    var needsFilling = false
    /// There may be a chunk to serve and leave to serve it.
    var needsServing = false
    /// When something happened last: work that it made is due since then.
    var lastInput: Instant
    /// The moment before that at which something happened: this node was awake then.
    var inputBefore: Instant
    var isStopping = false

    /// - Parameters:
    ///   - session: the Unix time of the start in milliseconds. It is larger at each start, and inventories are dated
    ///     by it (``SequenceClock``).
    ///   - trackers: how many trackers the swarms may name.
    ///   - seed: of all its dice.
    package init(
        configuration: MeshConfiguration,
        authenticator: any Authenticator,
        session: UInt64,
        trackers: Int,
        seed: UInt64,
        at now: Instant
    ) {
        self.configuration = configuration
        self.authenticator = authenticator
        self.session = session
        self.nodeID = authenticator.nodeID(of: authenticator.publicKey)
        self.generator = SeededGenerator(seed: seed)
        self.uploads = UploadScheduler(configuration: configuration, at: now)
        self.gossip = GossipState(configuration.gossip, session: session, at: now)
        self.lastInput = now
        self.inputBefore = now
        self.room = configuration.room
        self.limits = configuration.limits
        self.downloadLimiter = RateLimiter(configuration.limits.download, at: now)
        for position in 0..<trackers {
            let index = TrackerIndex(position)
            self.trackers[index] = TrackerSession(index: index, at: now)
        }
    }

    /// Takes in what happened at `now`, and appends what is to be done to `effects`, in order.
    ///
    /// What can be done once for many inputs (asking for chunks, serving them) is left to ``MeshInput/deadline``, which
    /// ``nextDeadline`` then wants at once: whoever drives the machine hands it all that happened, then looks.
    package mutating func handle(_ input: MeshInput, at now: Instant, into effects: inout [MeshEffect]) {
        if now > self.lastInput {
            self.inputBefore = self.lastInput
            self.lastInput = now
        }
        switch input {
        case .addSwarm(let description): self.addSwarm(description, at: now, into: &effects)
        case .updateSwarm(let handle, let fetches, let trackers):
            self.updateSwarm(handle, fetches: fetches, trackers: trackers, at: now, into: &effects)
        case .select(let handle, let shards): self.select(shards, handle, at: now, into: &effects)
        case .removeSwarm(let handle): self.removeSwarm(handle, at: now, into: &effects)
        case .demand(let handle, let shards, let priority):
            self.demand(shards, priority, handle, at: now, into: &effects)
        case .endDemand(let handle, let shards): self.endDemand(shards, handle, into: &effects)
        case .limit(let limits): self.limit(limits, at: now, into: &effects)
        case .stop: self.stop(into: &effects)

        case .described, .opened, .closed, .received, .malformed:
            self.handleConnection(input, at: now, into: &effects)
        case .frameArrived, .lateFrame, .strayFrame, .chunkVerified, .chunkCorrupt, .chunkDropped:
            self.handleChunk(input, at: now, into: &effects)
        case .manifestAccepted, .manifestRejected, .hashesAccepted, .hashesRejected, .shardsLost,
            .shardsEvicted, .chunksFound, .storeFailed:
            self.handleStore(input, at: now, into: &effects)

        case .chunkServed(let connection, let request, let chunk):
            self.served(connection, request: request, chunk: chunk, succeeded: true, at: now, into: &effects)
        case .chunkUnreadable(let connection, let request, let chunk):
            self.served(connection, request: request, chunk: chunk, succeeded: false, at: now, into: &effects)

        case .hashesServed(let connection, let handle): self.hashesServed(connection, handle)

        case .trackerConnected(let index): self.trackerConnected(index, at: now, into: &effects)
        case .trackerClosed(let index, let reason):
            self.trackerClosed(index, reason: reason, at: now, into: &effects)
        case .trackerReceived(let index, let response):
            self.trackerReceived(index, response, at: now, into: &effects)

        case .deadline: self.runTimers(at: now, into: &effects)
        }
        self.refreshTimers()
    }

    private mutating func handleConnection(_ input: MeshInput, at now: Instant, into effects: inout [MeshEffect]) {
        switch input {
        case .described(let connection, let sdp): self.described(connection, sdp: sdp, at: now, into: &effects)
        case .opened(let connection, let path): self.opened(connection, path, at: now, into: &effects)
        case .closed(let connection, let reason): self.closed(connection, reason: reason, at: now, into: &effects)
        case .received(let connection, let message): self.received(message, from: connection, at: now, into: &effects)
        case .malformed(let connection, let error): self.malformed(connection, error, into: &effects)
        default: preconditionFailure("not about a connection: \(input)")
        }
    }

    private mutating func handleChunk(_ input: MeshInput, at now: Instant, into effects: inout [MeshEffect]) {
        switch input {
        case .frameArrived(let connection, let request, let chunk, let completesChunk):
            self.frameArrived(
                connection,
                request: request,
                chunk: chunk,
                completesChunk: completesChunk,
                at: now,
                into: &effects
            )
        case .lateFrame(let connection): self.heard(connection, at: now)
        case .strayFrame(let connection):
            self.disconnect(connection, reason: "it sent a chunk that was never asked for", into: &effects)
        case .chunkVerified(let receipt):
            self.chunkVerified(receipt, at: now, into: &effects)
            self.inventoryChanged(receipt.swarm, at: now)
        case .chunkCorrupt(let receipt): self.chunkCorrupt(receipt, at: now, into: &effects)
        case .chunkDropped(let receipt): self.chunkEnded(receipt, verified: false, into: &effects)
        default: preconditionFailure("not about a chunk: \(input)")
        }
    }

    private mutating func handleStore(_ input: MeshInput, at now: Instant, into effects: inout [MeshEffect]) {
        switch input {
        case .manifestAccepted(let handle, let content):
            self.manifestAccepted(handle, content, at: now, into: &effects)
            self.inventoryChanged(handle, at: now)
        case .manifestRejected(let handle, let connection, let reason):
            self.manifestRejected(handle, from: connection, reason: reason, at: now, into: &effects)
        case .hashesAccepted(let handle, let shard): self.hashesAccepted(handle, shard)
        case .hashesRejected(let handle, let shard, let connection):
            self.hashesRejected(handle, shard, from: connection, at: now, into: &effects)
        case .shardsLost(let handle, let shards, let reason):
            self.shardsLost(handle, shards, reason: reason, into: &effects)
            self.inventoryChanged(handle, at: now)
        case .shardsEvicted(let handle, let shards):
            self.shardsEvicted(handle, shards, into: &effects)
            self.inventoryChanged(handle, at: now)
        case .chunksFound(let handle, let shard, let chunks):
            self.chunksFound(handle, shard, chunks, at: now, into: &effects)
            self.inventoryChanged(handle, at: now)
        case .storeFailed(let handle, let reason): self.storeFailed(handle, reason: reason, into: &effects)
        default: preconditionFailure("not about the store: \(input)")
        }
    }

    /// Takes `connection` out of use: the effect is the order, `closed` will be the news. Ordered once. What the peer owed
    /// is asked of others at once.
    mutating func disconnect(_ connection: ConnectionID, reason: String, into effects: inout [MeshEffect]) {
        let wasClosing =
            self.attempts.update(connection) { attempt in
                defer { attempt.isClosing = true }
                attempt.deadline = nil
                return attempt.isClosing
            }
            ?? self.peers.update(connection) { peer in
                defer { peer.isClosing = true }
                return peer.isClosing
            }
        guard wasClosing != true else { return }
        effects.append(.disconnect(connection, reason: reason))
        self.retire(connection, into: &effects)
    }

    mutating func newConnection() -> ConnectionID {
        defer { self.nextConnection += 1 }
        return ConnectionID(self.nextConnection)
    }
}

/// Whose connections ended lately.
struct DepartedPeers: Sendable {
    /// 64: verdicts come within the time that a disk takes.
    static let limit = 64

    private var order: [(connection: ConnectionID, node: NodeID)] = []

    mutating func insert(_ connection: ConnectionID, _ node: NodeID) {
        if self.order.count == Self.limit { self.order.removeFirst() }
        self.order.append((connection, node))
    }

    subscript(connection: ConnectionID) -> NodeID? { self.order.last { $0.connection == connection }?.node }
}
