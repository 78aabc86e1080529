import Dispatch
import Foundation
import Synchronization

/// Ctrl-C and SIGTERM as something to wait for. The second one ends the process at once.
final class Interrupts: Sendable {
    private struct State {
        var count = 0
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    init() {
        for number in [SIGINT, SIGTERM] {
            // The source hears of the signal only when nobody acts on it first.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            // The handler holds its source, which lives as long as the process.
            source.setEventHandler { [self] in
                self.interrupted()
                withExtendedLifetime(source) {}
            }
            source.resume()
        }
    }

    /// Returns when the user wants the program to stop, or when the task is cancelled.
    func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = self.state.withLock { state in
                    guard state.count == 0, !Task.isCancelled else { return true }
                    state.waiter = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            self.takeWaiter()?.resume()
        }
    }

    private func interrupted() {
        let count = self.state.withLock { state in
            state.count += 1
            return state.count
        }
        if count > 1 { _exit(130) }
        self.takeWaiter()?.resume()
    }

    private func takeWaiter() -> CheckedContinuation<Void, Never>? {
        self.state.withLock { state in
            defer { state.waiter = nil }
            return state.waiter
        }
    }
}
