/// A moment on some monotonic clock, in nanoseconds since that clock's epoch.
///
/// Machines are told the time; they never ask. The node's clock and the simulator's are both only this.
package struct Instant: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let nanoseconds: UInt64

    package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    package static let zero = Instant(nanoseconds: 0)

    /// The moment `duration` after `instant`; the ends of the clock are never passed.
    package static func + (instant: Instant, duration: Duration) -> Instant {
        let step = duration.wholeNanoseconds
        return Instant(
            nanoseconds: step >= 0
                ? instant.nanoseconds.addingClamped(UInt64(step))
                : instant.nanoseconds.subtractingClamped(UInt64(-step))
        )
    }

    /// Time from `earlier` to `later`; negative when they are the other way round.
    package static func - (later: Instant, earlier: Instant) -> Duration {
        later >= earlier
            ? .nanoseconds(Int64(clamping: later.nanoseconds - earlier.nanoseconds))
            : .nanoseconds(-Int64(clamping: earlier.nanoseconds - later.nanoseconds))
    }

    package static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    package var description: String {
        "\(self.nanoseconds / 1_000_000_000).\(String(1_000_000_000 + self.nanoseconds % 1_000_000_000).dropFirst()) s"
    }
}

extension Duration {
    /// The duration in nanoseconds, cut towards zero and held within ±292 years.
    package var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = self.components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? -Int64.max : Int64.max }
        let (sum, sumOverflow) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return sumOverflow ? (seconds < 0 ? -Int64.max : Int64.max) : sum
    }

    /// The duration in milliseconds, cut towards zero and held within what a `u32` of the wire can say.
    package var wireMilliseconds: UInt32 { UInt32(clamping: self.wholeNanoseconds / 1_000_000) }
}

extension UInt64 {
    fileprivate func addingClamped(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = self.addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    fileprivate func subtractingClamped(_ other: UInt64) -> UInt64 { self > other ? self - other : 0 }
}
