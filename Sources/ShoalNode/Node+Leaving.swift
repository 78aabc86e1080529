package import ShoalCore
import ShoalSwarm
import Synchronization

/// Leaving swarms while the node runs.
extension Node {
    /// Leaves every swarm of a model: tells trackers and peers, and returns when the node neither reads nor writes
    /// anything of it any more. Harmless when it takes part in none.
    package func leave(_ model: ManifestID) async {
        let handles = self.book.withLock { book in
            book.entries(of: model).map(\.handle).filter { book.beginLeaving($0) }
        }
        for handle in handles { self.loop.post(.removeSwarm(handle)) }
        // The loop answers when what that ordered is carried out: nothing is ordered for these swarms after it.
        _ = await self.loop.ask { _ in true }
        for handle in handles {
            await self.runner.leave(handle)
            self.fetchDesk.withLock { $0.remove(handle) }
            self.book.withLock { $0.remove(handle) }
        }
    }
}
