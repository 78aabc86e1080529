import ShoalStore
import Synchronization

/// Long blocking work that can be stopped: by Ctrl-C, or by a client that goes away.
package enum Stoppable {
    /// Runs `work` on a disk thread; `isStopped` turns true when the task is cancelled.
    package static func run<Value: Sendable, Failure: Error>(
        on disk: DiskPool,
        _ work: @escaping @Sendable (_ isStopped: @escaping @Sendable () -> Bool) throws(Failure) -> Value
    ) async throws -> Value {
        let flag = Flag()
        return try await withTaskCancellationHandler {
            do throws(Failure) {
                return try await disk.run { () throws(Failure) in try work { flag.isSet } }
            } catch {
                if (error as? StoreError)?.code == .cancelled { throw CancellationError() }
                throw error
            }
        } onCancel: {
            flag.set()
        }
    }

    private final class Flag: Sendable {
        private let value = Atomic<Bool>(false)

        var isSet: Bool { self.value.load(ordering: .relaxed) }

        func set() { self.value.store(true, ordering: .relaxed) }
    }
}
