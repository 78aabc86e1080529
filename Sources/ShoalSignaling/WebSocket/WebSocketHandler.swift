import NIOCore
import NIOWebSocket

/// Why a WebSocket ends.
enum WebSocketEnd: Hashable, Sendable {
    /// We closed it.
    case closedByUs
    /// The other side closed it, with the code of RFC 6455 section 7.4 and its words.
    case closedByPeer(code: Int?, reason: String)
    /// The connection went away without goodbye.
    case lost
    /// Pings stayed unanswered.
    case unansweredPings
    /// Nothing came for too long.
    case idle
    /// More is waiting to be sent than the channel's high water mark.
    case outboundFull
    /// The other side broke the protocol, or a limit of ours.
    case violation(String)
}

/// Orders ``WebSocketHandler`` to say goodbye, as an outbound event of the channel.
struct WebSocketGoodbye: Sendable {
    let code: WebSocketErrorCode
}

/// What tracker client and server share of RFC 6455: whole text messages in, pings answered and sent, the closing
/// handshake with a deadline, an end when the other side does not read. Binary messages are ignored.
///
/// Stands behind the frame decoder and the aggregator. Lives on its channel's loop.
final class WebSocketHandler: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    /// What it reports, on the channel's loop.
    struct Callbacks {
        let text: (ByteBuffer) -> Void
        /// Once, when the reason is known; the channel closes soon after.
        let end: (WebSocketEnd) -> Void
        /// Whether a ping of so many bytes is answered.
        var answersPing: (Int) -> Bool = { _ in true }
    }

    /// 1 s: how long the other side may take over the closing handshake.
    static let goodbyeTimeout = TimeAmount.seconds(1)
    /// 2: pings in a row that may stay unanswered.
    static let unansweredPingLimit = 2

    private let isClient: Bool
    private let pingInterval: TimeAmount?
    private let callbacks: Callbacks
    private var nextPing: Scheduled<Void>?
    private var unansweredPings = 0
    private var hasEnded = false
    private var hasSaidGoodbye = false

    /// A handler that masks what it sends if `isClient`, and pings every `pingInterval` unless that is nil.
    init(isClient: Bool, pingInterval: TimeAmount?, callbacks: Callbacks) {
        self.isClient = isClient
        self.pingInterval = pingInterval
        self.callbacks = callbacks
    }

    func handlerAdded(context: ChannelHandlerContext) { self.schedulePing(context) }

    func handlerRemoved(context: ChannelHandlerContext) { self.nextPing?.cancel() }

    func channelInactive(context: ChannelHandlerContext) {
        self.nextPing?.cancel()
        self.end(.lost)
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = Self.unwrapInboundIn(data)
        self.unansweredPings = 0
        guard !self.hasEnded else {
            // Only the answer to our goodbye is of interest now.
            if frame.opcode == .connectionClose { context.close(promise: nil) }
            return
        }
        switch frame.opcode {
        case .text: self.callbacks.text(frame.unmaskedData)
        case .ping: if self.callbacks.answersPing(frame.length) { self.send(.pong, frame.unmaskedData, context) }
        case .connectionClose:
            var data = frame.unmaskedData
            let code = data.readInteger(as: UInt16.self).map { Int($0) }
            self.end(.closedByPeer(code: code, reason: TrackerCodec.readable(String(buffer: data))))
            self.sayGoodbye(code.map { WebSocketErrorCode(codeNumber: $0) } ?? .normalClosure, isReply: true, context)
        default: break
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        // No goodbye: it would wait behind all that the other side does not read.
        if !context.channel.isWritable {
            self.end(.outboundFull)
            context.close(promise: nil)
        }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            self.end(.idle)
            self.sayGoodbye(.goingAway, context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard let goodbye = event as? WebSocketGoodbye else {
            context.triggerUserOutboundEvent(event, promise: promise)
            return
        }
        self.end(.closedByUs)
        self.sayGoodbye(goodbye.code, context)
        promise?.succeed(())
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let error as NIOWebSocketError:
            let isTooLarge = error == .invalidFrameLength
            self.end(.violation(isTooLarge ? "a frame is too large" : "a broken WebSocket frame"))
            self.sayGoodbye(isTooLarge ? .messageTooLarge : .protocolError, context)
        case let error as NIOWebSocketFrameAggregator.Error:
            let isTooLarge = error == .accumulatedFrameSizeIsTooLarge || error == .tooManyFragments
            self.end(.violation(isTooLarge ? "a message is too large" : "message fragments out of order"))
            self.sayGoodbye(isTooLarge ? .messageTooLarge : .protocolError, context)
        case is UnfinishedMessage.Late:
            self.end(.violation("a message takes too long"))
            self.sayGoodbye(.policyViolation, context)
        default:
            self.end(.lost)
            context.close(promise: nil)
        }
    }

    private func end(_ end: WebSocketEnd) {
        guard !self.hasEnded else { return }
        self.hasEnded = true
        self.nextPing?.cancel()
        self.callbacks.end(end)
    }

    /// Sends a close frame; closes once it is out if it is the reply to one, else waits for the reply.
    private func sayGoodbye(_ code: WebSocketErrorCode, isReply: Bool = false, _ context: ChannelHandlerContext) {
        guard !self.hasSaidGoodbye else { return }
        self.hasSaidGoodbye = true
        var data = context.channel.allocator.buffer(capacity: 2)
        data.write(webSocketErrorCode: code)
        let sent = self.send(.connectionClose, data, context)
        if isReply { sent.assumeIsolated().whenComplete { _ in context.close(promise: nil) } }
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.goodbyeTimeout) { context.close(promise: nil) }
    }

    @discardableResult
    private func send(
        _ opcode: WebSocketOpcode,
        _ data: ByteBuffer,
        _ context: ChannelHandlerContext
    ) -> EventLoopFuture<Void> {
        let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: self.isClient ? .random() : nil, data: data)
        return context.writeAndFlush(Self.wrapOutboundOut(frame))
    }

    private func schedulePing(_ context: ChannelHandlerContext) {
        guard let pingInterval else { return }
        self.nextPing = context.eventLoop.assumeIsolated().scheduleTask(in: pingInterval) {
            guard self.unansweredPings < Self.unansweredPingLimit else {
                self.end(.unansweredPings)
                context.close(promise: nil)
                return
            }
            self.unansweredPings += 1
            self.send(.ping, ByteBuffer(), context)
            self.schedulePing(context)
        }
    }
}
