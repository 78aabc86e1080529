import Dispatch
import ShoalCore
import Synchronization

/// The hash of one whole file, fed by whoever has the next block.
final class OrderedHash: Sendable {
    private struct State {
        var turn = 0
        var hash = FileHash()
        var waiting: [Int: DispatchSemaphore] = [:]
    }

    private let state = Mutex(State())

    /// The hash of all blocks before `turn`; nil when they are not all in yet.
    func hash(ifTurn turn: Int) -> FileHash? { self.state.withLock { $0.turn == turn ? $0.hash : nil } }

    /// The hash of all blocks before `turn`, as soon as they are in. They come: a block is only handed to a worker that
    /// runs, and a worker ends its turn even when it failed.
    func wait(forTurn turn: Int) -> FileHash {
        let semaphore: DispatchSemaphore? = self.state.withLock { state in
            if state.turn == turn { return nil }
            let semaphore = DispatchSemaphore(value: 0)
            state.waiting[turn] = semaphore
            return semaphore
        }
        semaphore?.wait()
        return self.state.withLock { $0.hash }
    }

    /// Ends the turn: `hash` has this block too.
    func endTurn(_ hash: FileHash) {
        self.state.withLock { state in
            state.hash = hash
            state.turn += 1
            return state.waiting.removeValue(forKey: state.turn)
        }?.signal()
    }

    /// Of all blocks that are in.
    var digest: Digest { self.state.withLock { $0.hash }.digest }
}
