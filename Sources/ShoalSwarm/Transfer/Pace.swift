import ShoalCore

/// How quick a peer is, in fixed point: floating-point decay differs between platforms.
struct Pace: Sendable {
    /// Nanoseconds from a request to each of its chunks; decays by an eighth with each chunk, as TCP's estimator does
    /// (RFC 6298).
    private var completion: Int64?
    /// Nanoseconds between chunks while some are owed, decaying likewise.
    private var spacing: Int64?
    /// Nanoseconds from a request to its first frame, decaying likewise.
    private var latency: Int64?
    /// When the last chunk came, or since when chunks are owed.
    private var waitsSince: Instant?

    /// How long the peer takes for a chunk, its queue included.
    var averageCompletion: Duration? { self.completion.map { .nanoseconds($0) } }

    /// From a request to its first frame.
    var averageLatency: Duration? { self.latency.map { .nanoseconds($0) } }

    /// Chunks in a thousand seconds while some are owed; falls while one is waited for. Nil until two have come.
    func rate(isOwing: Bool, at now: Instant) -> Int64? {
        guard var spacing = self.spacing else { return nil }
        if isOwing, let waitsSince { spacing = max(spacing, (now - waitsSince).wholeNanoseconds) }
        return 1_000_000_000_000 / max(spacing, 1)
    }

    mutating func completed(after duration: Duration, at now: Instant) {
        Self.blend(duration.wholeNanoseconds, into: &self.completion)
        if let since = self.waitsSince { Self.blend((now - since).wholeNanoseconds, into: &self.spacing) }
        self.waitsSince = now
    }

    /// Nothing was owed until now: the time before says nothing.
    mutating func resumed(at now: Instant) { self.waitsSince = now }

    mutating func answered(after duration: Duration) { Self.blend(duration.wholeNanoseconds, into: &self.latency) }

    private static func blend(_ sample: Int64, into average: inout Int64?) {
        average = average.map { $0 + (sample - $0) / 8 } ?? sample
    }
}
