import ShoalCore
import ShoalWire

/// What peers asked for and how it is shared out: a bounded number of peers at once, chunk by chunk in turn, urgent
/// requests first. While others wait, a peer has its slot for a while only; then it is at the end of the line.
struct UploadScheduler: Sendable {
    /// A chunk to read and send.
    struct Serve: Hashable, Sendable {
        var connection: ConnectionID
        var request: UInt32
        var shard: ShardOfSwarm
        var chunk: ChunkIndex
        /// In bytes.
        var size: Int
    }

    /// 1 s: when a peer that is told `busy` is to come back. In milliseconds.
    static let retryAfter: UInt32 = 1_000

    private var slots: UploadSlots
    private let slotRange: ClosedRange<Int>
    private let tenureChunks: Int
    private let tenureLimit: Duration
    private let servesAtOnce: Int
    private let servesAtOncePerPeer: Int
    private let acknowledgeLimit: Duration
    private let takeLimit: Duration
    private var limiter: RateLimiter
    private var peers = SortedMap<ConnectionID, PeerUploads>()
    private var line = UploadLine()
    private var serving = 0
    /// Whose turn it was last, of all and of those with urgent requests.
    private var lastServed: ConnectionID?
    private var lastUrgent: ConnectionID?
    /// Whether the next chunk goes to whoever's turn it is, however urgent.
    private var isAnybodysTurn = false
    private(set) var chunksServed = 0
    private var copies = SentCopies()

    init(configuration: MeshConfiguration, at now: Instant) {
        self.slotRange = configuration.uploadSlots
        self.slots = UploadSlots(range: configuration.uploadSlots, at: now)
        self.tenureChunks = configuration.uploadTenureChunks
        self.tenureLimit = configuration.uploadTenure
        self.servesAtOnce = configuration.servesAtOnce
        self.servesAtOncePerPeer = configuration.servesAtOncePerPeer
        self.acknowledgeLimit = configuration.acknowledgeLimit
        self.takeLimit = configuration.takeLimit
        self.limiter = RateLimiter(configuration.limits.upload, at: now)
        self.limitSlots(configuration.limits)
    }

    /// Serves no quicker than this from now on. Peers that have a slot which there is no longer lose it: returns what
    /// ``endTenures(at:)`` does.
    mutating func limit(_ limits: TransferLimits, at now: Instant) -> [(ConnectionID, SwarmHandle, Rejection)] {
        self.limiter = RateLimiter(limits.upload, at: now)
        self.limitSlots(limits)
        // Who has nothing left to get loses nothing.
        self.freeSlots(at: now)
        let served = self.peers.filter { !$0.value.isEnding }
        return self.endTenures(of: served, atMost: served.count - self.slots.count, at: now)
    }

    private mutating func limitSlots(_ limits: TransferLimits) {
        self.slots.range = limits.slots(of: self.slotRange)
        // Held to twice what a slot is meant to take, three peers would look like an uplink for three.
        let least = 2 * UploadSlots.chunksPerSlot * Cutting.chunkSize
        self.slots.areAllOpen = limits.upload.perPeer.map { $0 < least } ?? false
    }

    /// Takes a request in. Nil when it is queued, else why it is not.
    ///
    /// - Parameter isSeeding: whether this node has all of the model: then what it sends once others can pass on.
    mutating func add(
        _ request: ChunkRequest,
        of shard: ShardOfSwarm,
        shardSize: Int,
        from connection: ConnectionID,
        queueLimit: Int,
        isSeeding: Bool,
        at now: Instant
    ) -> Rejection.Reason? {
        guard self.hasSlotLeft(for: connection, at: now) else {
            self.line.wait(connection, at: now)
            return .busy
        }
        if isSeeding, self.isElsewhere(request, of: shard, for: connection, at: now) {
            for chunk in request.chunks { self.copies.refused(chunk, of: shard, to: connection) }
            self.peers.update(connection) { $0.refused(at: now) }
            return .elsewhere
        }
        self.takeSlot(connection, at: now)
        let isQueued = self.peers.update(connection) { peer -> Bool in
            guard peer.jobs.count < queueLimit else { return false }
            peer.jobs.append(UploadJob(request: request, shard: shard, shardSize: shardSize))
            return true
        }
        return isQueued == true ? nil : .limit
    }

    /// Whether the uplink is what everybody waits for, and all of this has gone to somebody else of late or is about to. Nothing
    /// that an engine waits for, or that is late, is put off, and nothing twice: not everybody can reach whoever has it.
    private func isElsewhere(
        _ request: ChunkRequest,
        of shard: ShardOfSwarm,
        for connection: ConnectionID,
        at now: Instant
    ) -> Bool {
        guard request.priority > .next, self.isSqueezed else { return false }
        let others = self.peers.filter { $0.key != connection }
        return request.chunks.allSatisfy { chunk in
            guard !self.copies.hasRefused(chunk, of: shard, to: connection) else { return false }
            return self.copies.hasSent(chunk, of: shard, besides: connection, at: now)
                || others.contains { $0.value.isDue(chunk.position, of: shard) }
        }
    }

    /// Whether what is in line takes longer than a tenth of a second, so that a second copy makes everybody wait.
    private var isSqueezed: Bool { self.lineTime.map { $0 >= .milliseconds(100) } ?? false }

    /// How long what is in line takes to send; nil until the uplink is known.
    private var lineTime: Duration? {
        let limit = self.limiter.rate.map { max(1, $0 / Cutting.chunkSize) }
        guard let capacity = [limit, self.slots.capacity].compactMap(\.self).min() else { return nil }
        return .milliseconds(1_000 * self.peers.reduce(0) { $0 + $1.value.pendingChunks } / capacity)
    }

    /// When a peer that is told `elsewhere` may come back for the same chunk, in milliseconds: half a second after the line of
    /// now is sent.
    var elsewhereAfter: UInt32 {
        let line = self.lineTime ?? .zero
        return 500 + UInt32(min(line, .seconds(4)).wholeNanoseconds / 1_000_000)
    }

    /// Whether the peer has a slot, or may have one: of those that are free, when fewer wait before it.
    private mutating func hasSlotLeft(for connection: ConnectionID, at now: Instant) -> Bool {
        self.freeSlots(at: now)
        self.line.expire(at: now)
        if let peer = self.peers[connection] { return !peer.isEnding }
        return self.line.ahead(of: connection, at: now) < self.slots.count - self.peers.count
    }

    private mutating func takeSlot(_ connection: ConnectionID, at now: Instant) {
        guard self.peers[connection] == nil else { return }
        self.line.leave(connection)
        self.peers[connection] = PeerUploads(since: now)
    }

    /// Takes the slots back of peers that have had them for their time, as many as others wait for. What is under way
    /// for them still goes out. Returns the `reject`s of what has not begun, and the swarms that they are of.
    mutating func endTenures(at now: Instant) -> [(ConnectionID, SwarmHandle, Rejection)] {
        let coming = self.slots.count - self.peers.count { !$0.value.isEnding }
        let over = self.peers.filter { $0.value.isTenureOver(at: now, self.tenureLimit, chunks: self.tenureChunks) }
        return self.endTenures(of: over, atMost: self.line.count - coming, at: now)
    }

    /// Those who have had their slots for longest go first.
    private mutating func endTenures(
        of candidates: [(key: ConnectionID, value: PeerUploads)],
        atMost count: Int,
        at now: Instant
    ) -> [(ConnectionID, SwarmHandle, Rejection)] {
        let over = candidates.sorted { ($0.value.since, $0.key) < ($1.value.since, $1.key) }
        var rejections: [(ConnectionID, SwarmHandle, Rejection)] = []
        for (connection, _) in over.prefix(max(0, count)) {
            self.line.wait(connection, passesOn: true, at: now)
            self.peers.update(connection) { peer in
                for (swarm, rejection) in peer.endTenure() { rejections.append((connection, swarm, rejection)) }
            }
        }
        return rejections
    }

    /// The chunks that may be read and sent now.
    mutating func nextServes(at now: Instant) -> [Serve] {
        var serves: [Serve] = []
        while self.serving < self.servesAtOnce, let (connection, isUrgent) = self.nextPeer(at: now) {
            if isUrgent { self.lastUrgent = connection } else { self.lastServed = connection }
            self.isAnybodysTurn = isUrgent
            self.serving += 1
            guard let serve = self.peers.update(connection, { $0.serveNext(connection, at: now) }) ?? nil else {
                continue
            }
            self.limiter.spend(serve.size, for: connection, at: now)
            self.copies.sent(serve.chunk, of: serve.shard, to: connection, at: now)
            serves.append(serve)
        }
        return serves
    }

    /// A chunk went out, or could not be read. Returns the `reject` that ends its request, when one does.
    mutating func served(
        _ connection: ConnectionID,
        request: UInt32,
        chunk: ChunkIndex,
        succeeded: Bool,
        at now: Instant
    ) -> Rejection? {
        self.serving -= 1
        if succeeded { self.chunksServed += 1 }
        let rejection = self.peers.update(connection) { peer in
            peer.served(request: request, chunk: chunk, succeeded: succeeded, at: now)
        }
        return rejection ?? nil
    }

    /// Returns the `reject` that ends the request when nothing of it is under way.
    mutating func cancel(_ connection: ConnectionID, request: UInt32) -> Rejection? {
        self.peers.update(connection) { $0.end(request: request, reason: .cancelled) } ?? nil
    }

    /// The requester wants a request sooner, or less soon.
    mutating func promote(_ connection: ConnectionID, request: UInt32, to priority: Priority) {
        self.peers.update(connection) { $0.promote(request: request, to: priority) }
    }

    /// The shard is gone: every request for it ends. Returns the `reject`s, by connection.
    mutating func lost(_ shard: ShardOfSwarm) -> [(ConnectionID, Rejection)] {
        var rejections: [(ConnectionID, Rejection)] = []
        self.peers.updateAll { connection, peer in
            for id in peer.jobs.filter({ $0.shard == shard }).map(\.request.id) {
                if let rejection = peer.end(request: id, reason: .missing) {
                    rejections.append((connection, rejection))
                }
            }
        }
        return rejections
    }

    /// The peer no longer wants or gets anything of this swarm: its requests end without a word.
    mutating func forget(_ swarm: SwarmHandle, of connection: ConnectionID) {
        self.peers.update(connection) { $0.forget(swarm) }
    }

    mutating func acknowledged(_ connection: ConnectionID, chunks: Int, at now: Instant) {
        let counted = self.peers.update(connection) { peer in
            // A peer that acknowledges what it did not get makes no slots.
            let counted = min(peer.unacknowledged, chunks)
            peer.unacknowledged -= counted
            return counted
        }
        self.slots.acknowledged(counted ?? 0, at: now)
    }

    /// The connection is gone. Chunks that are being read for it still come back through ``served``.
    mutating func remove(_ connection: ConnectionID) {
        self.peers.removeValue(forKey: connection)
        self.limiter.remove(connection)
        self.copies.remove(connection)
        self.line.leave(connection)
    }

    /// What a request that is queued or under way asks for.
    func shard(of request: UInt32, from connection: ConnectionID) -> ShardOfSwarm? {
        self.peers[connection]?.jobs.first { $0.request.id == request }?.shard
    }

    /// Requests of the peer that wait or are under way.
    func queuedRequests(of connection: ConnectionID) -> Int { self.peers[connection]?.jobs.count ?? 0 }

    func isServing(_ connection: ConnectionID) -> Bool { self.peers[connection]?.isActive ?? false }

    /// Peers that have taken nothing of what is being sent to them for too long.
    func stalled(at now: Instant) -> [ConnectionID] {
        self.peers.filter { $0.value.isStalled(at: now, limit: self.takeLimit) }.map(\.key)
    }

    /// When something may be served that may not be now, or a peer has stalled.
    var nextDeadline: Instant? {
        let stalls = self.peers.compactMap { $0.value.stalls(after: self.takeLimit) }.min()
        guard self.limiter.isLimited, self.serving < self.servesAtOnce else { return stalls }
        let opens = self.readyPeers.map { self.limiter.opensAt(for: $0.key) }.min()
        return [stalls, opens].compactMap(\.self).min()
    }

    /// Peers that a chunk may be read for, as far as their own account goes.
    private var readyPeers: [(key: ConnectionID, value: PeerUploads)] {
        self.peers.filter { $0.value.serving < self.servesAtOncePerPeer && $0.value.nextJob != nil }
    }

    private mutating func freeSlots(at now: Instant) {
        for (connection, peer) in self.peers where peer.isOver(at: now, limit: self.acknowledgeLimit) {
            self.peers.removeValue(forKey: connection)
        }
    }

    /// The next peer in turn, of those with the most urgent request at every second time: how urgent a request is says who
    /// makes it, and nobody is to have the whole uplink for a word.
    private func nextPeer(at now: Instant) -> (connection: ConnectionID, isUrgent: Bool)? {
        let ready = self.readyPeers.filter { self.limiter.isOpen(for: $0.key, at: now) }
        guard let urgent = ready.compactMap({ $0.value.urgency }).min() else { return nil }
        let first = ready.filter { $0.value.urgency == urgent }.map(\.key)
        let isUrgent = first.count < ready.count && !self.isAnybodysTurn
        let candidates = isUrgent ? first : ready.map(\.key)
        let last = isUrgent ? self.lastUrgent : self.lastServed
        let next = last.flatMap { last in candidates.first { $0 > last } } ?? candidates.first
        return next.map { ($0, isUrgent) }
    }
}

extension ChunkRequest {
    fileprivate var chunks: [ChunkIndex] {
        (self.first.position..<self.first.position + Int(self.count)).map { ChunkIndex($0) }
    }
}
