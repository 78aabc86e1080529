import NIOCore
import NIOPosix
import ShoalCore
import ShoalSwarm
import Synchronization
import TestSupport
import Testing

@testable import ShoalSignaling

let loops = MultiThreadedEventLoopGroup.singleton

/// What callbacks report, for a test to wait for, in order.
final class Mailbox<Element: Sendable>: Sendable {
    private struct State {
        var elements: [Element] = []
        var waiting: CheckedContinuation<Element, any Error>?
    }

    private let state = Mutex(State())

    func post(_ element: Element) {
        let waiting = self.state.withLock { state in
            let waiting = state.waiting.take()
            if waiting == nil { state.elements.append(element) }
            return waiting
        }
        waiting?.resume(returning: element)
    }

    /// The next element, once there is one. One task waits at a time; a test that runs out of time throws.
    func next() async throws -> Element {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let element = self.state.withLock { state -> Element? in
                    if !state.elements.isEmpty { return state.elements.removeFirst() }
                    state.waiting = continuation
                    return nil
                }
                if let element { continuation.resume(returning: element) }
            }
        } onCancel: {
            self.state.withLock { $0.waiting.take() }?.resume(throwing: CancellationError())
        }
    }

    /// What nobody has waited for yet.
    var rest: [Element] { self.state.withLock { $0.elements } }
}

extension Mailbox where Element: Equatable {
    /// Waits for the next element, which must be `expected`.
    func expect(_ expected: Element, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let element = try await self.next()
        #expect(element == expected, sourceLocation: sourceLocation)
    }
}

extension TrackerClient.Configuration {
    /// Without timeouts that a busy machine would reach.
    static var patient: Self {
        var configuration = Self()
        configuration.connectTimeout = .seconds(60)
        configuration.upgradeTimeout = .seconds(60)
        return configuration
    }
}

/// A client whose events can be waited for.
struct TestClient {
    let events = Mailbox<TrackerClient.Event>()
    let client: TrackerClient

    init(
        _ url: TrackerURL,
        configuration: TrackerClient.Configuration = .patient,
        group: any EventLoopGroup = loops
    ) throws {
        let events = self.events
        self.client = try TrackerClient(url: url, configuration: configuration, group: group) { events.post($0) }
    }

    /// A client that is connected to `url`.
    static func connected(
        to url: TrackerURL,
        configuration: TrackerClient.Configuration = .patient,
        group: any EventLoopGroup = loops
    ) async throws -> TestClient {
        let client = try TestClient(url, configuration: configuration, group: group)
        client.client.connect()
        try #require(try await client.events.next() == .connected)
        return client
    }

    /// Sends and waits for the next event.
    func exchange(_ request: TrackerRequest) async throws -> TrackerClient.Event {
        try self.client.send(request)
        return try await self.events.next()
    }

    /// Connects and waits for the end.
    func reasonOfFailure() async throws -> String {
        self.client.connect()
        guard case .closed(let reason) = try await self.events.next() else {
            throw UnexpectedEvent()
        }
        return reason
    }
}

struct UnexpectedEvent: Error {}

/// A WebSocket of the client's make over which anything can be sent.
struct TestSocket {
    let events = Mailbox<TrackerClient.Event>()
    private let connection: TrackerConnection

    init(to url: TrackerURL) async throws {
        let events = self.events
        self.connection = TrackerConnection(
            url: url,
            configuration: .patient,
            tls: nil,
            loop: loops.next()
        ) { events.post($1) }
        self.connection.start()
        try #require(try await events.next() == .connected)
    }

    func exchange(_ text: String) async throws -> TrackerClient.Event {
        self.connection.send(Array(text.utf8))
        return try await self.events.next()
    }

    func close() { self.connection.close() }
}

/// A server that says what it is told to, whatever it hears.
struct CannedServer {
    private let listener: any Channel
    let url: TrackerURL

    /// For each connection: once `trigger` was read (at once when it is empty) it writes `answer`, and closes if told to.
    init(after trigger: String = "\r\n\r\n", answer: String, closes: Bool = false) async throws {
        self.listener = try await ServerBootstrap(group: loops.next())
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = CannedHandler(trigger: trigger, answer: answer, closes: closes)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(self.listener.localAddress?.port)
        self.url = TrackerURL(scheme: .ws, authority: HostPort(host: "127.0.0.1", port: port))
    }

    func close() async throws { try await self.listener.close() }
}

private final class CannedHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let trigger: String
    private let answer: String
    private let closes: Bool
    private var heard = ""
    private var hasAnswered = false

    init(trigger: String, answer: String, closes: Bool) {
        self.trigger = trigger
        self.answer = answer
        self.closes = closes
    }

    func channelActive(context: ChannelHandlerContext) { self.answerIfTriggered(context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.heard += String(buffer: Self.unwrapInboundIn(data))
        self.answerIfTriggered(context)
    }

    private func answerIfTriggered(_ context: ChannelHandlerContext) {
        guard !self.hasAnswered, self.trigger.isEmpty || self.heard.contains(self.trigger) else { return }
        self.hasAnswered = true
        let channel = context.channel
        let closes = self.closes
        context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: self.answer))).whenComplete { _ in
            if closes { channel.close(promise: nil) }
        }
    }
}

extension RawSocket {
    static func exchange(_ bytes: [UInt8], then rest: [UInt8] = [], with url: TrackerURL) async throws -> [UInt8] {
        try await self.exchange(bytes, then: rest, port: url.port)
    }

    static func exchange(_ text: String, with url: TrackerURL) async throws -> String {
        try await self.exchange(text, port: url.port)
    }

    /// A WebSocket handshake as a browser makes it.
    static let handshake = """
        GET /announce HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n
        """
}

/// Runs `body` with a tracker on loopback, and shuts it down.
func withTracker(
    _ configure: (inout TrackerServer.Configuration) -> Void = { _ in },
    _ body: (TrackerServer) async throws -> Void
) async throws {
    var configuration = TrackerServer.Configuration()
    configure(&configuration)
    let server = try await TrackerServer.start(configuration, group: loops, seed: 1)
    do {
        try await body(server)
    } catch {
        await server.shutdown()
        throw error
    }
    await server.shutdown()
}
