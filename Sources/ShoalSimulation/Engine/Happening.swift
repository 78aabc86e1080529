import ShoalCore
import ShoalSwarm
import ShoalWire

/// One start of a node: what was meant for an earlier one does not reach a later one.
struct NodeLife: Hashable, Sendable {
    let node: Int
    let life: Int
}

/// What waits in the event queue.
enum Happening {
    /// The machine hears of something that the node's own edges did.
    case input(NodeLife, MeshInput)
    /// A packet is at the receiver's downlink, in a row with others or next.
    case arrival(end: Int, Packet, isQueued: Bool)
    /// The uplink has sent what it was sending.
    case uplinkFree(node: Int)
    /// A chunk has been read and can be sent.
    case read(NodeLife, ConnectionID, OutgoingChunk)
    /// A chunk has been hashed and can be stored.
    case hashed(NodeLife, ChunkReceipt, slot: Int)
    /// A shard that a peer complained of has been hashed again.
    case rechecked(NodeLife, SwarmHandle, ShardIndex)
    /// ICE and DTLS are through, unless something came between.
    case open(Introduction)
    /// SCTP has had no answer since `since` and gives up.
    case giveUp(end: Int, since: Instant)
    case timer(node: Int)

    case trackerOpens(TrackerSocket, NodeLife)
    case toTracker(TrackerSocket, TrackerRequest)
    case trackerCloses(TrackerSocket)
    case fromTracker(TrackerSocket, NodeLife, MeshInput)

    case fault(Int)
    case start(node: Int, keepsDisk: Bool)
    case end(NodeLife)
    case wake(NodeLife)
    case restoreUplink(node: Int)
    case heal(partition: Int)
    case trackerReturns(Int)
    case attack(NodeLife)
}

/// What crosses the network between two nodes.
enum Packet {
    /// With a hash of its encoding, made where it was sent.
    case control(ControlMessage, hash: UInt64, size: Int)
    case frame(FrameHeader, payload: Int, isWrong: Bool)
    /// The other side has closed the connection.
    case goodbye(reason: String)

    /// In bytes, on the link.
    var size: Int {
        switch self {
        case .control(_, _, let size): size
        case .frame(_, let payload, _): WireLimits.frameHeader + payload
        case .goodbye: 0
        }
    }
}

/// A chunk on its way to the uplink, frame by frame.
struct OutgoingChunk {
    let swarm: SwarmHandle
    let request: UInt32
    let chunk: ChunkIndex
    /// In bytes.
    let size: Int
    let isWrong: Bool
    /// Bytes of it that have gone.
    var sent = 0

    mutating func nextFrame() -> Packet {
        let header = FrameHeader(
            handle: self.swarm.rawValue,
            request: self.request,
            chunk: self.chunk,
            offset: UInt32(self.sent)
        )
        let payload = min(WireLimits.framePayload, self.size - self.sent)
        self.sent += payload
        return .frame(header, payload: payload, isWrong: self.isWrong)
    }
}

/// Two connections that an offer and its answer have brought together.
struct Introduction {
    struct Side: Hashable {
        let life: NodeLife
        let connection: ConnectionID
    }

    let initiator: Side
    let responder: Side
}
