import ShoalCore

/// How quick a peer is, in fixed point: floating-point decay differs between platforms.
struct Pace: Sendable {
    /// Nanoseconds from a request to each of its chunks; decays by an eighth with each chunk, as TCP's estimator does
    /// (RFC 6298).
    private var completion: Int64?
    /// Nanoseconds between chunks, decaying likewise.
    private var spacing: Int64?
    /// The least time from a request to its first frame: what of it is not queueing.
    private var latency: Int64?
    private var lastCompletion: Instant?

    /// How long the peer takes for a chunk, its queue included.
    var averageCompletion: Duration? { self.completion.map { .nanoseconds($0) } }

    /// The bandwidth-delay product, in chunks; nil until it is known.
    var chunksInFlight: Int? {
        guard let spacing, let latency else { return nil }
        return Int(latency / max(spacing, 1)) + 1
    }

    mutating func completed(after duration: Duration, at now: Instant) {
        Self.blend(duration.wholeNanoseconds, into: &self.completion)
        if let last = self.lastCompletion { Self.blend((now - last).wholeNanoseconds, into: &self.spacing) }
        self.lastCompletion = now
    }

    /// Nothing was asked for since the last chunk: the time until the next one says nothing.
    mutating func paused() { self.lastCompletion = nil }

    mutating func answered(after duration: Duration) {
        self.latency = min(self.latency ?? .max, duration.wholeNanoseconds)
    }

    private static func blend(_ sample: Int64, into average: inout Int64?) {
        average = average.map { $0 + (sample - $0) / 8 } ?? sample
    }
}
