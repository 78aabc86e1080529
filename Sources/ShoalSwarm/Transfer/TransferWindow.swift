import ShoalCore

/// How many chunks a peer may owe us at once: as many as keep its channel busy, and few enough that nothing waits long
/// behind them.
///
/// Controlled by delay, in the manner of TCP Vegas (Brakmo and Peterson, 1995) and LEDBAT (RFC 6817): it grows while chunks
/// come nearly as quickly as they ever did, and shrinks when they queue somewhere, be it in the channel or behind other
/// peers' requests. So a quick peer gets a deep pipeline, and one whose uplink is shared by many owes each of them little,
/// which is what makes its death cheap.
struct TransferWindow: Sendable {
    /// 40 ms of queueing: what disks and threads need to keep a fast channel full, and below the 50 ms that control messages
    /// may take. As much again as the least delay itself, up to 100 ms: a long path varies more.
    static let queueing: Int64 = 40_000_000
    static let variation: Int64 = 100_000_000

    /// 10 s: for how long the least delay is believed, so that a changed path is noticed.
    static let memory = Duration.seconds(10)

    /// Thousandths of a chunk.
    private static let unit = 1_000

    private let limits: ClosedRange<Int>
    /// In chunks, while the peer is on trial.
    private let trial: Int
    private var level: Int
    /// Doubles with each round until something queues, as TCP's slow start does (RFC 5681).
    private var growsFast = true
    /// Nothing of the peer has been verified yet, or something was wrong: one chunk at a time.
    private(set) var isOnTrial = true
    /// Nanoseconds from a request to a chunk: the least of this period, and of the one before.
    private var least: Int64?
    private var leastBefore: Int64?
    private var periodEnd = Instant.zero
    private var mayShrinkAt = Instant.zero

    init(limits: ClosedRange<Int>, trial: Int) {
        self.limits = limits
        self.trial = trial
        self.level = limits.lowerBound * Self.unit
    }

    /// In chunks.
    var size: Int { self.isOnTrial ? self.trial : self.level / Self.unit }

    /// Whether chunks queue at the peer, or on the way, however few it owes.
    var isSqueezed: Bool { !self.growsFast && self.level == self.limits.lowerBound * Self.unit }

    /// A chunk came `delay` after it was asked for.
    mutating func arrived(after delay: Duration, at now: Instant) {
        let delay = delay.wholeNanoseconds
        self.remember(delay, at: now)
        let least = min(self.least ?? delay, self.leastBefore ?? delay)
        if delay <= least + min(least, Self.variation) + Self.queueing {
            let step = self.growsFast ? Self.unit : Self.unit * Self.unit / self.level
            self.set(self.level + step)
        } else if now >= self.mayShrinkAt {
            self.growsFast = false
            self.mayShrinkAt = now + .nanoseconds(delay)
            self.set(self.level - self.level / 4)
        }
    }

    /// A chunk was verified: the trial is over.
    mutating func verified() { self.isOnTrial = false }

    /// Something was wrong: the peer has to prove itself again.
    mutating func putOnTrial() { self.isOnTrial = true }

    /// The peer let a deadline pass.
    mutating func missedDeadline() {
        self.growsFast = false
        self.set(self.level / 2)
    }

    private mutating func set(_ level: Int) {
        self.level = min(max(level, self.limits.lowerBound * Self.unit), self.limits.upperBound * Self.unit)
    }

    private mutating func remember(_ delay: Int64, at now: Instant) {
        if now >= self.periodEnd {
            self.leastBefore = self.least
            self.least = nil
            self.periodEnd = now + Self.memory
        }
        self.least = min(self.least ?? delay, delay)
    }
}
