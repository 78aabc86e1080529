import ShoalCore

/// How many peers are served at once: no more than the uplink can serve quickly.
///
/// What an uplink sends to sixteen at once comes to each of them sixteen times as late, and in a swarm that passes chunks
/// on, every hop waits that long: a hundred nodes with 5 Mbit/s took 27 s with 16 slots for each, and 11 s with 3
/// (`shoal-sim growth`). The uplink's capacity is the most that was acknowledged in one of the last seconds in which
/// there was work, so that slow takers do not make a quick uplink look slow.
struct UploadSlots: Sendable {
    /// 2 chunks (256 KiB) a second for each slot.
    static let chunksPerSlot = 2
    /// 30 working seconds are remembered.
    private static let memory = 30
    private static let window = Duration.seconds(1)

    /// The owner may change it.
    var range: ClosedRange<Int>
    /// Each peer is held to so little that what they take says nothing of the uplink: all slots are open.
    var areAllOpen = false
    /// Chunks that were acknowledged in each of the last working seconds.
    private var rates: [Int] = []
    private var windowStart: Instant
    private var inWindow = 0

    init(range: ClosedRange<Int>, at now: Instant) {
        self.range = range
        self.windowStart = now
    }

    /// Chunks a second; nil until there has been a whole second of work.
    var capacity: Int? { self.rates.max() }

    /// How many peers may be served at once now.
    var count: Int {
        guard !self.areAllOpen else { return self.range.upperBound }
        let capacity = max(self.capacity ?? 0, self.inWindow)
        return min(max(capacity / Self.chunksPerSlot, self.range.lowerBound), self.range.upperBound)
    }

    /// A peer has received chunks.
    mutating func acknowledged(_ chunks: Int, at now: Instant) {
        if now - self.windowStart >= Self.window {
            if self.inWindow > 0 { self.rates.append(self.inWindow) }
            if self.rates.count > Self.memory { self.rates.removeFirst() }
            self.windowStart = now
            self.inWindow = 0
        }
        self.inWindow += chunks
    }
}
