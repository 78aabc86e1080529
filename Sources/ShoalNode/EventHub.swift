import Synchronization

/// Tells what happens in a node to everybody who listens at the moment.
final class EventHub: Sendable {
    /// 1,024 events that a listener has not taken; the newest are kept, because what ends a wait comes last.
    static let backlog = 1_024

    private struct State {
        var listeners: [UInt64: AsyncStream<NodeEvent>.Continuation] = [:]
        var last: UInt64 = 0
    }

    private let state = Mutex(State())

    /// What happens from now on, until the listener stops listening.
    func listen() -> AsyncStream<NodeEvent> {
        let (events, continuation) = AsyncStream.makeStream(
            of: NodeEvent.self,
            bufferingPolicy: .bufferingNewest(Self.backlog)
        )
        let number = self.state.withLock { state in
            state.last += 1
            state.listeners[state.last] = continuation
            return state.last
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { $0.listeners[number] = nil }
        }
        return events
    }

    func tell(_ event: NodeEvent) {
        let listeners = self.state.withLock { Array($0.listeners.values) }
        for listener in listeners { listener.yield(event) }
    }
}
