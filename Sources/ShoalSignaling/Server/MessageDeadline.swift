import NIOCore
import NIOWebSocket

/// How long a client may take over one message: who sends a byte now and then, or fragments and never the last, holds
/// memory for nothing. It stands at two places of a channel, in front of the frame decoder and behind it.
///
/// Bytes that follow a whole frame in the same read are timed from the next read on; the idle timeout ends those that
/// stop there.
enum MessageDeadline {
    struct Missed: Error {}

    /// Counts whole frames for ``Bytes``, and times fragmented messages, whatever pings come between.
    final class Frames: ChannelInboundHandler {
        typealias InboundIn = WebSocketFrame
        typealias InboundOut = WebSocketFrame

        private let limit: TimeAmount
        private var timer: Scheduled<Void>?
        fileprivate var count = 0

        init(_ limit: Duration) { self.limit = TimeAmount(limit) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let frame = Self.unwrapInboundIn(data)
            self.count += 1
            switch frame.opcode {
            case .ping, .pong, .connectionClose: break
            default:
                if frame.fin {
                    self.timer?.cancel()
                    self.timer = nil
                } else if self.timer == nil {
                    self.timer = MessageDeadline.schedule(context, in: self.limit)
                }
            }
            context.fireChannelRead(data)
        }

        func handlerRemoved(context: ChannelHandlerContext) { self.timer?.cancel() }
    }

    /// Times frames: bytes came, and no frame ended with them.
    final class Bytes: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias InboundOut = ByteBuffer

        private let limit: TimeAmount
        private var timer: Scheduled<Void>?
        /// Nil until the connection is a WebSocket; until then the handshake's deadline holds.
        var frames: Frames?

        init(_ limit: Duration) { self.limit = TimeAmount(limit) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard let frames else {
                context.fireChannelRead(data)
                return
            }
            let before = frames.count
            context.fireChannelRead(data)
            if frames.count != before {
                self.timer?.cancel()
                self.timer = nil
            } else if self.timer == nil {
                self.timer = MessageDeadline.schedule(context, in: self.limit)
            }
        }

        func handlerRemoved(context: ChannelHandlerContext) { self.timer?.cancel() }
    }

    private static func schedule(_ context: ChannelHandlerContext, in limit: TimeAmount) -> Scheduled<Void> {
        context.eventLoop.assumeIsolated().scheduleTask(in: limit) { context.fireErrorCaught(Missed()) }
    }
}
