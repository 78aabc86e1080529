import ShoalCore

/// Whether a peer still lives: any byte is a sign of life; silence is asked about with `ping`.
struct Liveness: Sendable {
    private(set) var lastHeard: Instant
    private var lastPing: Instant
    private var token: UInt64 = 0

    init(at now: Instant) {
        self.lastHeard = now
        self.lastPing = now
    }

    mutating func heard(at now: Instant) { self.lastHeard = max(self.lastHeard, now) }

    /// The token of a `ping` that is due, if one is.
    mutating func pingDue(every interval: Duration, at now: Instant) -> UInt64? {
        guard now >= self.lastPing + interval else { return nil }
        self.lastPing = now
        self.token += 1
        return self.token
    }

    func nextDeadline(ping interval: Duration) -> Instant { self.lastPing + interval }
}
