import Dispatch
import Foundation
import ShoalCore

/// The node's clocks.
enum NodeClock {
    /// Wall-clock time, for numbers that must grow from one start of the node to the next.
    static var unixMilliseconds: UInt64 { UInt64(max(0, Date.now.timeIntervalSince1970 * 1_000)) }

    /// Monotonic: nanoseconds since the machine started.
    static var now: Instant { Instant(nanoseconds: DispatchTime.now().uptimeNanoseconds) }
}

extension Duration {
    /// For figures that are shown, not for deciding anything.
    package var inSeconds: Double {
        let (seconds, attoseconds) = self.components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}
