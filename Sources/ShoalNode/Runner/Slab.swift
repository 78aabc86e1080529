import ShoalCore
import Synchronization

/// The node's room for chunks on their way down: so many slots of 128 KiB, allocated once.
///
/// The memory's address is kept as a number, which may cross threads. That is safe because a slot has one user at a
/// time: it is leased once, and returned once by whoever is done with it.
final class Slab: Sendable {
    private let base: UInt
    private let free: Mutex<[Int]>

    init(slots: Int) {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: slots * Cutting.chunkSize, alignment: 4_096)
        self.base = UInt(bitPattern: memory)
        self.free = Mutex(Array((0..<slots).reversed()))
    }

    deinit { UnsafeMutableRawPointer(bitPattern: self.base)?.deallocate() }

    var freeSlots: Int { self.free.withLock { $0.count } }

    /// Takes `count` slots; the machine keeps count, so that they are there.
    func lease(_ count: Int) -> [Int] {
        self.free.withLock { free in
            precondition(free.count >= count, "\(count) slots wanted, \(free.count) free: the machine lost count")
            defer { free.removeLast(count) }
            return Array(free.suffix(count))
        }
    }

    func giveBack(_ slot: Int) { self.free.withLock { $0.append(slot) } }

    /// The 128 KiB of a slot.
    func bytes(of slot: Int) -> UnsafeMutableRawBufferPointer {
        let address = self.base + UInt(slot * Cutting.chunkSize)
        return UnsafeMutableRawBufferPointer(
            start: UnsafeMutableRawPointer(bitPattern: address),
            count: Cutting.chunkSize
        )
    }
}
