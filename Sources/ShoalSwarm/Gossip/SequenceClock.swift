import ShoalCore

/// Unix time in milliseconds as a machine without a clock knows it: its session is the Unix time of its start, and the
/// monotonic time since then is told.
///
/// Sequences of inventories and the times of signals are such times. One that is far from our own is refused: from the
/// future it would be unbeatable for ever, from the past it is a recording. Nobody is blamed for it, because the wrong
/// clock may be ours; a node whose clock is wrong by more still finds peers through trackers.
struct SequenceClock: Hashable, Sendable {
    /// 10 min: more than what clocks without NTP lose in a month.
    static let tolerance: UInt64 = 600_000
    /// What counts no longer is not older than this: the tolerance, and the longest time to live.
    static let memory = Duration.milliseconds(600_000 + 120_000)

    private let session: UInt64
    private let startedAt: Instant

    init(session: UInt64, startedAt: Instant) {
        self.session = session
        self.startedAt = startedAt
    }

    func milliseconds(at now: Instant) -> UInt64 {
        let elapsed = max(0, (now - self.startedAt).wholeNanoseconds / 1_000_000)
        let (sum, overflow) = self.session.addingReportingOverflow(UInt64(elapsed))
        return overflow ? .max : sum
    }

    /// Whether something that says it was made at `time` can have been made lately.
    func accepts(_ time: UInt64, at now: Instant) -> Bool {
        let present = self.milliseconds(at: now)
        if time >= present { return time - present <= Self.tolerance }
        return present - time <= UInt64(Self.memory.wholeNanoseconds / 1_000_000)
    }
}
