import Dispatch
import Synchronization

/// Lets any number of threads write to a model's files, or one punch holes into them: whoever writes a chunk does not
/// find its blocks given back behind it.
///
/// Who punches goes before those who come after it, so that it waits for no more than the writes that are under way.
final class WriteGate: Sendable {
    private struct State {
        var writers = 0
        var isPunching = false
        /// Who waits to punch, and who waits to write; both in the order in which they came.
        var punches: [DispatchSemaphore] = []
        var writes: [DispatchSemaphore] = []
    }

    private let state = Mutex(State())

    /// With others that write.
    func writing<Result>(_ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
        let turn = self.state.withLock { state -> DispatchSemaphore? in
            guard state.isPunching || !state.punches.isEmpty else {
                state.writers += 1
                return nil
            }
            let turn = DispatchSemaphore(value: 0)
            state.writes.append(turn)
            return turn
        }
        turn?.wait()
        defer { self.leave { $0.writers -= 1 } }
        return try body()
    }

    /// Alone.
    func punching<Result>(_ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
        let turn = self.state.withLock { state -> DispatchSemaphore? in
            guard state.isPunching || state.writers > 0 || !state.punches.isEmpty else {
                state.isPunching = true
                return nil
            }
            let turn = DispatchSemaphore(value: 0)
            state.punches.append(turn)
            return turn
        }
        turn?.wait()
        defer { self.leave { $0.isPunching = false } }
        return try body()
    }

    /// Whoever is woken has been counted already.
    private func leave(_ change: (inout State) -> Void) {
        let woken = self.state.withLock { state -> [DispatchSemaphore] in
            change(&state)
            guard !state.isPunching else { return [] }
            if !state.punches.isEmpty {
                guard state.writers == 0 else { return [] }
                state.isPunching = true
                return [state.punches.removeFirst()]
            }
            state.writers += state.writes.count
            defer { state.writes = [] }
            return state.writes
        }
        for turn in woken { turn.signal() }
    }
}
