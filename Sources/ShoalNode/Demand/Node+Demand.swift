package import Foundation
package import ShoalCore
import ShoalFormats
import ShoalStore
package import ShoalSwarm
package import ShoalWire
import Synchronization

/// Shards that the node's owner wants by name, as an engine does that reads a model before it is whole.
extension Node {
    /// Wants chunks of a swarm, and returns when all of them are verified and on disk. What several callers want is fetched
    /// once, as urgently as the most urgent of them says. Of a shard that is wanted in part the rest may come as well,
    /// while the part is waited for.
    ///
    /// A task that is cancelled wants nothing any more; what nobody else wants is then no longer asked for, unless the
    /// swarm is fetched as a whole. A demand after the store gave up is a new attempt.
    ///
    /// - Parameter limit: how long to wait; nil: for as long as the task lives.
    /// - Throws: ``DemandFailure``, or the ``StoreError`` that stands in the way.
    package func demand(
        _ demands: [ShardDemand],
        of handle: SwarmHandle,
        priority: Priority,
        within limit: Duration? = nil
    ) async throws {
        guard let model = self.model(of: handle) else { throw DemandFailure.noManifest }
        let shards = model.manifest.shards
        for demand in demands {
            let isKnown =
                demand.shard.position < shards.count && !demand.chunks.isEmpty && demand.chunks.lowerBound >= 0
                && demand.chunks.upperBound <= shards[demand.shard.position].chunkCount
            guard isKnown else { throw DemandFailure.unknown(demand) }
        }
        if demands.allSatisfy({ model.has($0.chunks, of: $0.shard) }) { return self.metrics.demands.hit() }
        let start = ContinuousClock.now
        do {
            try await self.fetch(demands, of: handle, priority: priority, within: limit)
        } catch {
            self.metrics.demands.failed()
            throw error
        }
        self.metrics.demands.came(since: start)
    }

    private func fetch(
        _ demands: [ShardDemand],
        of handle: SwarmHandle,
        priority: Priority,
        within limit: Duration?
    ) async throws {
        self.runner.failures.withLock { _ = $0.remove(handle) }
        let waiter = try self.runner.demands.enter(demands, of: handle, priority)
        defer { self.runner.demands.leave(waiter) }
        // Who enters later than that is not told that the swarm is left.
        guard self.model(of: handle) != nil else { throw DemandFailure.left }
        // They may have come before anybody waited.
        for shard in Set(demands.map(\.shard)) { self.runner.arrived(shard, of: handle) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for try await _ in waiter.arrival {}
                try Task.checkCancellation()
            }
            if let limit {
                group.addTask {
                    try await Task.sleep(for: limit)
                    throw DemandFailure.late(limit)
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Bytes of a shard that are here, verified since the model was opened. Bytes that are no longer what they were are
    /// lost from then on, and a demand fetches them anew.
    ///
    /// - Throws: ``StoreError``, with ``StoreError/Code/absent`` for what is not here.
    package func read(_ range: Range<Int>, of shard: ShardIndex, in handle: SwarmHandle) async throws -> Data {
        guard let model = self.model(of: handle) else { throw DemandFailure.noManifest }
        return try await Stoppable.run(on: self.chores) { isStopped throws(StoreError) in
            do throws(StoreError) {
                return try model.bytes(range, of: shard, isStopped)
            } catch {
                if error.code != .cancelled { self.runner.unreadable(handle, shard, error) }
                throw error
            }
        }
    }
}

extension StoredModel {
    /// The bytes `range` of a shard, chunk by chunk through a scratch of one.
    fileprivate func bytes(
        _ range: Range<Int>,
        of shard: ShardIndex,
        _ isStopped: () -> Bool
    ) throws(StoreError) -> Data {
        let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: Cutting.chunkSize, alignment: 4_096)
        defer { scratch.deallocate() }
        var bytes = Data(capacity: range.count)
        for chunk in Cutting.chunks(of: range) {
            if isStopped() { throw StoreError(.cancelled, "stopped") }
            let start = chunk * Cutting.chunkSize
            let count = try self.read(ChunkIndex(chunk), of: shard, into: scratch)
            let part = range.clamped(to: start..<start + count)
            bytes.append(contentsOf: scratch[(part.lowerBound - start)..<(part.upperBound - start)])
        }
        return bytes
    }
}
