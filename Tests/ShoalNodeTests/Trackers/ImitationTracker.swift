import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import ShoalSignaling
import TestSupport

/// A tracker on loopback that is not ours: it does what ``TrackerQuirks`` say, and notes what it would not have borne.
final class ImitationTracker: Sendable {
    let url: TrackerURL
    /// What clients said, and over which socket.
    let heard: Journal<(socket: Int, message: HeardMessage)>
    /// What a client did that the imitated tracker punishes.
    let complaints: Journal<String>
    private let listener: any Channel

    private init(_ quirks: TrackerQuirks) async throws {
        let heard = Journal<(socket: Int, message: HeardMessage)>()
        let complaints = Journal<String>()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        self.listener = try await loop.flatSubmit {
            let desk = NIOLoopBound(Desk(quirks, heard: heard, complaints: complaints), eventLoop: loop)
            return ServerBootstrap(group: loop)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try desk.value.accept(channel) }
                }
                .bind(host: "127.0.0.1", port: 0)
        }.get()
        guard let port = self.listener.localAddress?.port else { throw ChannelError.unknownLocalAddress }
        self.url = TrackerURL(scheme: .ws, authority: HostPort(host: "127.0.0.1", port: port))
        self.heard = heard
        self.complaints = complaints
    }

    /// Runs `body` while there is such a tracker.
    static func with(_ quirks: TrackerQuirks, _ body: (ImitationTracker) async throws -> Void) async throws {
        let tracker = try await ImitationTracker(quirks)
        do {
            try await body(tracker)
        } catch {
            try await tracker.listener.close()
            throw error
        }
        try await tracker.listener.close()
    }

    /// Announces that named `event`, in the order in which they came.
    func announces(_ event: HeardMessage.Event) -> [(socket: Int, message: HeardMessage)] {
        self.heard.entries.filter { $0.message.answer == nil && $0.message.event == event }
    }
}

/// The sockets of an imitated tracker, all on one loop.
private final class Desk {
    private let quirks: TrackerQuirks
    private let heard: Journal<(socket: Int, message: HeardMessage)>
    private let complaints: Journal<String>
    private var swarms: ImitatedSwarms
    private var sockets: [Int: any Channel] = [:]
    private var next = 0

    init(
        _ quirks: TrackerQuirks,
        heard: Journal<(socket: Int, message: HeardMessage)>,
        complaints: Journal<String>
    ) {
        self.quirks = quirks
        self.heard = heard
        self.complaints = complaints
        self.swarms = ImitatedSwarms(quirks)
    }

    func accept(_ channel: any Channel) throws {
        let socket = self.next
        self.next += 1
        self.sockets[socket] = channel
        let desk = NIOLoopBound(self, eventLoop: channel.eventLoop)
        channel.closeFuture.whenComplete { _ in
            desk.value.sockets[socket] = nil
            desk.value.swarms.closed(socket)
        }
        let upgrader = NIOTypedWebSocketServerUpgrader<Void>(
            maxFrameSize: self.quirks.frameLimit,
            enableAutomaticErrorHandling: false,
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        NIOWebSocketFrameAggregator(
                            minNonFinalFragmentSize: 1,
                            maxAccumulatedFrameCount: 64,
                            maxAccumulatedFrameSize: desk.value.quirks.messageLimit
                        ),
                        Ear(
                            hear: { desk.value.received($0, from: socket) },
                            fail: { desk.value.complaints.note("a broken or too long message: \($0)") }
                        )
                    )
                }
            }
        )
        let upgrade = NIOTypedHTTPServerUpgradeConfiguration<Void>(upgraders: [upgrader]) { $0.close() }
        _ = try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(
            configuration: .init(upgradeConfiguration: upgrade)
        )
    }

    private func received(_ text: ByteBuffer, from socket: Int) {
        do {
            let message = try JSONDecoder().decode(HeardMessage.self, from: Data(text.readableBytesView))
            self.heard.note((socket, message))
            for effect in self.swarms.received(message, from: socket) { try self.perform(effect) }
        } catch {
            self.complaints.note("\(error)")
            self.sockets[socket]?.close(promise: nil)
        }
    }

    private func perform(_ effect: ImitatedSwarms.Effect) throws {
        switch effect {
        case .send(let message, let socket):
            let text = ByteBuffer(bytes: try JSONEncoder().encode(message))
            self.sockets[socket]?.writeAndFlush(WebSocketFrame(fin: true, opcode: .text, data: text), promise: nil)
        case .close(let socket): self.sockets[socket]?.close(promise: nil)
        case .complain(let complaint): self.complaints.note(complaint)
        }
    }
}

/// Takes whole messages from a WebSocket, and answers pings.
private final class Ear: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private let hear: (ByteBuffer) -> Void
    private let fail: (any Error) -> Void

    init(hear: @escaping (ByteBuffer) -> Void, fail: @escaping (any Error) -> Void) {
        self.hear = hear
        self.fail = fail
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = Self.unwrapInboundIn(data)
        switch frame.opcode {
        case .text: self.hear(frame.unmaskedData)
        case .ping:
            let pong = WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData)
            context.writeAndFlush(Self.wrapOutboundOut(pong), promise: nil)
        case .connectionClose: context.close(promise: nil)
        default: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is NIOWebSocketError || error is NIOWebSocketFrameAggregator.Error { self.fail(error) }
        context.close(promise: nil)
    }
}
