import Dispatch
import ShoalCore
import Synchronization

/// Where any thread leaves what one thread takes, in order: a lock, an array, and a semaphore that is touched only when
/// the taker sleeps.
///
/// Not bounded here: whoever posts bounds itself. Connections do it by their pending bytes (``ConnectionDesk``), chunks
/// by the node's room, the disk by the orders that it was given.
final class Mailbox<Item: Sendable>: Sendable {
    private struct State {
        var items: [Item] = []
        var isTakerAsleep = false
    }

    private let state = Mutex(State())
    private let wakeUp = DispatchSemaphore(value: 0)

    func post(_ item: Item) {
        let wakes = self.state.withLock { state in
            state.items.append(item)
            defer { state.isTakerAsleep = false }
            return state.isTakerAsleep
        }
        if wakes { self.wakeUp.signal() }
    }

    /// How much was left and not taken yet.
    var count: Int { self.state.withLock { $0.items.count } }

    /// Everything that was left so far; waits until something is there or `deadline` has come.
    func take(until deadline: Instant?) -> [Item] {
        let items = self.state.withLock { state in
            let items = state.items
            state.items = []
            state.isTakerAsleep = items.isEmpty
            return items
        }
        guard items.isEmpty else { return items }
        if let deadline {
            // Past or repeated wake-ups are harmless: the caller looks at its clock.
            _ = self.wakeUp.wait(timeout: DispatchTime(uptimeNanoseconds: max(deadline.nanoseconds, 1)))
        } else {
            self.wakeUp.wait()
        }
        return self.state.withLock { state in
            state.isTakerAsleep = false
            defer { state.items = [] }
            return state.items
        }
    }
}
