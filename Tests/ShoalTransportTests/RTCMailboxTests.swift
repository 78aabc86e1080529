import ShoalCore
import Testing

@testable import ShoalTransport

struct RTCMailboxTests {
    let mailbox = RTCMailbox()

    /// What the orders for `connection` say, in words.
    private func words(_ batch: RTCMailbox.Batch, _ connection: ConnectionID) -> [String] {
        batch.orders.compactMap { order in
            switch order {
            case .sendControl(connection, let message): "send \(message.count)"
            case .close(connection, let reason): "close: \(reason)"
            default: nil
            }
        }
    }

    @Test func `orders come out in the order they were posted`() {
        self.mailbox.postControl(ConnectionID(1), [1])
        self.mailbox.post(.close(ConnectionID(1), reason: "done"))
        self.mailbox.postControl(ConnectionID(1), [])
        #expect(self.words(self.mailbox.take(until: nil), ConnectionID(1)) == ["send 1", "close: done", "send 0"])
    }

    @Test func `control messages up to the bound wait, one more closes the connection once`() {
        // With the 64 bytes that an entry costs, 32 of these are exactly the bound.
        let message = [UInt8](repeating: 0, count: RTCLimits.controlBuffer / 32 - 64)
        for _ in 0..<32 { self.mailbox.postControl(ConnectionID(1), message) }
        #expect(self.words(self.mailbox.take(until: nil), ConnectionID(1)).count == 32)

        for _ in 0..<40 { self.mailbox.postControl(ConnectionID(1), message) }
        self.mailbox.postControl(ConnectionID(2), message)
        let batch = self.mailbox.take(until: nil)
        #expect(self.words(batch, ConnectionID(1)).dropFirst(32) == ["close: \(RTCReason.controlOverflow)"])
        #expect(self.words(batch, ConnectionID(2)).count == 1)
    }

    @Test func `an empty mailbox comes back at its deadline`() {
        #expect(self.mailbox.take(until: Instant.uptime).isEmpty)
    }
}
