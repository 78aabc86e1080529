package import ShoalCore
import ShoalWire

/// How one connection stands, for people and for tests; what `shoal peers` shows.
package struct PeerStatus: Hashable, Sendable {
    package enum State: String, CaseIterable, Hashable, Sendable {
        /// The channels are open; who is at the other end is not proved yet.
        case handshake
        case open
        /// It owes chunks and has been silent for a moment: others are asked as well.
        case quiet
        /// It has been silent for longer than a living peer is: its work has moved.
        case suspect
        /// We have closed it; its end has not been confirmed.
        case closing
    }

    /// A chunk that the peer owes us.
    package struct OwedChunk: Hashable, Sendable {
        package var swarm: SwarmHandle
        package var shard: ShardIndex
        package var chunk: ChunkIndex
    }

    package var connection: ConnectionID
    /// Nil during the handshake.
    package var node: NodeID?
    package var agent: String?
    /// Ours: whether we offered the connection.
    package var role: PeerPath.Role
    package var state: State
    /// How long the channels have been open.
    package var age: Duration
    package var swarms: [SwarmHandle]
    /// Bytes for each second, over the last seconds.
    package var downRate: Int
    package var upRate: Int
    /// Verified bytes that it sent, bytes that we sent it, since the connection opened.
    package var receivedBytes: Int
    package var sentBytes: Int
    /// How many chunks may be in flight from it.
    package var window: Int
    package var inFlight: [OwedChunk]
    /// Of idle moments; nil until measured.
    package var roundTrip: Duration?
    package var score: PeerScore.Report
    /// Its requests that wait or are being served.
    package var queuedRequests: Int
}

extension MeshMachine {
    /// Every connection whose channels are open, in the order in which they were made.
    package func peerStatuses(at now: Instant) -> [PeerStatus] {
        self.peers.values.map { peer in
            PeerStatus(
                connection: peer.connection,
                node: peer.identity?.nodeID,
                agent: peer.identity?.agent,
                role: peer.path.role,
                state: peer.state,
                age: now - peer.openedAt,
                swarms: peer.swarms.keys,
                downRate: peer.swarms.values.reduce(0) { $0 + $1.traffic.received.rate(at: now) },
                upRate: peer.swarms.values.reduce(0) { $0 + $1.traffic.sent.rate(at: now) },
                receivedBytes: peer.swarms.values.reduce(0) { $0 + $1.traffic.received.total },
                sentBytes: peer.swarms.values.reduce(0) { $0 + $1.traffic.sent.total },
                window: peer.downloads.window.size,
                inFlight: peer.owedChunks,
                roundTrip: peer.liveness.roundTrip,
                score: peer.score(at: now),
                queuedRequests: self.uploads.queuedRequests(of: peer.connection)
            )
        }
    }

    /// A chunk of `swarm` that came over `connection` proved right.
    mutating func countReceived(_ receipt: ChunkReceipt, at now: Instant) {
        guard let size = self.swarms[receipt.swarm]?.holdings?.size(of: receipt.chunk, in: receipt.shard) else {
            return
        }
        self.peers.update(receipt.connection) { peer in
            peer.swarms.update(receipt.swarm) { $0.traffic.received.count(size, at: now) }
        }
    }

    /// A chunk that `connection` asked for has gone out. To be told before its request is settled.
    mutating func countSent(_ connection: ConnectionID, request: UInt32, chunk: ChunkIndex, at now: Instant) {
        guard let shard = self.uploads.shard(of: request, from: connection) else { return }
        guard let size = self.swarms[shard.swarm]?.holdings?.size(of: chunk, in: shard.shard) else { return }
        self.peers.update(connection) { peer in
            peer.swarms.update(shard.swarm) { $0.traffic.sent.count(size, at: now) }
        }
    }
}

extension PeerSession {
    fileprivate var state: PeerStatus.State {
        if self.isClosing { return .closing }
        guard self.identity != nil else { return .handshake }
        return switch self.liveness.standing {
        case .fine: .open
        case .quiet: .quiet
        case .suspect: .suspect
        }
    }

    /// What was asked of it and has not come, in the order in which it was asked for.
    fileprivate var owedChunks: [PeerStatus.OwedChunk] {
        self.downloads.requests.values.flatMap { outstanding in
            outstanding.missing.map { chunk in
                PeerStatus.OwedChunk(
                    swarm: outstanding.swarm,
                    shard: outstanding.request.shard,
                    chunk: ChunkIndex(chunk)
                )
            }
        }
    }
}
