import ShoalCore
import ShoalSwarm
import ShoalWire
import Synchronization

/// What the library's callbacks need of one connection: where its frames belong, and how much of what they posted still
/// waits for the loop.
final class ConnectionDesk: Sendable {
    /// 1 MiB of messages that the loop has not yet seen: a peer that is ahead by more floods us.
    static let pendingLimit = 1_048_576

    /// What a frame's input costs the loop, roughly, in bytes.
    static let frameCost = 128

    let ledger: Mutex<FrameLedger>
    private let pending = Atomic<Int>(0)

    init(_ connection: ConnectionID) { self.ledger = Mutex(FrameLedger(connection: connection)) }

    /// Counts what is about to be posted. False when the peer is too far ahead.
    func admit(_ cost: Int) -> Bool {
        self.pending.add(cost, ordering: .relaxed).newValue <= Self.pendingLimit
    }

    /// The loop has seen it.
    func seen(_ cost: Int) { self.pending.subtract(cost, ordering: .relaxed) }
}
