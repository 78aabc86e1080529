import ShoalCore
import ShoalWire

/// What one peer asked for.
struct PeerUploads: Sendable {
    var jobs: [UploadJob] = []
    /// Chunks that are being read and sent.
    var serving = 0
    /// Chunks that are sent and not acknowledged.
    var unacknowledged = 0
    /// When it got its slot, and how many chunks have been begun for it since.
    let since: Instant
    private var chunks = 0
    /// Its slot is for others: it gets nothing more.
    private(set) var isEnding = false
    private var lastSent: Instant?
    /// Until when it is expected to ask for something else than what it was refused.
    private var keptUntil: Instant?
    /// When a chunk was last begun while none was under way, or went out.
    private var lastProgress = Instant.zero

    init(since: Instant) { self.since = since }

    /// Chunks that wait to be sent to this peer, and those under way.
    var pendingChunks: Int { self.jobs.reduce(self.serving) { $0 + $1.waiting.count } }

    /// Whether a chunk waits to be sent to this peer.
    func isDue(_ chunk: Int, of shard: ShardOfSwarm) -> Bool {
        guard !self.isEnding else { return false }
        return self.jobs.contains { $0.shard == shard && $0.waiting.contains(chunk) }
    }

    var isActive: Bool { !self.jobs.isEmpty || self.serving > 0 }

    /// The most urgent job with chunks left; the oldest among equals.
    var nextJob: Int? {
        self.jobs.indices.filter { self.jobs[$0].hasNext }.min {
            (self.jobs[$0].priority, $0) < (self.jobs[$1].priority, $1)
        }
    }

    var urgency: Priority? { self.nextJob.map { self.jobs[$0].priority } }

    func isOver(at now: Instant, limit: Duration) -> Bool {
        guard !self.isActive else { return false }
        if let keptUntil, now < keptUntil { return false }
        guard self.unacknowledged > 0, let lastSent else { return true }
        return now - lastSent >= limit
    }

    /// It is told that what it asked for can be had elsewhere: 250 ms to ask for something else.
    mutating func refused(at now: Instant) { self.keptUntil = now + .milliseconds(250) }

    func isTenureOver(at now: Instant, _ limit: Duration, chunks: Int) -> Bool {
        !self.isEnding && (now - self.since >= limit || self.chunks >= chunks)
    }

    /// Ends every request of which nothing is under way, and the others once that is out.
    mutating func endTenure() -> [(SwarmHandle, Rejection)] {
        self.isEnding = true
        return self.jobs.map { ($0.request.id, $0.shard.swarm) }.compactMap { id, swarm in
            self.end(request: id, reason: .busy).map { (swarm, $0) }
        }
    }

    /// When the peer counts as stalled; nil when nothing is being sent to it.
    func stalls(after limit: Duration) -> Instant? { self.serving > 0 ? self.lastProgress + limit : nil }

    func isStalled(at now: Instant, limit: Duration) -> Bool { self.stalls(after: limit).map { now >= $0 } ?? false }

    mutating func serveNext(_ connection: ConnectionID, at now: Instant) -> UploadScheduler.Serve? {
        guard let position = self.nextJob else { return nil }
        if self.serving == 0 { self.lastProgress = now }
        self.serving += 1
        self.chunks += 1
        let chunk = self.jobs[position].takeNext()
        return UploadScheduler.Serve(
            connection: connection,
            request: self.jobs[position].request.id,
            shard: self.jobs[position].shard,
            chunk: chunk,
            size: Cutting.range(of: chunk, inShardOf: self.jobs[position].shardSize).count
        )
    }

    mutating func served(request id: UInt32, chunk: ChunkIndex, succeeded: Bool, at now: Instant) -> Rejection? {
        self.serving -= 1
        self.lastProgress = now
        guard let position = self.jobs.firstIndex(where: { $0.request.id == id }) else { return nil }
        self.jobs[position].serving -= 1
        if succeeded {
            self.unacknowledged += 1
            self.lastSent = now
            self.jobs[position].sent(chunk)
        } else {
            self.jobs[position].endReason = self.jobs[position].endReason ?? .missing
        }
        return self.finish(position)
    }

    mutating func promote(request id: UInt32, to priority: Priority) {
        guard let position = self.jobs.firstIndex(where: { $0.request.id == id }) else { return }
        self.jobs[position].priority = priority
    }

    mutating func end(request id: UInt32, reason: Rejection.Reason) -> Rejection? {
        guard let position = self.jobs.firstIndex(where: { $0.request.id == id }) else { return nil }
        self.jobs[position].endReason = self.jobs[position].endReason ?? reason
        return self.finish(position)
    }

    /// Chunks that are being read still come back through ``served``, and belong to no job then.
    mutating func forget(_ swarm: SwarmHandle) { self.jobs.removeAll { $0.shard.swarm == swarm } }

    /// Removes a job of which nothing is under way and nothing is left.
    private mutating func finish(_ position: Int) -> Rejection? {
        let job = self.jobs[position]
        guard job.serving == 0, !job.hasNext else { return nil }
        self.jobs.remove(at: position)
        guard let reason = job.endReason, !job.isWhole else { return nil }
        return Rejection(
            id: job.request.id,
            reason: reason,
            framesSent: job.framesSent,
            retryAfter: reason == .busy ? UploadScheduler.retryAfter : 0
        )
    }
}

/// One request of a peer.
struct UploadJob: Sendable {
    let request: ChunkRequest
    let shard: ShardOfSwarm
    let shardSize: Int
    /// As the requester sees it now.
    var priority: Priority
    private var taken = 0
    private var chunksSent = 0
    private(set) var framesSent: UInt32 = 0
    var serving = 0
    /// Set when the request ends before all its frames are sent.
    var endReason: Rejection.Reason?

    init(request: ChunkRequest, shard: ShardOfSwarm, shardSize: Int) {
        self.request = request
        self.shard = shard
        self.shardSize = shardSize
        self.priority = request.priority
    }

    var hasNext: Bool { self.endReason == nil && self.taken < Int(self.request.count) }
    /// Chunks that have not been begun and will be.
    var waiting: Range<Int> {
        let end = self.request.first.position + Int(self.request.count)
        return (self.endReason == nil ? self.request.first.position + self.taken : end)..<end
    }

    var isWhole: Bool { self.chunksSent == Int(self.request.count) }

    mutating func takeNext() -> ChunkIndex {
        defer { self.taken += 1 }
        self.serving += 1
        return ChunkIndex(self.request.first.position + self.taken)
    }

    mutating func sent(_ chunk: ChunkIndex) {
        self.chunksSent += 1
        let size = Cutting.range(of: chunk, inShardOf: self.shardSize).count
        self.framesSent += UInt32(FrameHeader.count(forChunkOf: size))
    }
}
