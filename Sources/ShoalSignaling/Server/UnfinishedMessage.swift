import NIOCore
import NIOWebSocket

/// What a client sent of a message, or of its handshake, that is not whole yet: how much is kept of it, and for how long.
/// Who sends a byte now and then, or fragments and never the last, holds memory for nothing.
///
/// Two handlers, in front of the frame decoder and behind it: one counts the bytes that go in, the other takes off those
/// of the messages that come out.
enum UnfinishedMessage {
    /// It took too long.
    struct Late: Error {}

    /// Tells ``Bytes`` of the messages that are whole.
    final class Frames: ChannelInboundHandler {
        typealias InboundIn = WebSocketFrame
        typealias InboundOut = WebSocketFrame

        /// What a frame's data may have in front of it (RFC 6455 section 5.2). All are taken to have that: longer lengths than
        /// needed are no reason to charge somebody for bytes that are gone.
        private static let longestHeader = 14

        private let bytes: Bytes
        /// Bytes of whole frames that wait for the last fragment of their message.
        private var fragments = 0

        init(_ bytes: Bytes) { self.bytes = bytes }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let frame = Self.unwrapInboundIn(data)
            let size = Self.longestHeader + frame.length
            switch frame.opcode {
            case .ping, .pong, .connectionClose:
                // They may come between fragments, and do not prolong the time for those.
                self.bytes.release(size, endsMessage: self.fragments == 0)
            default:
                self.fragments += size
                if frame.fin {
                    self.bytes.release(self.fragments, endsMessage: true)
                    self.fragments = 0
                }
            }
            context.fireChannelRead(data)
        }
    }

    /// Counts and times what is not whole.
    final class Bytes: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias InboundOut = ByteBuffer

        private let limit: TimeAmount
        private let onChange: (Int) -> Void
        private var context: ChannelHandlerContext?
        private var timer: Scheduled<Void>?
        private var stage = Stage.handshake
        private var isReading = false
        private var count = 0
        private var toldCount = 0

        private enum Stage {
            /// Its own deadline holds.
            case handshake
            /// So many bytes followed the empty line that ends it.
            case afterHandshake(Int)
            case frames
        }

        /// `onChange` is told how many bytes are kept from now on.
        init(_ limit: Duration, onChange: @escaping (Int) -> Void) {
            self.limit = TimeAmount(limit)
            self.onChange = onChange
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let buffer = Self.unwrapInboundIn(data)
            self.isReading = true
            self.count += buffer.readableBytes
            switch self.stage {
            case .handshake:
                if let end = buffer.readableBytesView.firstRange(of: "\r\n\r\n".utf8)?.upperBound {
                    self.stage = .afterHandshake(buffer.readableBytesView.endIndex - end)
                }
            case .afterHandshake(let count): self.stage = .afterHandshake(count + buffer.readableBytes)
            case .frames: break
            }
            context.fireChannelRead(data)
            self.isReading = false
            self.settle()
        }

        func handlerAdded(context: ChannelHandlerContext) { self.context = context }

        func handlerRemoved(context: ChannelHandlerContext) {
            self.timer?.cancel()
            self.context = nil
        }

        /// The handshake is done: frames follow, and what came after it is their beginning.
        func upgrade() {
            self.count = if case .afterHandshake(let count) = self.stage { count } else { 0 }
            self.stage = .frames
            self.settle()
        }

        fileprivate func release(_ byteCount: Int, endsMessage: Bool) {
            self.count = max(self.count - byteCount, 0)
            if endsMessage {
                self.timer?.cancel()
                self.timer = nil
            }
            self.settle()
        }

        /// Not in the middle of a read, which may have the end of a message.
        private func settle() {
            guard !self.isReading else { return }
            if case .frames = self.stage, self.count > 0, self.timer == nil { self.startTimer() }
            guard self.count != self.toldCount else { return }
            self.toldCount = self.count
            self.onChange(self.count)
        }

        private func startTimer() {
            guard let context else { return }
            self.timer = context.eventLoop.assumeIsolated().scheduleTask(in: self.limit) {
                context.fireErrorCaught(Late())
            }
        }
    }
}
