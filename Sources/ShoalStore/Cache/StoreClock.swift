import Foundation

/// The wall clock by which last uses are compared, also between one start and the next.
struct StoreClock: Sendable {
    /// Milliseconds since 1970.
    let now: @Sendable () -> Int64

    static let system = StoreClock { Int64(Date().timeIntervalSince1970 * 1_000) }
}
