import Synchronization

@testable import ShoalStore

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// Refuses changes as a test wants it.
final class FaultyDisk: DiskObserver {
    private let refusal = Mutex<(@Sendable (DiskChange) -> Int32?)?>(nil)

    /// - Parameter refusal: the `errno` with which a change is refused; nil lets it be.
    func refuse(_ refusal: (@Sendable (DiskChange) -> Int32?)?) { self.refusal.withLock { $0 = refusal } }

    func willMake(_ change: DiskChange) throws(StoreError) {
        guard let number = self.refusal.withLock({ $0 })?(change) else { return }
        throw .system("a refused call", "the disk", number)
    }

    func made(_ change: DiskChange) {}
}
