import Dispatch
import Foundation
import Synchronization

/// Work that takes every core of the machine for a while: hashing.
enum AllCores {
    /// 32: with a scratch buffer of 1 MiB for each, half of what hashing may take of memory (64 MiB).
    static let maximumWorkers = 32

    static var workers: Int { min(ProcessInfo.processInfo.activeProcessorCount, self.maximumWorkers) }

    /// Runs `body` for each of 0..<count, on as many threads as there are cores, the caller's among them, and returns
    /// when all are done. `scratch` bytes of memory are a worker's own. The first error stops the rest and is thrown.
    static func run(
        count: Int,
        scratch: Int,
        _ body: @Sendable (_ item: Int, _ scratch: UnsafeMutableRawBufferPointer) throws(StoreError) -> Void
    ) throws(StoreError) {
        let next = Atomic(0)
        let failure = Mutex<StoreError?>(nil)
        DispatchQueue.concurrentPerform(iterations: min(count, self.workers)) { _ in
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: scratch, alignment: 4096)
            defer { memory.deallocate() }
            while failure.withLock({ $0 == nil }) {
                let item = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard item < count else { return }
                do throws(StoreError) {
                    try body(item, memory)
                } catch {
                    failure.withLock { $0 = $0 ?? error }
                }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }
}
