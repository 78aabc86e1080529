import ShoalCore

/// Our side of one tracker: when to connect, and when to announce each swarm there.
///
/// A lost tracker is tried again after 0.5–2 s, eight times; then after twice as long each time up to a minute. A tracker
/// that restarts is back in 2 s; WebTorrent's minutes are why its swarms heal slowly. Each socket gets a new peer ID: some servers keep the old socket under a known one.
struct TrackerSession: Sendable {
    enum State: Sendable {
        /// → ``connecting`` when its moment comes.
        case waiting(until: Instant)
        /// → ``connected(_:)``, or ``waiting(until:)`` when that fails.
        case connecting
        /// → ``waiting(until:)`` when the socket closes, ``closing`` when no swarm is announced there any more.
        case connected(PeerID)
        /// → ``waiting(until:)`` when the socket has closed.
        case closing
    }

    /// A swarm at this tracker.
    struct Announcement: Sendable {
        var next: Instant
        /// `started` was sent on this socket.
        var hasStarted = false
        /// How many peers the tracker counted last, us included.
        var swarmSize: Int?
        /// Announces in a row that were hurried because the swarm had no peers for us.
        var hurried = 0
        /// What the tracker insists on, between announces.
        var minimumInterval: Duration?
        var lastAnnounce: Instant?
        /// The last announce was neither answered nor refused yet.
        var awaitsReply = false
        /// Refusals since the last reply, and until when they keep us away.
        var refusals = 0
        var refusedUntil: Instant?

        /// Before it the tracker does not want to hear of the swarm.
        var earliest: Instant {
            let least = self.minimumInterval.flatMap { minimum in self.lastAnnounce.map { $0 + minimum } }
            return max(least ?? .zero, self.refusedUntil ?? .zero)
        }
    }

    /// After 2 s, then twice as long each time, a swarm that was refused is announced again.
    private static let refusalDelay = Duration.seconds(2)
    private static let longestRefusalDelay = Duration.seconds(120)
    /// 8 tries at the shortest delay take some 10 s: a tracker that restarts needs less.
    private static let quickRetries = 8

    let index: TrackerIndex
    private(set) var state: State
    private(set) var announcements = SortedMap<SwarmHandle, Announcement>()
    private var failures = 0

    init(index: TrackerIndex, at now: Instant) {
        self.index = index
        self.state = .waiting(until: now)
    }

    var peerID: PeerID? {
        if case .connected(let peerID) = self.state { peerID } else { nil }
    }

    mutating func add(_ handle: SwarmHandle, at now: Instant) { self.announcements[handle] = Announcement(next: now) }

    /// The swarm is no longer announced here. Returns whether the socket is to be closed, because none is.
    mutating func remove(_ handle: SwarmHandle) -> Bool {
        self.announcements.removeValue(forKey: handle)
        guard self.announcements.isEmpty else { return false }
        switch self.state {
        case .waiting, .closing: return false
        case .connecting, .connected:
            self.state = .closing
            return true
        }
    }

    /// Whether it is time to connect; then the session counts as connecting.
    mutating func connectIfDue(at now: Instant) -> Bool {
        guard case .waiting(let until) = self.state, now >= until, !self.announcements.isEmpty else { return false }
        self.state = .connecting
        return true
    }

    /// The socket is open. Every swarm is announced there anew, at once or after `wait` for offers to be ready.
    mutating func connected(as peerID: PeerID, wait: Duration, at now: Instant) {
        // It is to close: that it opened meanwhile is no news.
        if case .closing = self.state { return }
        self.state = .connected(peerID)
        self.announcements.updateAll { _, announcement in announcement = Announcement(next: now + wait) }
    }

    /// The socket is closed or could not be opened. Returns when it will be tried again; nil when that was our wish: then
    /// it is tried as soon as a swarm is announced there.
    mutating func closed(at now: Instant, using generator: inout SeededGenerator) -> Duration? {
        if case .closing = self.state {
            self.state = .waiting(until: now)
            return nil
        }
        let base = Duration.milliseconds(Int64.random(in: 500...2000, using: &generator))
        let delay = min(base * (1 << min(max(self.failures - Self.quickRetries + 1, 0), 7)), .seconds(60))
        self.failures += 1
        self.state = .waiting(until: now + delay)
        return delay
    }

    /// The tracker talks sense: the next loss starts from the shortest delay again.
    mutating func answered(_ statistics: TrackerStatistics, handle: SwarmHandle) {
        self.failures = 0
        self.announcements.update(handle) { announcement in
            let (sum, overflow) = statistics.complete.addingReportingOverflow(statistics.incomplete)
            announcement.swarmSize = overflow ? .max : max(0, sum)
            announcement.minimumInterval = statistics.minimumInterval
            announcement.awaitsReply = false
            announcement.refusals = 0
            announcement.refusedUntil = nil
            // The next announce was planned before the tracker said so.
            announcement.next = max(announcement.next, announcement.earliest)
        }
    }

    /// The tracker wants to hear nothing of the swarm, or not now.
    mutating func refused(_ handle: SwarmHandle, at now: Instant) {
        self.announcements.update(handle) { announcement in
            // One refusal for an announce; an answer may be refused as well, which says nothing of the swarm.
            guard announcement.awaitsReply else { return }
            announcement.awaitsReply = false
            let delay = min(Self.refusalDelay * (1 << min(announcement.refusals, 9)), Self.longestRefusalDelay)
            announcement.refusals += 1
            announcement.refusedUntil = now + delay
            announcement.next = max(announcement.next, announcement.earliest)
        }
    }

    /// Swarms whose announce is due.
    func due(at now: Instant) -> [SwarmHandle] {
        guard self.peerID != nil else { return [] }
        return self.announcements.filter { now >= $0.value.next }.map(\.key)
    }

    /// An announce was sent.
    mutating func announced(_ handle: SwarmHandle, next: Instant, at now: Instant) {
        self.announcements.update(handle) { announcement in
            announcement.hasStarted = true
            announcement.awaitsReply = true
            announcement.lastAnnounce = now
            announcement.next = max(next, announcement.earliest)
        }
    }

    /// Brings the next announce forward to `moment`, unless the tracker forbids it.
    mutating func hurry(_ handle: SwarmHandle, to moment: Instant) {
        self.announcements.update(handle) { announcement in
            announcement.next = min(announcement.next, max(moment, announcement.earliest))
        }
    }

    /// How long a swarm without peers waits until its next announce: 2 s, then twice as long each time.
    mutating func lonelyDelay(_ handle: SwarmHandle, limit: Duration) -> Duration {
        self.announcements.update(handle) { announcement in
            defer { announcement.hurried += 1 }
            return min(Duration.seconds(2) * (1 << min(announcement.hurried, 5)), limit)
        } ?? limit
    }

    /// The swarm has a peer: the next loneliness starts from the shortest delay again.
    mutating func hasCompany(_ handle: SwarmHandle) { self.announcements.update(handle) { $0.hurried = 0 } }

    /// The last count is too old to say that there is nobody else.
    mutating func forgetSize(_ handle: SwarmHandle) { self.announcements.update(handle) { $0.swarmSize = nil } }

    var nextDeadline: Instant? {
        switch self.state {
        case .waiting(let until): self.announcements.isEmpty ? nil : until
        case .connecting, .closing: nil
        case .connected: self.announcements.values.map(\.next).min()
        }
    }
}
