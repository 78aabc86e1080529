package import ShoalCore
package import ShoalWire

/// What happened. The mesh learns of the world through these and through nothing else.
package enum MeshInput: Hashable, Codable, Sendable {
    // The node's owner.
    case addSwarm(SwarmDescription)
    /// Fetch what is missing from now on or no longer (nil: as before), and announce at these trackers as well.
    case updateSwarm(SwarmHandle, fetches: Bool?, trackers: [TrackerIndex])
    /// Of what is fetched, these shards alone from now on (nil: all of them).
    case select(SwarmHandle, Bitfield?)
    /// Leave a swarm: say goodbye to those that share it, and forget it. Its handle may be given to another one when
    /// everything that was ordered for it has ended.
    case removeSwarm(SwarmHandle)
    /// Want shards of a swarm, at least so urgently.
    case demand(SwarmHandle, [ShardIndex], Priority)
    /// No longer want them by name.
    case endDemand(SwarmHandle, [ShardIndex])
    /// Move shard bytes no quicker than this from now on.
    case limit(TransferLimits)
    /// Say goodbye to trackers and peers.
    case stop

    // Connections.
    /// The local description of a connection is ready: the answer to ``MeshEffect/makeOffer(_:)`` and
    /// ``MeshEffect/makeAnswer(_:offer:)``.
    case described(ConnectionID, sdp: String)
    case opened(ConnectionID, PeerPath)
    /// The last word about a connection, however it ended.
    case closed(ConnectionID, reason: String)
    case received(ConnectionID, ControlMessage)
    case malformed(ConnectionID, WireError)

    // Frames. Their bytes are already in their place; the mesh hears where that was.
    /// A frame that somebody had asked for came; whether it made its chunk whole.
    case frameArrived(ConnectionID, request: UInt32, chunk: ChunkIndex, completesChunk: Bool)
    /// A frame of a request that is cancelled or over came, and was dropped.
    case lateFrame(ConnectionID)
    /// A frame that nobody ever asked for.
    case strayFrame(ConnectionID)

    // Every chunk that was asked for ends in exactly one of these, which gives its room back.
    case chunkVerified(ChunkReceipt)
    case chunkCorrupt(ChunkReceipt)
    case chunkDropped(ChunkReceipt)

    // The store.
    case manifestAccepted(SwarmHandle, SwarmContent)
    case manifestRejected(SwarmHandle, from: ConnectionID, reason: String)
    case hashesAccepted(SwarmHandle, ShardIndex)
    case hashesRejected(SwarmHandle, ShardIndex, from: ConnectionID)
    /// Shards are no longer on disk as they were: changed behind our back, or rotten.
    case shardsLost(SwarmHandle, [ShardIndex], reason: String)
    /// The store has no room for these shards any more: they are about to go.
    case shardsEvicted(SwarmHandle, [ShardIndex])
    /// Chunks of a shard are on disk and verified that nobody sent: the user had them.
    case chunksFound(SwarmHandle, ShardIndex, Bitfield)
    /// The store cannot go on with this swarm (disk full, say).
    case storeFailed(SwarmHandle, reason: String)

    // Uploads.
    case chunkServed(ConnectionID, request: UInt32, chunk: ChunkIndex)
    case chunkUnreadable(ConnectionID, request: UInt32, chunk: ChunkIndex)
    /// A hash list went out, or could not be read.
    case hashesServed(ConnectionID, SwarmHandle)

    // Trackers.
    case trackerConnected(TrackerIndex)
    case trackerClosed(TrackerIndex, reason: String)
    case trackerReceived(TrackerIndex, TrackerResponse)

    /// The moment of ``MeshMachine/nextDeadline`` has come. Early or repeated ones are harmless.
    case deadline
}

/// The handle under which this node speaks of one of its swarms, on every connection: 1…256.
package struct SwarmHandle: Hashable, Comparable, Sendable {
    /// How many swarms a node can take part in at once.
    package static let most = WireLimits.handles.count

    package let rawValue: UInt16

    package init(_ rawValue: UInt16) {
        precondition(WireLimits.handles.contains(rawValue), "handle \(rawValue) is not one of 1…256")
        self.rawValue = rawValue
    }

    package static func < (left: SwarmHandle, right: SwarmHandle) -> Bool { left.rawValue < right.rawValue }
}

/// Position of a tracker in the node's list.
package struct TrackerIndex: Hashable, Comparable, Codable, Sendable {
    package let rawValue: Int

    package init(_ rawValue: Int) { self.rawValue = rawValue }

    package static func < (left: TrackerIndex, right: TrackerIndex) -> Bool { left.rawValue < right.rawValue }
}

/// A swarm that this node takes part in.
package struct SwarmDescription: Hashable, Codable, Sendable {
    package var handle: SwarmHandle
    package var infoHash: InfoHash
    /// The key of `join` proofs: the raw manifest ID, or in a private swarm an HMAC of it.
    package var secret: Digest
    /// Nil while only the link is known: then peers are asked for the manifest.
    package var content: SwarmContent?
    /// Whether what is missing is asked for; else the node only serves.
    package var fetches: Bool
    /// The shards that are fetched; nil: all of them.
    package var selection: Bitfield?
    /// Up to how many bytes of the model this node keeps to make rare shards less rare; nil: it copies none. Only where it
    /// does not fetch everything.
    package var replicationBudget: Int?
    package var trackers: [TrackerIndex]

    package init(
        handle: SwarmHandle,
        infoHash: InfoHash,
        secret: Digest,
        content: SwarmContent?,
        fetches: Bool = true,
        selection: Bitfield? = nil,
        replicationBudget: Int? = nil,
        trackers: [TrackerIndex]
    ) {
        self.handle = handle
        self.infoHash = infoHash
        self.secret = secret
        self.content = content
        self.fetches = fetches
        self.selection = selection
        self.replicationBudget = replicationBudget
        self.trackers = trackers
    }
}

/// What a node knows and has of a model.
package struct SwarmContent: Hashable, Codable, Sendable {
    /// The canonical bytes, for peers that ask.
    package var manifest: [UInt8]
    /// Size of each shard, in bytes.
    package var shardSizes: [Int]
    /// Shards that are whole.
    package var complete: Bitfield
    /// The verified chunks of shards that are not.
    package var partial: [ShardIndex: Bitfield]
    /// Shards whose hash list is there. A shard of one chunk needs none.
    package var hashLists: Bitfield

    package init(
        manifest: [UInt8],
        shardSizes: [Int],
        complete: Bitfield,
        partial: [ShardIndex: Bitfield],
        hashLists: Bitfield
    ) {
        self.manifest = manifest
        self.shardSizes = shardSizes
        self.complete = complete
        self.partial = partial
        self.hashLists = hashLists
    }
}

/// How an open connection came to be.
package struct PeerPath: Hashable, Codable, Sendable {
    /// Who made the SDP offer, whatever the DTLS role.
    package enum Role: UInt8, Hashable, Codable, Sendable {
        case initiator = 0
        case responder = 1

        package var opposite: Role { self == .initiator ? .responder : .initiator }
    }

    package var role: Role
    /// SHA-256 of the DTLS certificates.
    package var localFingerprint: Digest
    package var remoteFingerprint: Digest

    package init(role: Role, localFingerprint: Digest, remoteFingerprint: Digest) {
        self.role = role
        self.localFingerprint = localFingerprint
        self.remoteFingerprint = remoteFingerprint
    }
}

/// Names a chunk that was asked for: whose, of which request, and where it belongs.
package struct ChunkReceipt: Hashable, Codable, Sendable {
    package var connection: ConnectionID
    package var request: UInt32
    package var swarm: SwarmHandle
    package var shard: ShardIndex
    package var chunk: ChunkIndex

    package init(
        connection: ConnectionID,
        request: UInt32,
        swarm: SwarmHandle,
        shard: ShardIndex,
        chunk: ChunkIndex
    ) {
        self.connection = connection
        self.request = request
        self.swarm = swarm
        self.shard = shard
        self.chunk = chunk
    }
}
