import ShoalCore

/// How many bytes went by, in all and of late: the rate is the mean of the last four to five seconds.
///
/// Five buckets of one second, whole numbers only: the same bytes at the same moments give the same rate on every
/// platform.
struct Meter: Hashable, Sendable {
    /// 5 s: long enough that a rate can be read, short enough that it is today's.
    private static let span: UInt64 = 5
    private static let second: UInt64 = 1_000_000_000

    private(set) var total = 0
    private let start: Instant
    /// The bytes of each of the last seconds, at the second's number modulo ``span``.
    private var buckets = [Int](repeating: 0, count: Int(span))
    /// The second up to which the buckets are true.
    private var latest: UInt64

    init(at now: Instant) {
        self.start = now
        self.latest = now.nanoseconds / Self.second
    }

    mutating func count(_ bytes: Int, at now: Instant) {
        let second = max(now.nanoseconds / Self.second, self.latest)
        for stale in (self.latest + 1..<max(self.latest + 1, second + 1)).suffix(Int(Self.span)) {
            self.buckets[Int(stale % Self.span)] = 0
        }
        self.latest = second
        self.buckets[Int(second % Self.span)] += bytes
        self.total += bytes
    }

    /// Bytes for each second; of a meter that is younger than a second, its bytes so far.
    func rate(at now: Instant) -> Int {
        let second = max(now.nanoseconds / Self.second, self.latest)
        let oldest = second >= Self.span ? second - Self.span + 1 : 0
        guard oldest <= self.latest else { return 0 }
        let bytes = (oldest...self.latest).reduce(0) { $0 + self.buckets[Int($1 % Self.span)] }
        let since = max(Instant(nanoseconds: oldest * Self.second), self.start)
        let elapsed = max((now - since).wholeNanoseconds, Int64(Self.second))
        // Microseconds keep the product of five seconds of any link within 64 bits.
        return Int(Int64(bytes) * 1_000_000 / (elapsed / 1_000))
    }
}

/// The verified bytes that came, and the bytes that went.
struct Traffic: Hashable, Sendable {
    var received: Meter
    var sent: Meter

    init(at now: Instant) {
        self.received = Meter(at: now)
        self.sent = Meter(at: now)
    }
}
