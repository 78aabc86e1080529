import ShoalCore
import ShoalSwarm
import ShoalWire

/// One end of an open connection. Ends come in pairs: the other end of `e` is `e ^ 1`.
struct LinkEnd {
    /// What waits for the uplink, of one connection: control messages and chunks in one row, as SCTP has them.
    enum Outgoing {
        case control(ControlMessage, hash: UInt64, size: Int)
        case chunk(OutgoingChunk)
    }

    let owner: NodeLife
    let connection: ConnectionID
    var isOpen = true
    var ledger: FrameLedger
    private var queue: [Outgoing] = []
    private var head = 0
    /// When the latest control message gets there: they stay in order.
    var controlArrival = Instant.zero
    /// What could not cross a partition, and since when.
    var held: [Packet] = []
    var heldSince: Instant?

    init(owner: NodeLife, connection: ConnectionID) {
        self.owner = owner
        self.connection = connection
        self.ledger = FrameLedger(connection: connection)
    }

    var hasOutgoing: Bool { self.head < self.queue.count }

    mutating func enqueue(_ outgoing: Outgoing) { self.queue.append(outgoing) }

    /// The next packet, and the chunk that it is the last frame of.
    mutating func nextPacket() -> (packet: Packet, finished: OutgoingChunk?)? {
        guard self.hasOutgoing else { return nil }
        switch self.queue[self.head] {
        case .control(let message, let hash, let size):
            self.advance()
            return (.control(message, hash: hash, size: size), nil)
        case .chunk(var chunk):
            let packet = chunk.nextFrame()
            guard chunk.sent >= chunk.size else {
                self.queue[self.head] = .chunk(chunk)
                return (packet, nil)
            }
            self.advance()
            return (packet, chunk)
        }
    }

    private mutating func advance() {
        self.head += 1
        if self.head == self.queue.count {
            self.queue.removeAll(keepingCapacity: true)
            self.head = 0
        } else if self.head == 64 {
            self.queue.removeFirst(self.head)
            self.head = 0
        }
    }

    /// Drops everything. Returns the chunks that will not be sent.
    mutating func abandon() -> [OutgoingChunk] {
        let chunks = self.queue[self.head...].compactMap { outgoing in
            if case .chunk(let chunk) = outgoing { chunk } else { nil }
        }
        self.queue = []
        self.head = 0
        self.held = []
        self.heldSince = nil
        return chunks
    }
}

/// What a node sends with: one packet at a time, connections in turn.
struct Uplink {
    /// Bytes a second; nil is unlimited.
    var rate: Int?
    var busyUntil = Instant.zero
    /// `uplinkFree` is in the event queue.
    var isArmed = false
    /// Ends with something to send, in turn.
    private var waiting: [Int] = []
    private var head = 0

    init(rate: Int?) { self.rate = rate }

    var isIdle: Bool { self.head == self.waiting.count }

    mutating func wait(_ end: Int) { self.waiting.append(end) }

    mutating func nextEnd() -> Int? {
        guard self.head < self.waiting.count else { return nil }
        let end = self.waiting[self.head]
        self.head += 1
        if self.head == self.waiting.count {
            self.waiting.removeAll(keepingCapacity: true)
            self.head = 0
        } else if self.head == 256 {
            self.waiting.removeFirst(self.head)
            self.head = 0
        }
        return end
    }

    mutating func clear() {
        self.waiting = []
        self.head = 0
    }

    /// How long so many bytes take.
    static func time(_ bytes: Int, at rate: Int?) -> Duration {
        guard let rate else { return .zero }
        return .nanoseconds(Int64(bytes) * 1_000_000_000 / Int64(rate))
    }
}
