package import ShoalCore
import ShoalStore
import ShoalSwarm
import Synchronization

/// Leaving swarms while the node runs.
extension Node {
    /// Leaves every swarm of a model: tells trackers and peers, and waits until the node neither reads nor writes anything
    /// of the model any more; then does `body`, and only after that lets anybody enter one again. Answers how many swarms
    /// that were, and what `body` did.
    package func leave<Result: Sendable>(
        _ model: ManifestID,
        then body: () async throws -> Result
    ) async throws -> (swarms: Int, result: Result) {
        guard let handles = self.book.withLock({ $0.beginLeaving(model) }) else {
            throw NodeFailure(.failed, "that model is being removed already")
        }
        defer { self.book.withLock { $0.endLeaving(model) } }
        for handle in handles { self.loop.post(.removeSwarm(handle)) }
        // The loop answers when what that ordered is carried out: nothing is ordered for these swarms after it.
        _ = await self.loop.ask { _ in true }
        for handle in handles {
            await self.runner.leave(handle)
            self.fetchDesk.withLock { $0.remove(handle) }
        }
        return (handles.count, try await body())
    }

    /// Does `body` with a model, whose swarms are not left before it is done. `isOver` turns true when somebody wants to.
    func using<Result>(
        _ model: StoredModel,
        _ body: (_ swarms: [SwarmHandle], _ isOver: @escaping @Sendable () -> Bool) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let swarms = self.book.withLock { $0.entries(of: model.id) }.map(\.handle)
        let works = swarms.compactMap { self.runner.work(of: $0) }
        let begun = works.filter { $0.begin() }
        defer { for work in begun { work.end() } }
        guard begun.count == swarms.count else {
            throw StoreError(.busy, "model \(model.id) is being removed at this moment")
        }
        return try body(swarms) { works.contains { $0.isOver } }
    }
}
