import ShoalCore
import Testing

@testable import ShoalSwarm

/// How many chunks a peer may owe.
struct TransferWindowTests {
    private static let limits = 2...32

    private func open() -> TransferWindow {
        var window = TransferWindow(limits: Self.limits, trial: 1)
        window.verified()
        return window
    }

    /// Lets `count` chunks arrive, one after the other, each `delay` after it was asked for.
    private func feed(_ window: inout TransferWindow, _ count: Int, _ delay: Duration, _ now: inout Instant) {
        for _ in 0..<count {
            now = now + .milliseconds(5)
            window.arrived(after: delay, at: now)
        }
    }

    @Test func `a newcomer owes one chunk until one is verified`() {
        var window = TransferWindow(limits: Self.limits, trial: 1)
        var now = Instant.zero
        self.feed(&window, 10, .milliseconds(3), &now)
        #expect(window.size == 1)
        window.verified()
        #expect(window.size == 12)
        window.putOnTrial()
        #expect(window.size == 1)
    }

    @Test func `it grows with each chunk while nothing queues, up to its limit`() {
        var window = self.open()
        var now = Instant.zero
        #expect(window.size == 2)
        self.feed(&window, 8, .milliseconds(3), &now)
        #expect(window.size == 10)
        self.feed(&window, 100, .milliseconds(3), &now)
        #expect(window.size == 32)
    }

    @Test func `queueing shrinks it by a quarter a round, down to its limit`() {
        var window = self.open()
        var now = Instant.zero
        self.feed(&window, 30, .milliseconds(10), &now)
        #expect(window.size == 32)
        window.arrived(after: .milliseconds(61), at: now)
        #expect(window.size == 24)
        // Chunks of the same round say the same thing again.
        window.arrived(after: .milliseconds(61), at: now + .milliseconds(60))
        #expect(window.size == 24)
        window.arrived(after: .milliseconds(61), at: now + .milliseconds(61))
        #expect(window.size == 18)
        self.feed(&window, 1_000, .milliseconds(500), &now)
        #expect(window.size == 2)
    }

    @Test func `a peer is squeezed when chunks queue however few it owes`() {
        var window = TransferWindow(limits: 2...32, trial: 1)
        #expect(!window.isSqueezed, "nothing is known of a newcomer")
        window.arrived(after: .milliseconds(10), at: .zero)
        for round in 1...8 { window.arrived(after: .milliseconds(400), at: .zero + .milliseconds(400 * round)) }
        #expect(window.isSqueezed)
        window.arrived(after: .milliseconds(10), at: .zero + .seconds(4))
        #expect(!window.isSqueezed)
    }

    @Test func `a long path is not taken for a queue`() {
        var window = self.open()
        var now = Instant.zero
        self.feed(&window, 100, .milliseconds(200), &now)
        #expect(window.size == 32)
    }

    @Test func `the least delay of a path that has changed is forgotten`() {
        var window = self.open()
        var now = Instant.zero
        self.feed(&window, 1, .milliseconds(5), &now)
        for _ in 0..<400 {
            now = now + .seconds(1)
            window.arrived(after: .milliseconds(300), at: now)
        }
        #expect(window.size > 20, "the window stays at \(window.size)")
    }

    @Test func `a missed deadline halves it`() {
        var window = self.open()
        var now = Instant.zero
        self.feed(&window, 14, .milliseconds(3), &now)
        window.missedDeadline()
        #expect(window.size == 8)
        for _ in 0..<5 { window.missedDeadline() }
        #expect(window.size == 2)
    }
}
