import ShoalCore

/// Whether a peer still lives: any byte is a sign of life; silence is asked about with `ping`.
struct Liveness: Sendable {
    enum Standing: Sendable {
        /// → ``quiet`` when it owes chunks and sends nothing for a while.
        case fine
        /// What it owes is asked of others as well. → ``fine`` on any byte, ``suspect`` on more silence.
        case quiet
        /// All its work has moved. → ``fine`` on any byte; more silence ends the connection.
        case suspect
    }

    private(set) var lastHeard: Instant
    private(set) var standing = Standing.fine
    private var lastPing: Instant
    private var token: UInt64 = 0
    /// Nanoseconds from `ping` to `pong` in idle moments; decays by an eighth with each.
    private var average: Int64?

    init(at now: Instant) {
        self.lastHeard = now
        self.lastPing = now
    }

    /// From `ping` to `pong` while nothing else was under way; nil until measured.
    var roundTrip: Duration? { self.average.map { .nanoseconds($0) } }

    /// Returns whether the peer had been given up for the time being.
    mutating func heard(at now: Instant) -> Bool {
        self.lastHeard = max(self.lastHeard, now)
        defer { self.standing = .fine }
        return self.standing != .fine
    }

    /// The answer to the latest `ping` came; `isIdle` when nothing was queued that it could have waited behind.
    mutating func answered(_ token: UInt64, isIdle: Bool, at now: Instant) {
        guard token == self.token, isIdle else { return }
        let sample = (now - self.lastPing).wholeNanoseconds
        self.average = self.average.map { $0 + (sample - $0) / 8 } ?? sample
    }

    mutating func silent(_ standing: Standing) { self.standing = standing }

    /// We slept, not the peer.
    mutating func excuse(_ duration: Duration, at now: Instant) { self.lastHeard = min(now, self.lastHeard + duration) }

    /// The token of a `ping` that is due, if one is.
    mutating func pingDue(_ pinging: Pinging, at now: Instant) -> UInt64? {
        guard now >= self.nextPing(pinging) else { return nil }
        self.lastPing = now
        self.token += 1
        return self.token
    }

    func nextPing(_ pinging: Pinging) -> Instant {
        switch pinging {
        case .always(let interval): self.lastPing + interval
        case .inSilence(let interval): max(self.lastPing, self.lastHeard) + interval
        }
    }

    enum Pinging: Sendable {
        /// At rest: this measures the round trip as well.
        case always(every: Duration)
        /// A peer with work that sends anyway need not be asked whether it lives.
        case inSilence(of: Duration)
    }
}
