import Synchronization

/// How far a long task of the store is, in bytes.
package struct StoreProgress: Hashable, Sendable {
    package let done: Int
    package let total: Int

    package init(done: Int, total: Int) {
        self.done = done
        self.total = total
    }
}

/// Told how far a long task is: at most ten times a second and once at the end, one call at a time, on a thread of the
/// task. Throwing stops the task, which then fails with ``StoreError/Code/cancelled``.
package typealias ProgressHandler = @Sendable (StoreProgress) throws(CancellationError) -> Void

/// Counts the bytes of one long task, from any number of threads, and tells the handler.
final class ProgressMeter: Sendable {
    private struct State {
        var done = 0
        var isReporting = false
        var lastReport: ContinuousClock.Instant
    }

    /// A person sees no more, and a terminal should not be asked to draw more.
    private static let interval = Duration.milliseconds(100)

    private let total: Int
    private let handler: ProgressHandler?
    private let state = Mutex(State(lastReport: .now))

    init(total: Int, handler: ProgressHandler?) {
        self.total = total
        self.handler = handler
    }

    func advance(by bytes: Int) throws(StoreError) {
        let now = ContinuousClock.now
        let report: StoreProgress? = self.state.withLock { state in
            state.done += bytes
            guard !state.isReporting, now - state.lastReport >= Self.interval else { return nil }
            state.isReporting = true
            state.lastReport = now
            return StoreProgress(done: state.done, total: self.total)
        }
        guard let report else { return }
        defer { self.state.withLock { $0.isReporting = false } }
        try self.tell(report)
    }

    /// The task is done.
    func complete() throws(StoreError) { try self.tell(StoreProgress(done: self.total, total: self.total)) }

    private func tell(_ progress: StoreProgress) throws(StoreError) {
        do throws(CancellationError) {
            try self.handler?(progress)
        } catch {
            throw StoreError(.cancelled, "stopped before it was done; what is finished is kept", cause: error)
        }
    }
}
