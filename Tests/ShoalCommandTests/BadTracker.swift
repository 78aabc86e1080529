import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import TestSupport

/// A server on a tracker's port that is none.
struct BadTracker: Sendable {
    enum Conduct: CaseIterable, Sendable {
        /// A web server that knows nothing of trackers.
        case notFound
        /// Not even HTTP.
        case noise
        /// A WebSocket on which no message makes sense.
        case nonsense
    }

    let url: String
    /// An entry for each connection.
    let connections: Journal<Void>

    /// Runs `body` while there is such a server.
    static func with(_ conduct: Conduct, _ body: (BadTracker) async throws -> Void) async throws {
        let connections = Journal<Void>()
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                connections.note(())
                return channel.eventLoop.makeCompletedFuture { try Self.configure(channel, conduct) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        guard let port = listener.localAddress?.port else { throw ChannelError.unknownLocalAddress }
        do {
            try await body(BadTracker(url: "ws://127.0.0.1:\(port)", connections: connections))
        } catch {
            try await listener.close()
            throw error
        }
        try await listener.close()
    }

    private static func configure(_ channel: any Channel, _ conduct: Conduct) throws {
        switch conduct {
        case .notFound:
            let page = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            try channel.pipeline.syncOperations.addHandler(CannedAnswer(page))
        case .noise: try channel.pipeline.syncOperations.addHandler(CannedAnswer("\u{1}220 \u{7F} hello?\n\n\n"))
        case .nonsense:
            let upgrader = NIOWebSocketServerUpgrader(
                shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
                upgradePipelineHandler: { channel, _ in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Nonsense())
                    }
                }
            )
            try channel.pipeline.syncOperations.configureHTTPServerPipeline(
                withServerUpgrade: (upgraders: [upgrader], completionHandler: { _ in })
            )
        }
    }
}

/// Says the same whatever is asked, and hangs up.
private final class CannedAnswer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let text: String

    init(_ text: String) { self.text = text }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let channel = context.channel
        context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: self.text)))
            .whenComplete { _ in channel.close(promise: nil) }
    }
}

/// Answers every frame with a text that is no message.
private final class Nonsense: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(string: "{\"action\": ["))
        context.writeAndFlush(Self.wrapOutboundOut(frame), promise: nil)
    }
}
