import Dispatch
import ShoalFormats
import Synchronization

/// What is being done for one swarm on the node's other threads, so that whoever leaves the swarm can wait for the end
/// of it.
final class SwarmWork: Sendable {
    /// How the swarm was added first.
    let link: MagnetLink
    private let group = DispatchGroup()
    private let over = Mutex(false)

    init(_ link: MagnetLink) { self.link = link }

    /// Long work looks at this and ends early.
    var isOver: Bool { self.over.withLock { $0 } }

    /// Something begins, unless it is too late for that; then it has to ``end()``.
    func begin() -> Bool {
        self.over.withLock { over in
            if !over { self.group.enter() }
            return !over
        }
    }

    func end() { self.group.leave() }

    /// Nothing begins any more; returns when everything that began has ended.
    func finish() async {
        self.over.withLock { $0 = true }
        await withCheckedContinuation { continuation in
            self.group.notify(queue: .global()) { continuation.resume() }
        }
    }
}
