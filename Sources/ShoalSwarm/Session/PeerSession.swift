import ShoalCore
import ShoalWire

/// One open connection: who is at its other end, which swarms are shared, what was asked of it, how alive it is.
struct PeerSession: Sendable {
    /// How far the handshake is.
    enum Phase: Sendable {
        /// → ``awaitingProof(_:_:)`` on `hello`; ends on anything else, or after the handshake's limit.
        case awaitingHello
        /// → ``open(_:)`` on a proof that holds; ends on anything else, or after the handshake's limit.
        case awaitingProof(Hello, Transcript)
        /// Messages are taken.
        case open(PeerIdentity)
    }

    let connection: ConnectionID
    let path: PeerPath
    let openedAt: Instant
    let localNonce: Nonce
    /// As of ``ConnectionAttempt/isMembers``.
    let isMembers: Bool
    var phase = Phase.awaitingHello
    /// The swarm that each valid `join` of the peer would name.
    var expectedProofs: [Digest: SwarmHandle] = [:]
    /// Since when no swarm is shared, if none is.
    var aloneSince: Instant
    /// By *our* handle: the swarms that both sides have joined.
    var swarms = SortedMap<SwarmHandle, SharedSwarm>()
    /// By *their* handle, matched or not: a handle may be said once, and what fits nothing now may fit a swarm that is
    /// added later.
    var theirJoins = SortedMap<UInt16, TheirJoin>()
    /// The ID of the latest request: the next one is larger.
    var lastRequest: UInt32 = 0
    var downloads: DownloadLedger
    var liveness: Liveness
    /// Bitfields cost work by their length.
    var bitfields: TokenBucket
    /// It is being closed: what it still sends means nothing, and nothing is asked of it.
    var isClosing = false
    /// Malformed messages so far.
    var malformed = 0
    /// Until when the peer wants no requests.
    var busyUntil: Instant?
    var courtesy = Courtesy.none
    var score = PeerScore()

    init(
        connection: ConnectionID,
        path: PeerPath,
        nonce: Nonce,
        isMembers: Bool,
        window: TransferWindow,
        at now: Instant
    ) {
        self.connection = connection
        self.path = path
        self.openedAt = now
        self.aloneSince = now
        self.localNonce = nonce
        self.isMembers = isMembers
        self.downloads = DownloadLedger(window: window)
        self.liveness = Liveness(at: now)
        self.bitfields = TokenBucket(rate: 1, burst: WireLimits.handles.count, at: now)
    }

    var identity: PeerIdentity? {
        if case .open(let identity) = self.phase { identity } else { nil }
    }

    /// Who it has proved to be.
    var nodeID: NodeID? {
        if case .open(let identity) = self.phase { identity.nodeID } else { nil }
    }

    /// Whether it has proved who it is.
    var isIdentified: Bool {
        if case .open = self.phase { true } else { false }
    }

    /// Whether it may be asked for anything.
    var isUsable: Bool { !self.isClosing && self.liveness.standing == .fine && self.isIdentified }

    func score(at now: Instant) -> PeerScore.Report {
        self.score.report(self.downloads.pace, isOwing: self.downloads.isOwing, at: now)
    }
}

/// Whether a busy peer that owes us nothing is left to those who are to ask it for what is left.
enum Courtesy: Hashable, Sendable {
    /// It owes something, or there was nothing to leave to others.
    case none
    /// What others are to ask it for is left to them until then.
    case until(Instant)
    /// They have had their time.
    case over
}

/// Who a peer has proved to be, and what it accepts.
struct PeerIdentity: Hashable, Sendable {
    var nodeID: NodeID
    var session: UInt64
    var agent: String
    /// Whether it takes frames over a direct lane.
    var hasDirectLane: Bool
    var maximumRequests: Int
    var maximumChunks: Int
    var transcript: Transcript
}

/// A `join` of a peer.
struct TheirJoin: Hashable, Sendable {
    let proof: Digest
    /// Nil while the proof fits none of our swarms.
    var swarm: SwarmHandle?
}

/// A shard of one of our swarms.
struct ShardOfSwarm: Hashable, Sendable {
    var swarm: SwarmHandle
    var shard: ShardIndex
}

/// What a peer told of a swarm that both sides have joined.
struct SharedSwarm: Sendable {
    /// 64: how many shards in receipt a peer may describe by their chunks; later ones push out that with the lowest index.
    static let partialLimit = 64

    /// The peer's handle, on its messages and frames.
    let theirHandle: UInt16
    /// What it can serve whole. Before the manifest is known its length cannot be checked: then it is as it came.
    var holdings: Bitfield?
    private(set) var partial = SortedMap<ShardIndex, Bitfield>()
    /// How many chunks of each shard in receipt it was told of; bounded by the shards in receipt.
    var toldChunks = SortedMap<ShardIndex, Int>()
    /// Shards that it is not asked for any more, because they were wrong or missing.
    var refused: Set<ShardIndex> = []
    /// Parts of the manifest that it still owes to a fetch that was given up.
    var staleManifestParts = 0
    /// How many manifest parts it had from us.
    var manifestPartsServed = 0
    /// How often it did not send a hash list in time.
    var lateHashLists = 0
    /// It has no shard that has not begun; untrue again when it has more, or we have less.
    var hasNothingToBegin = false
    /// It said that it has no manifest either.
    var lacksManifest = false
    /// Its requests for hash lists that are not answered yet.
    var hashesBeingServed = 0

    /// When the peer last told of something new that it has, or joined.
    var lastNews: Instant
    /// What came and went in this swarm over this connection.
    var traffic: Traffic

    init(theirHandle: UInt16, refused: Set<ShardIndex> = [], at now: Instant) {
        self.theirHandle = theirHandle
        self.refused = refused
        self.lastNews = now
        self.traffic = Traffic(at: now)
    }

    /// What the peer has of a shard that it is receiving is now other than before.
    struct PartialChange {
        let shard: ShardIndex
        let before: Bitfield?
        let after: Bitfield?
    }

    /// Whether it told of anything that it can serve.
    var hasSomething: Bool { self.holdings != nil || !self.partial.isEmpty }

    /// Enters the chunks that the peer has of a shard; nil: none, or all. Returns what that changed.
    mutating func setPartial(_ chunks: Bitfield?, of shard: ShardIndex) -> [PartialChange] {
        let before = self.partial[shard]
        guard before != chunks else { return [] }
        var changes = [PartialChange(shard: shard, before: before, after: chunks)]
        if chunks != nil, before == nil, self.partial.count >= Self.partialLimit, let first = self.partial.first {
            self.partial.removeValue(forKey: first.key)
            changes.append(PartialChange(shard: first.key, before: first.value, after: nil))
        }
        self.partial[shard] = chunks
        return changes
    }

    func hasWhole(_ shard: ShardIndex) -> Bool {
        guard let holdings, shard.position < holdings.count else { return false }
        return holdings[shard.position]
    }

    /// How much of a shard the peer can serve.
    enum Share {
        case nothing
        case some(Bitfield)
        case whole

        func contains(_ chunk: Int) -> Bool {
            switch self {
            case .nothing: false
            case .some(let chunks): chunk < chunks.count && chunks[chunk]
            case .whole: true
            }
        }
    }

    /// What the peer can serve of a shard about which it has not lied. To be asked once for all the shard's chunks.
    func share(of shard: ShardIndex) -> Share {
        if self.refused.contains(shard) { return .nothing }
        if self.hasWhole(shard) { return .whole }
        guard let chunks = self.partial[shard], !chunks.isEmpty else { return .nothing }
        return .some(chunks)
    }

    /// Whether the peer can serve some of the shard.
    func canServeSome(of shard: ShardIndex) -> Bool {
        if case .nothing = self.share(of: shard) { false } else { true }
    }
}
