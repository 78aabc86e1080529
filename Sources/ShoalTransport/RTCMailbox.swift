import Dispatch
import ShoalCore
import Synchronization

/// What the WebRTC thread is asked to do.
enum RTCOrder: Sendable {
    case offer(ConnectionID)
    case answer(ConnectionID, offer: String)
    case accept(ConnectionID, answer: String)
    case sendControl(ConnectionID, [UInt8])
    case sendChunk(ConnectionID, OutgoingChunk, token: UInt64)
    case close(ConnectionID, reason: String)
    case statistics(ConnectionID, report: @Sendable (RTCStatistics?) -> Void)
    case shutdown
}

/// The way into the WebRTC thread, for orders from any thread and signals from libdatachannel's.
///
/// Bounded by what may be posted: a connection has one entry for all its signals, at most
/// ``RTCLimits/controlBuffer`` of control messages (further ones close it) and ``RTCLimits/queuedChunks`` chunks; all
/// other orders come a few times in a connection's life.
final class RTCMailbox: Sendable {
    /// What has come since the last look.
    struct Batch {
        var orders: [RTCOrder] = []
        /// Connections that have signals to be looked at.
        var signalled: [ConnectionID] = []
        /// Control messages per connection, in bytes with what a message costs us.
        fileprivate var controlBytes: [ConnectionID: Int] = [:]

        var isEmpty: Bool { self.orders.isEmpty && self.signalled.isEmpty }
    }

    private let batch = Mutex(Batch())
    /// Rung once each time that the batch stops being empty.
    private let bell = DispatchSemaphore(value: 0)

    func post(_ order: RTCOrder) {
        self.add { $0.orders.append(order) }
    }

    func signal(_ connection: ConnectionID) {
        self.add { $0.signalled.append(connection) }
    }

    /// Posts a control message, or the end of a connection for which too many are waiting.
    func postControl(_ connection: ConnectionID, _ message: [UInt8]) {
        // 64 bytes for the entry, so that empty messages count as well.
        let cost = message.count + 64
        self.add { batch in
            let waiting = batch.controlBytes[connection, default: 0]
            guard waiting <= RTCLimits.controlBuffer else { return }
            batch.controlBytes[connection] = waiting + cost
            batch.orders.append(
                waiting + cost <= RTCLimits.controlBuffer
                    ? .sendControl(connection, message) : .close(connection, reason: RTCReason.controlOverflow)
            )
        }
    }

    /// Waits until there is something, or until `deadline`, and takes all of it.
    func take(until deadline: Instant?) -> Batch {
        if let deadline {
            // A timeout is no error: the caller looks at its deadlines.
            _ = self.bell.wait(timeout: DispatchTime(uptimeNanoseconds: deadline.nanoseconds))
        } else {
            self.bell.wait()
        }
        return self.batch.withLock { batch in
            defer { batch = Batch() }
            return batch
        }
    }

    private func add(_ change: (inout Batch) -> Void) {
        let wasEmpty = self.batch.withLock { batch in
            let wasEmpty = batch.isEmpty
            change(&batch)
            return wasEmpty
        }
        if wasEmpty { self.bell.signal() }
    }
}

extension Instant {
    /// The moment on the clock of `DispatchTime`, which the WebRTC thread waits by.
    static var uptime: Instant { Instant(nanoseconds: DispatchTime.now().uptimeNanoseconds) }
}
