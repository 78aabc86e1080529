import NIOCore
import NIOPosix
import ShoalCore
import ShoalWire
import Synchronization
import TestSupport
import Testing

@testable import ShoalTransport

@Suite(.timeLimit(.minutes(1)))
final class LaneTransportTests {
    private static let connection = ConnectionID(1)
    private static let token = Nonce(bytes: [UInt8](repeating: 5, count: 32))!

    private let endpoints = Mutex<[LaneEndpoint]>([])

    deinit { for endpoint in self.endpoints.withLock({ $0 }) { endpoint.lanes.shutdown() } }

    /// One that ends with the test.
    private func endpoint(
        certificate: RTCCertificate? = nil,
        port: Int = 0,
        silence: Duration = .seconds(60)
    ) throws -> LaneEndpoint {
        let endpoint = try LaneEndpoint(certificate: certificate, port: port, silence: silence)
        self.endpoints.withLock { $0.append(endpoint) }
        return endpoint
    }

    /// Two endpoints with an open lane.
    private func pair() async throws -> (LaneEndpoint, LaneEndpoint) {
        let (listener, dialler) = (try self.endpoint(), try self.endpoint())
        listener.expect(dialler, Self.connection, token: Self.token)
        try await listener.opened(Self.connection)
        try await dialler.opened(Self.connection)
        return (listener, dialler)
    }

    @Test func `chunks pass both ways, whole ones and short ones, and their sender hears of it`() async throws {
        let (listener, dialler) = try await self.pair()
        let chunks = [chunk(0), chunk(1, size: 1), chunk(2, size: 40_000), chunk(3)]
        for (from, to) in [(listener, dialler), (dialler, listener)] {
            for item in chunks { from.lanes.send(Self.connection, item.chunk) }
            let expected = chunks.map { LaneEvent.received(Self.connection, $0.header, $0.bytes) }
            try await to.events.wait(for: "the chunks") { events in
                let received = events.filter { if case .received = $0 { true } else { false } }
                return received == expected ? () : nil
            }
            try await from.events.first("the word") { $0 == .delivered(Self.connection, 4) ? () : nil }
        }
    }

    @Test func `a close is seen by both sides, with what had come`() async throws {
        let (listener, dialler) = try await self.pair()
        dialler.lanes.send(Self.connection, chunk(0).chunk)
        try await dialler.events.first("the word") { $0 == .delivered(Self.connection, 1) ? () : nil }
        listener.lanes.close(Self.connection, reason: "enough")
        #expect(try await listener.end(Self.connection) == (1, "enough"))
        #expect(try await dialler.end(Self.connection).received == 0)
        // Another one can be had.
        listener.expect(dialler, Self.connection, token: Self.token)
        try await listener.events.wait(for: "a second lane") { events in
            events.count { $0 == .opened(Self.connection) } == 2 ? () : nil
        }
    }

    @Test func `who shows another certificate does not get through, and does not use the token up`() async throws {
        let (listener, dialler, stranger) = (try self.endpoint(), try self.endpoint(), try self.endpoint())
        listener.lanes.expect(Self.connection, token: Self.token, fingerprint: dialler.certificate.fingerprint)
        stranger.dial(listener, Self.connection, token: Self.token)
        _ = try await stranger.failure(Self.connection)
        dialler.dial(listener, Self.connection, token: Self.token)
        try await dialler.opened(Self.connection)
        #expect(!listener.events.entries.contains { if case .failed = $0 { true } else { false } })
    }

    @Test func `who listens with another certificate is not told the token`() async throws {
        let (listener, dialler, other) = (try self.endpoint(), try self.endpoint(), try self.endpoint())
        listener.lanes.expect(Self.connection, token: Self.token, fingerprint: dialler.certificate.fingerprint)
        dialler.lanes.dial(
            Self.connection,
            address: "127.0.0.1",
            port: UInt16(listener.lanes.port),
            token: Self.token,
            fingerprint: other.certificate.fingerprint
        )
        _ = try await dialler.failure(Self.connection)
        #expect(listener.events.entries.isEmpty)
    }

    @Test func `a token is good once`() async throws {
        let (listener, dialler) = try await self.pair()
        let twin = try self.endpoint(certificate: dialler.certificate)
        twin.dial(listener, Self.connection, token: Self.token)
        _ = try await twin.failure(Self.connection)
        // The lane goes on.
        dialler.lanes.send(Self.connection, chunk(0).chunk)
        try await dialler.events.first("the word") { $0 == .delivered(Self.connection, 1) ? () : nil }
    }

    @Test func `a wrong token opens nothing`() async throws {
        let (listener, dialler) = (try self.endpoint(), try self.endpoint())
        listener.lanes.expect(Self.connection, token: Self.token, fingerprint: dialler.certificate.fingerprint)
        dialler.dial(listener, Self.connection, token: Nonce(bytes: [UInt8](repeating: 6, count: 32))!)
        _ = try await dialler.failure(Self.connection)
        #expect(listener.events.entries.isEmpty)
    }

    @Test func `where nobody listens there is no lane, and nobody waits for it`() async throws {
        let (listener, dialler) = (try self.endpoint(), try self.endpoint())
        let port = listener.lanes.port
        listener.lanes.shutdown()
        dialler.lanes.dial(
            Self.connection,
            address: "127.0.0.1",
            port: UInt16(port),
            token: Self.token,
            fingerprint: listener.certificate.fingerprint
        )
        #expect(try await dialler.failure(Self.connection).contains("refused"))
        dialler.lanes.dial(
            Self.connection,
            address: "not an address",
            port: 1,
            token: Self.token,
            fingerprint: listener.certificate.fingerprint
        )
        try await dialler.events.wait(for: "a second failure") { $0.count == 2 ? () : nil }
    }

    /// What somebody says on a lane that is his, and why it ends.
    static let nonsense: [(String, [UInt8])] = [
        ("kind", [0, 0, 0, 1, 9]),
        ("length", [0, 3, 0, 0, 1]),
        ("frames", LaneFrame.received(frames: 1).encoded()),
        ("kind", LaneFrame.greeting(token: token).encoded()),
        ("kind", LaneFrame.ready.encoded()),
        (
            "stopped in the middle of a frame",
            LaneFrame.chunk(chunk(0).header, payload: Cutting.chunkSize).encoded() + [1, 2, 3]
        ),
        ("stopped in the middle of a frame", [0, 0]),
    ]

    @Test(arguments: Self.nonsense) func `nonsense ends a lane`(reason: String, bytes: [UInt8]) async throws {
        let listener = try self.endpoint(silence: .milliseconds(200))
        let certificate = try RTCCertificate()
        listener.lanes.expect(Self.connection, token: Self.token, fingerprint: certificate.fingerprint)
        let greeting = LaneFrame.greeting(token: Self.token).encoded()
        let lane = try await RawLane(to: listener, certificate: certificate, greeting + bytes)
        let end = try await listener.end(Self.connection)
        #expect(end.received == 0)
        #expect(end.reason.contains(reason))
        try await lane.channel.closeFuture.get()
    }

    @Test(arguments: [LaneFrame.ready.encoded(), LaneFrame.chunk(chunk(0).header, payload: 1).encoded() + [1]])
    func `who does not greet first is left`(bytes: [UInt8]) async throws {
        let listener = try self.endpoint()
        let lane = try await RawLane(to: listener, certificate: try RTCCertificate(), bytes)
        try await lane.channel.closeFuture.get()
        #expect(listener.events.entries.isEmpty)
    }

    @Test func `a crowd of strangers who say nothing is bounded, and gone when it goes`() async throws {
        let (listener, dialler) = (try self.endpoint(), try self.endpoint())
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        let closed = Journal<Int>()
        var strangers: [any Channel] = []
        for number in 0...LaneLimits.strangers {
            let stranger = try await bootstrap.connect(host: "127.0.0.1", port: listener.lanes.port).get()
            stranger.closeFuture.whenComplete { _ in closed.note(number) }
            strangers.append(stranger)
        }
        // One of them is one too many.
        let left = try await closed.first("an end") { $0 }
        for (number, stranger) in strangers.enumerated() where number != left { try await stranger.close() }
        // The listener may not have seen all of them go yet.
        listener.lanes.expect(Self.connection, token: Self.token, fingerprint: dialler.certificate.fingerprint)
        while !listener.events.entries.contains(.opened(Self.connection)) {
            dialler.dial(listener, Self.connection, token: Self.token)
            try await dialler.events.wait(for: "an outcome") { [count = dialler.events.entries.count] events in
                events.count > count ? () : nil
            }
        }
    }

    @Test func `a port that is taken is named`() throws {
        let listener = try self.endpoint()
        let error = #expect(throws: RTCError.self) { try self.endpoint(port: listener.lanes.port) }
        #expect(error?.message.contains("on port \(listener.lanes.port): Address already in use") == true)
    }
}
