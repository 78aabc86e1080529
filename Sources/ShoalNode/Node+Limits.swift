package import ShoalSwarm
import Synchronization

/// How quickly shard bytes may move.
extension Node {
    /// What holds now.
    var limits: TransferLimits { self.ownerLimits.withLock(\.self) }

    /// Has the limits changed as `change` says, and returns them when they are in force.
    @discardableResult
    package func limit<Failure: Error>(
        _ change: (inout TransferLimits) throws(Failure) -> Void
    ) async throws(Failure) -> TransferLimits {
        let limits = try self.ownerLimits.withLock { (limits) throws(Failure) in
            var changed = limits
            try change(&changed)
            limits = changed
            // Under the lock: who changed them last is also heard last.
            self.loop.post(.limit(changed))
            return changed
        }
        _ = await self.loop.ask { _ in true }
        return limits
    }
}
