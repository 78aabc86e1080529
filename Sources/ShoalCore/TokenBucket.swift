/// Lets through so much a second, and a burst at once, in whole numbers: a token bucket.
///
/// Debt is allowed through ``spend(_:at:)``: what cannot be cut smaller goes out whole, and what follows waits longer.
package struct TokenBucket: Hashable, Sendable {
    /// 10¹⁸ units: a level in billionths of a unit must fit 128 bits with room to spare.
    package static let limit = 1_000_000_000_000_000_000

    /// Units a second.
    package let rate: Int
    /// Units that may go at once after a time of rest.
    package let burst: Int
    /// In billionths of a unit: nanoseconds times units a second.
    private var level: Int128
    private var updatedAt: Instant

    /// A full bucket.
    package init(rate: Int, burst: Int, at now: Instant) {
        precondition(rate > 0 && rate <= Self.limit, "a rate of \(rate) a second is not within 1…10¹⁸")
        precondition(burst > 0 && burst <= Self.limit, "a burst of \(burst) is not within 1…10¹⁸")
        self.rate = rate
        self.burst = burst
        self.level = Int128(burst) * 1_000_000_000
        self.updatedAt = now
    }

    /// Takes `amount` if it is there; else nothing.
    package mutating func take(_ amount: Int, at now: Instant) -> Bool {
        self.refill(at: now)
        let cost = Int128(amount) * 1_000_000_000
        guard self.level >= cost else { return false }
        self.level -= cost
        return true
    }

    /// Takes `amount` whether it is there or not.
    package mutating func spend(_ amount: Int, at now: Instant) {
        self.refill(at: now)
        self.level -= Int128(amount) * 1_000_000_000
    }

    /// Gives back what was spent for nothing.
    package mutating func refund(_ amount: Int) {
        self.level = min(self.level + Int128(amount) * 1_000_000_000, Int128(self.burst) * 1_000_000_000)
    }

    /// Units that may be spent at `now` without owing any; 0 while some are owed.
    package func level(at now: Instant) -> Int {
        var bucket = self
        bucket.refill(at: now)
        return Int(max(0, bucket.level / 1_000_000_000))
    }

    /// Whether nothing is owed at `now`, so that more may be spent.
    package func isOpen(at now: Instant) -> Bool { now >= self.opensAt }

    /// When what was spent beyond the level has flown in again.
    package var opensAt: Instant {
        guard self.level < 0 else { return self.updatedAt }
        let wait = (-self.level + Int128(self.rate) - 1) / Int128(self.rate)
        return self.updatedAt + .nanoseconds(Int64(clamping: wait))
    }

    private mutating func refill(at now: Instant) {
        let elapsed = max(0, (now - self.updatedAt).wholeNanoseconds)
        self.level = min(self.level + Int128(elapsed) * Int128(self.rate), Int128(self.burst) * 1_000_000_000)
        self.updatedAt = max(self.updatedAt, now)
    }
}
