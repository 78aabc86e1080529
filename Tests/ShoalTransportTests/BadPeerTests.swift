import CDataChannel
import Dispatch
import ShoalCore
import ShoalTransport
import ShoalWire
import Testing

@Suite(.timeLimit(.minutes(1)))
struct BadPeerTests {
    let peer: Peer
    let connection = ConnectionID(1)
    /// Keeps the raw peer's script, and with it the connection, alive until the test has seen enough.
    let enough = DispatchSemaphore(value: 0)

    init() throws { self.peer = try Peer() }

    private func connect(script: @escaping @Sendable (OpaquePointer) -> Void) async throws {
        self.peer.transport.offer(self.connection)
        let offer = try await self.peer.description(of: self.connection)
        let answer = try await RawPeer.answer(offer, script: script)
        self.peer.transport.accept(self.connection, answer: answer)
    }

    @Test(arguments: [
        (CDC_CONTROL.rawValue, WireLimits.controlMessage + 1, "control message"),
        (CDC_CONTROL.rawValue, 65_536, "control message"),
        (CDC_BULK.rawValue, WireLimits.frameHeader + WireLimits.framePayload + 1, "frame"),
    ])
    func `a message beyond its limit closes the connection`(
        channel: UInt32,
        count: Int,
        reason: String
    ) async throws {
        try await self.connect { [enough] handle in
            RawPeer.send(count, on: cdc_channel(rawValue: channel), of: handle)
            enough.wait()
        }
        #expect(try await self.peer.end(of: self.connection).contains(reason))
        self.enough.signal()
        self.peer.transport.shutdown()
        #expect(self.peer.recorder.log.control.isEmpty)
        #expect(self.peer.recorder.log.frames.isEmpty)
        #expect(self.peer.recorder.log.closed[self.connection]?.count == 1)
    }

    @Test func `messages at their limits pass`() async throws {
        try await self.connect { [enough] handle in
            RawPeer.send(WireLimits.controlMessage, on: CDC_CONTROL, of: handle)
            RawPeer.send(WireLimits.frameHeader + WireLimits.framePayload, on: CDC_BULK, of: handle)
            enough.wait()
        }
        let connection = self.connection
        _ = try await self.peer.recorder.wait { $0.control[connection] }
        _ = try await self.peer.recorder.wait { $0.frames[connection] }
        self.enough.signal()
        self.peer.transport.shutdown()
        #expect(self.peer.recorder.log.disorder.isEmpty)
    }

    @Test func `a peer that goes away mid transfer ends the connection once`() async throws {
        let received = self.peer.recorder
        for number in 0..<4 {
            // Posted before the connection opens: such chunks are dropped, not kept.
            self.peer.transport.sendChunk(self.connection, Peer.chunk(UInt8(number)), token: UInt64(number))
        }
        try await self.connect { [enough] _ in enough.wait() }
        _ = try await self.peer.path(of: self.connection)
        for number in 10..<42 {
            self.peer.transport.sendChunk(self.connection, Peer.chunk(UInt8(number)), token: UInt64(number))
        }
        let first = try await received.wait { $0.tokens.first }
        #expect(first == 10)
        self.enough.signal()
        _ = try await self.peer.end(of: self.connection)
        self.peer.transport.shutdown()
        #expect(received.log.closed[self.connection]?.count == 1)
        #expect(received.log.disorder.isEmpty)
    }
}
