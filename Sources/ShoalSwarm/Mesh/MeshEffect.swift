package import ShoalCore
package import ShoalWire

/// What is to be done. The mesh acts on the world through these and through nothing else.
package enum MeshEffect: Hashable, Encodable, Sendable {
    // Connections.
    /// Make a connection and describe it; ends in `described` or `closed`.
    case makeOffer(ConnectionID)
    /// Make a connection for a peer's offer and describe it; ends in `described` or `closed`.
    case makeAnswer(ConnectionID, offer: String)
    case acceptAnswer(ConnectionID, answer: String)
    case disconnect(ConnectionID, reason: String)
    case send(ConnectionID, ControlMessage)
    /// A direct lane is welcome on both sides.
    case seekLane(ConnectionID)
    /// What the peer says of the direct lane.
    case lane(ConnectionID, LaneMessage)

    // Downloads.
    /// Reserve room for the chunks of the request, expect its frames, then send it.
    case request(ConnectionID, SwarmHandle, ChunkRequest)
    /// Drop what still comes of a request; its chunks end in `chunkDropped`.
    case discard(ConnectionID, request: UInt32)
    /// A request has ended after so many frames; chunks that will not come end in `chunkDropped`.
    case settle(ConnectionID, request: UInt32, framesSent: UInt32)
    /// Hash a whole chunk and store it if it is right; ends in `chunkVerified`, `chunkCorrupt` or `chunkDropped`.
    case verify(ChunkReceipt)
    /// Drop a whole chunk that is there already; ends in `chunkDropped`.
    case drop(ChunkReceipt)
    /// Check the manifest's bytes against the ID, store them; ends in `manifestAccepted` or `manifestRejected`.
    case checkManifest(SwarmHandle, bytes: [UInt8], from: ConnectionID)
    /// Check a hash list against the shard's root, store it; ends in `hashesAccepted` or `hashesRejected`.
    case checkHashes(SwarmHandle, ShardIndex, digests: [Digest], from: ConnectionID)
    /// A peer says that this shard of ours is wrong: hash it again; ends in `shardsLost` or in nothing.
    case recheck(SwarmHandle, ShardIndex)

    // Uploads.
    /// Read a chunk and send its frames; ends in `chunkServed` or `chunkUnreadable`.
    case serve(ConnectionID, request: UInt32, SwarmHandle, ShardIndex, ChunkIndex)
    /// Read a hash list and send it; ends in `hashesServed`.
    case serveHashes(ConnectionID, SwarmHandle, ShardIndex)

    // Trackers.
    case connectTracker(TrackerIndex)
    case sendToTracker(TrackerIndex, TrackerRequest)
    case disconnectTracker(TrackerIndex)

    /// For logs, metrics and people; nothing depends on it.
    case observe(MeshObservation)
}

/// What an operator may want to know.
package enum MeshObservation: Hashable, Encodable, Sendable {
    case peerJoined(ConnectionID, NodeID, agent: String)
    case peerLeft(ConnectionID, NodeID?, reason: String)
    /// It owes chunks and has been silent: others are asked for them.
    case peerSuspected(ConnectionID, NodeID)
    case peerBanned(NodeID, reason: String)
    case swarmOpened(SwarmHandle, NodeID)
    case manifestArrived(SwarmHandle)
    case shardCompleted(SwarmHandle, ShardIndex)
    case shardsLost(SwarmHandle, [ShardIndex], reason: String)
    case shardsEvicted(SwarmHandle, [ShardIndex])
    /// Every shard is there.
    case swarmCompleted(SwarmHandle)
    case swarmFailed(SwarmHandle, reason: String)
    /// This node takes part in it no longer.
    case swarmLeft(SwarmHandle)
    case trackerConnected(TrackerIndex)
    case trackerLost(TrackerIndex, reason: String, retryIn: Duration)
    case trackerAnnounced(TrackerIndex, SwarmHandle, seeders: Int, leechers: Int)
    case trackerWarned(TrackerIndex, String)
    case stopped
}
