import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import Testing

@testable import ShoalSignaling

/// The server's end of a WebSocket, frame by frame.
struct WebSocketPeer {
    struct Frame: Hashable, Sendable {
        let opcode: WebSocketOpcode
        let data: [UInt8]
    }

    let frames: Mailbox<Frame>
    fileprivate let channel: any Channel

    func send(_ opcode: WebSocketOpcode, _ data: [UInt8]) {
        self.channel.writeAndFlush(
            WebSocketFrame(fin: true, opcode: opcode, data: ByteBuffer(bytes: data)),
            promise: nil
        )
    }

    func cut() { self.channel.close(promise: nil) }

    func stopReading() { self.channel.setOption(.autoRead, value: false).whenComplete { _ in } }
}

/// Runs `body` with a client that is connected to a WebSocket server which does nothing by itself but answer
/// pings, if asked to.
func withWebSocketPeer(
    _ configuration: TrackerClient.Configuration = .patient,
    answersPings: Bool = false,
    group: any EventLoopGroup = loops,
    _ body: (WebSocketPeer, TestClient) async throws -> Void
) async throws {
    let accepted = Mailbox<any Channel>()
    let frames = Mailbox<WebSocketPeer.Frame>()
    let upgrader = NIOTypedWebSocketServerUpgrader<Void>(
        enableAutomaticErrorHandling: false,
        shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
        upgradePipelineHandler: { channel, _ in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(FrameCollector(frames, answersPings: answersPings))
            }
        }
    )
    let listener = try await ServerBootstrap(group: loops.next())
        .serverChannelOption(.socketOption(.so_rcvbuf), value: 4096)
        .childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let upgrade = NIOTypedHTTPServerUpgradeConfiguration<Void>(upgraders: [upgrader]) { $0.close() }
                let result = try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(
                    configuration: .init(upgradeConfiguration: upgrade)
                )
                result.whenSuccess { accepted.post(channel) }
            }
        }
        .bind(host: "127.0.0.1", port: 0).get()
    let port = try #require(listener.localAddress?.port)
    let url = TrackerURL(scheme: .ws, authority: HostPort(host: "127.0.0.1", port: port))
    let client = try await TestClient.connected(to: url, configuration: configuration, group: group)
    try await body(WebSocketPeer(frames: frames, channel: try await accepted.next()), client)
    client.client.close()
    try await listener.close()
}

private final class FrameCollector: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame
    private let frames: Mailbox<WebSocketPeer.Frame>
    private let answersPings: Bool

    init(_ frames: Mailbox<WebSocketPeer.Frame>, answersPings: Bool) {
        self.frames = frames
        self.answersPings = answersPings
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = Self.unwrapInboundIn(data)
        if self.answersPings, frame.opcode == .ping {
            let pong = WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData)
            context.writeAndFlush(Self.wrapOutboundOut(pong), promise: nil)
        }
        self.frames.post(.init(opcode: frame.opcode, data: Array(frame.unmaskedData.readableBytesView)))
    }
}
