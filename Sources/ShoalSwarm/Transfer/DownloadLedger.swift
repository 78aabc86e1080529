import ShoalCore
import ShoalWire

/// What a peer was asked for and still owes, and how quick it is.
struct DownloadLedger: Sendable {
    /// By request ID.
    private(set) var requests = SortedMap<UInt32, OutstandingRequest>()
    /// Chunks that are asked for and have not arrived; what the window bounds.
    private(set) var inFlight = 0
    private(set) var window: TransferWindow
    private(set) var pace = Pace()
    private var nextID: UInt32 = 1
    /// When the peer last sent a frame, or was asked while it owed nothing.
    private(set) var lastProgress: Instant?

    init(window: TransferWindow) { self.window = window }

    /// Whether there is an ID for another request: they are never used again.
    var hasRequestLeft: Bool { self.nextID < .max }

    /// How many more chunks the peer may be asked for, `extra` beyond its window.
    func windowRoom(beyond extra: Int) -> Int { max(0, self.window.size + extra - self.inFlight) }

    /// Whether the peer owes something that is still wanted.
    var isOwing: Bool { self.inFlight > 0 }

    /// When a chunk asked for at `sentAt` is late; `first` for a peer whose speed is not known.
    func chunkDeadline(sentAt: Instant, within limits: ClosedRange<Duration>, first: Duration) -> Instant {
        guard let average = self.pace.averageCompletion else { return sentAt + first }
        return sentAt + min(max(average * 4, limits.lowerBound), limits.upperBound)
    }

    /// Enters a request for `count` chunks and gives it its ID: larger than all before it.
    mutating func open(
        swarm: SwarmHandle,
        shard: ShardIndex,
        first: ChunkIndex,
        count: Int,
        priority: Priority,
        deadline: Instant,
        at now: Instant
    ) -> ChunkRequest {
        let request = ChunkRequest(
            id: self.nextID,
            shard: shard,
            first: first,
            count: UInt16(count),
            priority: priority,
            deadline: (deadline - now).wireMilliseconds
        )
        self.nextID += 1
        if self.inFlight == 0 {
            self.lastProgress = now
            self.pace.resumed(at: now)
        }
        self.inFlight += count
        self.requests[request.id] = OutstandingRequest(
            request: request,
            swarm: swarm,
            sentAt: now,
            deadline: deadline
        )
        return request
    }

    /// A frame came; whether it made its chunk whole.
    mutating func frameArrived(
        request id: UInt32,
        chunk: ChunkIndex,
        completesChunk: Bool,
        at now: Instant
    ) {
        self.lastProgress = now
        guard var request = self.requests[id] else { return }
        if request.firstFrameAt == nil {
            request.firstFrameAt = now
            self.pace.answered(after: now - request.sentAt)
        }
        if completesChunk, request.arrive(chunk) {
            self.inFlight -= 1
            self.pace.completed(after: now - request.sentAt, at: now)
            self.window.arrived(after: now - request.sentAt, at: now)
        }
        self.requests[id] = request
    }

    /// A chunk of the request is settled for good. Returns the request when that was its last chunk.
    mutating func chunkEnded(request id: UInt32, chunk: ChunkIndex, verified: Bool) -> OutstandingRequest? {
        guard var request = self.requests[id] else { return nil }
        if request.arrive(chunk) { self.inFlight -= 1 }
        request.ended += 1
        if verified {
            request.verified += 1
            self.window.verified()
        }
        guard request.ended == Int(request.request.count) else {
            self.requests[id] = request
            return nil
        }
        self.requests.removeValue(forKey: id)
        return request
    }

    /// What still comes of the request is not wanted.
    mutating func markCancelled(_ id: UInt32) { self.requests.update(id) { $0.isCancelled = true } }

    /// The peer has no time for the request now.
    mutating func markPutOff(_ id: UInt32) { self.requests.update(id) { $0.isPutOff = true } }

    /// Whether the peer sent nothing for a request that was not taken back: of one that was, frames still come unseen.
    func isUnanswered(_ id: UInt32, askedSince start: Instant) -> Bool {
        self.requests[id].map { $0.firstFrameAt == nil && !$0.isCancelled && $0.sentAt >= start } ?? false
    }

    /// Whether the peer had no time for what was no more urgent than the rest: then it is not late, and anybody may be
    /// asked for it in its turn.
    func isPutOff(_ id: UInt32) -> Bool {
        guard let request = self.requests[id] else { return false }
        return request.isPutOff && !request.isOverdue && request.priority > .next
    }

    /// Something of the peer was wrong: one chunk at a time, until one is right.
    mutating func putOnTrial() { self.window.putOnTrial() }

    /// We slept, not the peer.
    mutating func excuse(_ duration: Duration, at now: Instant) {
        self.lastProgress = self.lastProgress.map { min(now, $0 + duration) }
    }

    /// The time of a request is up; `isOwed` when something of it has not come.
    mutating func markOverdue(_ id: UInt32, isOwed: Bool) {
        self.requests.update(id) { $0.isOverdue = true }
        if isOwed { self.window.missedDeadline() }
    }

    /// The peer was told that the request is more urgent now.
    mutating func promote(_ id: UInt32, to priority: Priority) { self.requests.update(id) { $0.priority = priority } }
}

struct OutstandingRequest: Sendable {
    let request: ChunkRequest
    let swarm: SwarmHandle
    let sentAt: Instant
    let deadline: Instant
    /// What the peer knows of its urgency.
    var priority: Priority
    var firstFrameAt: Instant?
    /// Chunks that have come whole or are settled otherwise: no longer in flight.
    private(set) var arrived: Bitfield
    /// Chunks that are settled: verified, corrupt or dropped.
    var ended = 0
    var verified = 0
    var isCancelled = false
    var isOverdue = false
    /// The peer answered that it has no time.
    var isPutOff = false

    init(request: ChunkRequest, swarm: SwarmHandle, sentAt: Instant, deadline: Instant) {
        self.request = request
        self.swarm = swarm
        self.sentAt = sentAt
        self.deadline = deadline
        self.priority = request.priority
        self.arrived = Bitfield(count: Int(request.count))
    }

    /// Chunks that are still in flight, by their position in the shard.
    var missing: [Int] { self.arrived.clearBits.map { self.request.first.position + $0 } }

    /// Takes a chunk out of what is in flight. False when it was out already.
    mutating func arrive(_ chunk: ChunkIndex) -> Bool {
        let position = chunk.position - self.request.first.position
        guard !self.arrived[position] else { return false }
        self.arrived[position] = true
        return true
    }

    var chunks: Range<Int> {
        self.request.first.position..<self.request.first.position + Int(self.request.count)
    }
}
