import ShoalCore

/// How much of something is let through, kept as one moment: when the bucket will be full again (ITU-T I.371 calls it
/// the generic cell rate algorithm).
struct TokenBucket: Sendable {
    private var fullAt = Instant.zero

    /// Takes `count` tokens if they are there; takes nothing and returns false if not.
    mutating func take(_ count: Int = 1, of rate: TrackerDoor.Rate, at now: Instant) -> Bool {
        let fullAt = max(self.fullAt, now) + rate.time(for: count)
        guard fullAt - now <= rate.time(for: rate.burst) else { return false }
        self.fullAt = fullAt
        return true
    }

    func isFull(at now: Instant) -> Bool { self.fullAt <= now }
}
