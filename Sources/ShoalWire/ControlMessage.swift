package import ShoalCore

/// A message of the `control` channel. ``ControlMessage/encoded()`` and ``ControlMessage/init(decoding:)`` follow
/// `docs/protocol.md`, section "Control messages".
package struct ControlMessage: Hashable, Sendable {
    /// The *sender's* handle of the swarm that the message is about; 0 is the connection itself.
    package let handle: UInt16
    package let body: Body

    package init(handle: UInt16 = 0, _ body: Body) {
        self.handle = handle
        self.body = body
    }

    package enum Body: Hashable, Sendable {
        /// First message of both sides: who speaks.
        case hello(Hello)
        /// Second message of both sides: Ed25519 signature, 64 bytes, over what `hello` and DTLS said.
        case helloProof(signature: [UInt8])
        /// "I am in the swarm that this proof fits; its handle, from me, is the message's."
        case join(proof: Digest)
        /// Takes back the `join` of this handle: the sender is in that swarm no longer, and every request between the two
        /// in it has ended.
        case leave

        /// Which shards the sender can serve whole.
        case bitfield(Bitfield)
        /// Shards that the sender can serve since now.
        case have([ShardIndex])
        /// Shards that the sender no longer serves.
        case gone([ShardIndex])
        /// The verified chunks of a shard that the sender is still receiving.
        case partial(shard: ShardIndex, chunks: Bitfield)

        /// Asks for up to 16 KiB of the manifest from `offset` on.
        case manifestRequest(offset: UInt32)
        /// A run of the manifest's bytes. `total` 0: the sender does not have it.
        case manifestPart(offset: UInt32, total: UInt32, bytes: [UInt8])
        case hashesRequest(shard: ShardIndex)
        /// All chunk digests of a shard. None: the sender does not have them.
        case hashes(shard: ShardIndex, digests: [Digest])

        case request(ChunkRequest)
        case cancel(id: UInt32)
        /// A request has become more urgent, or less.
        case promote(id: UInt32, priority: Priority)
        /// The end of a request that is not served (further).
        case reject(Rejection)
        /// So many chunks of a request arrived and are verified.
        case ack(id: UInt32, chunks: UInt16)
        /// "This chunk of yours was wrong: look at your copy."
        case corrupt(shard: ShardIndex, chunk: ChunkIndex)

        case ping(token: UInt64)
        case pong(token: UInt64)
        /// Of another way for frames than the `bulk` channel.
        case lane(LaneMessage)

        /// Who holds what, of nodes that the receiver is not connected to.
        case gossip(Gossip)
        /// An offer or answer for a node that the receiver is, or is connected to.
        case signal(Signal)

        /// A type of a later version; ignored.
        case unknown(type: UInt8)
    }
}

package struct Hello: Hashable, Sendable {
    /// The capability to move frames over a direct lane.
    package static let directLane: UInt32 = 1 << 0

    package var version: UInt16
    /// New at each start of the node: a larger one replaces connections of a start that died unnoticed.
    package var session: UInt64
    package var nonce: Nonce
    package var publicKey: PublicKey
    /// Bits for what later versions add; unknown bits are ignored.
    package var capabilities: UInt32
    /// How many unanswered requests the sender keeps for us.
    package var maximumRequests: UInt16
    /// How many chunks one request may ask for.
    package var maximumChunks: UInt16
    /// Implementation and version, for people; at most 64 bytes of UTF-8.
    package var agent: String

    package init(
        version: UInt16 = WireLimits.protocolVersion,
        session: UInt64,
        nonce: Nonce,
        publicKey: PublicKey,
        capabilities: UInt32 = 0,
        maximumRequests: UInt16,
        maximumChunks: UInt16,
        agent: String
    ) {
        self.version = version
        self.session = session
        self.nonce = nonce
        self.publicKey = publicKey
        self.capabilities = capabilities
        self.maximumRequests = maximumRequests
        self.maximumChunks = maximumChunks
        self.agent = agent
    }
}

/// How urgent a request is; a lower value overtakes a higher one at chunk granularity.
package enum Priority: UInt8, Hashable, Comparable, Codable, Sendable, CaseIterable {
    /// An engine waits.
    case critical = 0
    /// Predicted for this token.
    case next = 1
    /// A cluster that the prompt points to.
    case prefetch = 2
    /// The rest of the model.
    case background = 3
    /// Copies of rare shards.
    case replicate = 4

    package static func < (left: Priority, right: Priority) -> Bool { left.rawValue < right.rawValue }
}

package struct ChunkRequest: Hashable, Encodable, Sendable {
    /// Larger than that of every request before it on this connection.
    package var id: UInt32
    package var shard: ShardIndex
    package var first: ChunkIndex
    package var count: UInt16
    package var priority: Priority
    /// Milliseconds from now after which the requester no longer counts on it; 0 is none.
    package var deadline: UInt32

    package init(
        id: UInt32,
        shard: ShardIndex,
        first: ChunkIndex,
        count: UInt16,
        priority: Priority,
        deadline: UInt32
    ) {
        self.id = id
        self.shard = shard
        self.first = first
        self.count = count
        self.priority = priority
        self.deadline = deadline
    }
}

package struct Rejection: Hashable, Sendable {
    package enum Reason: UInt8, Hashable, Sendable {
        /// The sender does not have (all of) it.
        case missing = 1
        /// No upload slot is free; `retryAfter` says when to come back.
        case busy = 2
        /// The sender does not serve this peer.
        case denied = 3
        /// More than the sender's `hello` allows.
        case limit = 4
        /// The requester cancelled.
        case cancelled = 5
        /// The sender is busy and has just sent it to somebody else, or is about to: there it can be had before `retryAfter`.
        case elsewhere = 6
    }

    package var id: UInt32
    package var reason: Reason
    /// Frames of the request that are on their way or arrived: `reject` can overtake them.
    package var framesSent: UInt32
    /// Milliseconds; 0 says nothing.
    package var retryAfter: UInt32

    package init(id: UInt32, reason: Reason, framesSent: UInt32, retryAfter: UInt32 = 0) {
        self.id = id
        self.reason = reason
        self.framesSent = framesSent
        self.retryAfter = retryAfter
    }
}

extension ControlMessage.Body {
    /// The message's name, for logs.
    package var name: String {
        switch self {
        case .hello: "hello"
        case .helloProof: "helloProof"
        case .join: "join"
        case .leave: "leave"
        case .bitfield: "bitfield"
        case .have: "have"
        case .gone: "gone"
        case .partial: "partial"
        case .manifestRequest: "manifestRequest"
        case .manifestPart: "manifestPart"
        case .hashesRequest: "hashesRequest"
        case .hashes: "hashes"
        case .request: "request"
        case .cancel: "cancel"
        case .promote: "promote"
        case .reject: "reject"
        case .ack: "ack"
        case .corrupt: "corrupt"
        case .ping: "ping"
        case .pong: "pong"
        case .lane: "lane"
        case .gossip: "gossip"
        case .signal: "signal"
        case .unknown(let type): "unknown(\(type))"
        }
    }
}
