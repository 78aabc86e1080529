import Dispatch
package import ShoalCore
import Synchronization

/// Shards of a model that stay, or whose room is kept until they come, for as long as somebody needs them.
///
/// Ends with ``close()``, at the latest with its last user.
package final class ShardLease: Sendable {
    private let model: StoredModel
    private let shards: [ShardIndex]
    private let end: @Sendable (StoredModel, [ShardIndex]) -> Void
    private let isOpen = Atomic(true)

    init(
        _ shards: [ShardIndex],
        of model: StoredModel,
        end: @escaping @Sendable (StoredModel, [ShardIndex]) -> Void
    ) {
        self.model = model
        self.shards = shards
        self.end = end
    }

    deinit { self.close() }

    /// Harmless when repeated.
    package func close() {
        if self.isOpen.exchange(false, ordering: .relaxed) { self.end(self.model, self.shards) }
    }
}

extension StoredModel {
    /// Keeps shards that somebody computes with, copies from or waits for. They are not evicted until the lease is closed; what of
    /// them is not here yet counts as room that is taken.
    package func lease(_ shards: [ShardIndex]) -> ShardLease {
        self.book.withLock { $0.hold(shards, at: self.clock.now()) }
        return ShardLease(shards, of: self) { model, shards in
            model.book.withLock { $0.letGo(shards, at: model.clock.now()) }
        }
    }

    package func lease(_ shards: Bitfield) -> ShardLease { self.lease(shards.setBits.map { ShardIndex($0) }) }

    /// Has eviction wait a little for an upload. Nil when the shard is on its way out, or not here.
    package func leaseForUpload(_ shard: ShardIndex) -> ShardLease? {
        guard self.book.withLock({ $0.beginUpload(of: shard) }) else { return nil }
        return ShardLease([shard], of: self) { model, shards in
            let isAwaited = model.book.withLock { book in shards.contains { book.endUpload(of: $0) } }
            if isAwaited { model.uploadEnded.signal() }
        }
    }
}
