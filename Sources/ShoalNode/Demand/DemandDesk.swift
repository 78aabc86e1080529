import ShoalCore
import ShoalSwarm
import ShoalWire
import Synchronization

/// Who waits for which shards. What the mesh is told of a shard is told here under the lock, so that the last one who no
/// longer wants it cannot speak after the next one who does.
///
/// As many as there are callers that wait; each is here from ``enter(_:of:_:)`` until ``leave(_:)``.
final class DemandDesk: Sendable {
    /// One caller.
    struct Waiter: Sendable {
        let number: UInt64
        /// Ends when everything is there, or with the error.
        let arrival: AsyncThrowingStream<Never, any Error>
    }

    private struct Wanted: Sendable {
        let swarm: SwarmHandle
        let priority: Priority
        let shards: Set<ShardIndex>
        /// What is not there yet.
        var missing: [ShardDemand]
        let end: AsyncThrowingStream<Never, any Error>.Continuation
    }

    private struct State {
        var waiters: [UInt64: Wanted] = [:]
        var lastNumber: UInt64 = 0
        var isStopped = false
    }

    private let state = Mutex(State())
    private let post: @Sendable (MeshInput) -> Void

    /// - Parameter post: takes what the mesh is told; called under the lock, so it does nothing else.
    init(post: @escaping @Sendable (MeshInput) -> Void) { self.post = post }

    /// Callers that wait.
    var count: Int { self.state.withLock { $0.waiters.count } }

    /// Somebody waits from now on.
    func enter(_ demands: [ShardDemand], of swarm: SwarmHandle, _ priority: Priority) throws(DemandFailure) -> Waiter {
        let (arrival, end) = AsyncThrowingStream.makeStream(of: Never.self, throwing: (any Error).self)
        let shards = Set(demands.map(\.shard))
        let number = self.state.withLock { state -> UInt64? in
            guard !state.isStopped else { return nil }
            state.lastNumber += 1
            state.waiters[state.lastNumber] = Wanted(
                swarm: swarm,
                priority: priority,
                shards: shards,
                missing: demands,
                end: end
            )
            self.post(.demand(swarm, shards.sorted(), priority))
            return state.lastNumber
        }
        guard let number else { throw .stopped }
        return Waiter(number: number, arrival: arrival)
    }

    /// The caller waits no longer, whatever came of it. Shards that nobody else waits for are no longer wanted.
    func leave(_ waiter: Waiter) {
        self.state.withLock { state in
            guard let wanted = state.waiters.removeValue(forKey: waiter.number) else { return }
            let others = state.waiters.values.filter { $0.swarm == wanted.swarm }
            let unwanted = wanted.shards.filter { shard in !others.contains { $0.shards.contains(shard) } }
            if !unwanted.isEmpty { self.post(.endDemand(wanted.swarm, unwanted.sorted())) }
        }
    }

    /// Something of a shard is on the disk; `isHere` says whether certain chunks are.
    func arrived(_ shard: ShardIndex, of swarm: SwarmHandle, isHere: (ShardDemand) -> Bool) {
        let candidates = self.state.withLock { state in
            state.waiters.values.filter { $0.swarm == swarm && $0.shards.contains(shard) }
                .flatMap { $0.missing.filter { $0.shard == shard } }
        }
        guard !candidates.isEmpty else { return }
        let here = Set(candidates.filter(isHere))
        guard !here.isEmpty else { return }
        let ends = self.state.withLock { state in
            state.waiters.filter { $0.value.swarm == swarm }.keys.compactMap { number in
                state.waiters[number]?.missing.removeAll { here.contains($0) }
                return state.waiters[number].flatMap { $0.missing.isEmpty ? $0.end : nil }
            }
        }
        for end in ends { end.finish() }
    }

    /// Shards are no longer what the mesh took them for: those that somebody waits for are wanted anew. Nil: every one,
    /// because the mesh has heard of the model only now.
    func renew(_ shards: [ShardIndex]?, of swarm: SwarmHandle) {
        self.state.withLock { state in
            let waiters = state.waiters.values.filter { $0.swarm == swarm }
            for shard in shards ?? Set(waiters.flatMap(\.shards)).sorted() {
                let priority = waiters.filter { $0.shards.contains(shard) }.map(\.priority).min()
                if let priority { self.post(.demand(swarm, [shard], priority)) }
            }
        }
    }

    /// The store cannot go on with a swarm.
    func fail(_ swarm: SwarmHandle, _ error: any Error) { self.fail(with: error) { $0.swarm == swarm } }

    /// The node ends.
    func stop() {
        self.state.withLock { $0.isStopped = true }
        self.fail(with: DemandFailure.stopped) { _ in true }
    }

    private func fail(with error: any Error, _ isMeant: (Wanted) -> Bool) {
        let ends = self.state.withLock { $0.waiters.values.filter(isMeant).map(\.end) }
        for end in ends { end.finish(throwing: error) }
    }
}
