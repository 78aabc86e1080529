package import ShoalCore
import Synchronization

/// What is to be told of shards of a model that are absent from now on although nobody had them evicted, and why.
package typealias LossHandler = @Sendable (_ shards: [ShardIndex], _ reason: String) -> Void

/// Those who are told what a model has lost, on whichever thread found out, and before anything of it is put back.
final class LossObservers: Sendable {
    private struct State {
        var handlers: [UInt64: LossHandler] = [:]
        var next: UInt64 = 0
    }

    private let state = Mutex(State())

    func add(_ handler: @escaping LossHandler) -> UInt64 {
        self.state.withLock { state in
            state.next += 1
            state.handlers[state.next] = handler
            return state.next
        }
    }

    func remove(_ number: UInt64) { self.state.withLock { $0.handlers[number] = nil } }

    func tell(_ shards: [ShardIndex], _ reason: String) {
        for handler in self.state.withLock({ Array($0.handlers.values) }) { handler(shards, reason) }
    }
}

/// Ends when it is closed.
package struct LossObservation: Sendable {
    private let observers: LossObservers
    private let number: UInt64

    fileprivate init(_ observers: LossObservers, _ handler: @escaping LossHandler) {
        self.observers = observers
        self.number = observers.add(handler)
    }

    package func close() { self.observers.remove(self.number) }
}

extension StoredModel {
    /// Has `handler` called for all that is lost from now on.
    package func observeLosses(_ handler: @escaping LossHandler) -> LossObservation {
        LossObservation(self.losses, handler)
    }
}
