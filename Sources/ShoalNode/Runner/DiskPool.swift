import Foundation

/// A few threads that hash, read and write, so that nothing else ever waits for a disk.
///
/// Its queue is bounded by what is ordered: the chunks that the node has room for, the uploads that are served at once,
/// and a few checks for each peer.
package final class DiskPool: Sendable {
    private let queue: OperationQueue

    /// - Parameter threads: two for each core hash at full speed while some wait for the disk.
    package init(threads: Int) {
        self.queue = OperationQueue()
        self.queue.name = "shoal.disk"
        self.queue.maxConcurrentOperationCount = threads
    }

    /// Those that wait, and those under way.
    var jobs: Int { self.queue.operationCount }

    /// Does `job` on one of the threads; jobs begin in the order in which they came.
    func submit(_ job: @escaping @Sendable () -> Void) { self.queue.addOperation(job) }

    /// Does `job` on one of the threads and waits for its result without blocking.
    package func run<Value: Sendable, Failure: Error>(
        _ job: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
            self.submit {
                do throws(Failure) {
                    continuation.resume(returning: .success(try job()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }

    /// Calls `action` when every job that was submitted before is done.
    func whenIdle(_ action: @escaping @Sendable () -> Void) { self.queue.addBarrierBlock(action) }
}
