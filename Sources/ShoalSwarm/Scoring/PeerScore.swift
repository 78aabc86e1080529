import ShoalCore

/// How useful a peer is: who is asked first, who gets the hedge of a late chunk, and who goes when connections are short.
///
/// All parts are whole numbers from 0 to 1,000; averages decay in fixed point.
package struct PeerScore: Hashable, Sendable {
    /// The parts and what they add up to.
    package struct Report: Hashable, Sendable {
        /// 500 at 4 MiB/s, 1,000 at an infinite rate.
        package var throughput: Int
        /// 1,000 for an answer at once, 500 at 100 ms.
        package var latency: Int
        /// The share of chunks that came right and in time.
        package var reliability: Int
        /// Reliability times the rest, throughput counting twice.
        package var total: Int

        package init(throughput: Int, latency: Int, reliability: Int) {
            self.throughput = throughput
            self.latency = latency
            self.reliability = reliability
            self.total = (2 * throughput + latency) / 3 * reliability / 1_000
        }
    }

    /// 4 MiB/s: a chunk in 31 ms, what a 35 Mbit/s uplink gives.
    static let middleRate: Int64 = 4 * 1_048_576
    /// 100 ms.
    static let middleLatency: Int64 = 100_000_000
    /// A newcomer is believed half: better than one that fails, worse than one that has proved itself.
    static let newcomer = 500

    /// Decays by an eighth with each chunk.
    private(set) var reliability: Int

    /// - Parameter reliability: of an earlier connection to the same node, if there was one.
    init(reliability: Int = Self.newcomer) { self.reliability = reliability }

    mutating func chunkVerified() { self.blend(1_000) }

    /// A chunk came too late, or not at all.
    mutating func chunkFailed() { self.blend(0) }

    /// Wrong bytes: the worst there is.
    mutating func chunkCorrupt() { self.reliability = 0 }

    /// - Parameter pace: what is known of the peer's speed; a newcomer counts as middling.
    func report(_ pace: Pace, isOwing: Bool, at now: Instant) -> Report {
        let rate = pace.rate(isOwing: isOwing, at: now).map { $0 * Int64(Cutting.chunkSize) / 1_000 }
        let latency = pace.averageLatency?.wholeNanoseconds
        return Report(
            throughput: rate.map { Int(1_000 * $0 / ($0 + Self.middleRate)) } ?? 500,
            latency: latency.map { Int(1_000 * Self.middleLatency / (Self.middleLatency + max(0, $0))) } ?? 500,
            reliability: self.reliability
        )
    }

    /// Rounded away from where it is, so that it reaches both ends.
    private mutating func blend(_ sample: Int) {
        let step = (sample - self.reliability) / 8
        self.reliability += step != 0 ? step : (sample - self.reliability).signum()
    }
}
