import NIOCore
import ShoalCore
import ShoalWire

/// "End this lane."
struct LaneEnd: Sendable {
    let reason: String
}

/// One lane: greets, cuts what comes into frames, tells what has come, sees when nothing goes on.
///
/// Owned by its channel's event loop.
final class LaneHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    /// A chunk's frame, whole.
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// `awaitingGreeting` or `awaitingReady` → `open` → `over`; each may go over.
    private enum Stage {
        /// The peer has dialled, and is to say which lane it wants.
        case awaitingGreeting(LanePeer)
        /// We have dialled and greeted.
        case awaitingReady(ConnectionID, UInt64, token: Nonce)
        case open(ConnectionID, UInt64, any LaneTransportDelegate)
        case over
    }

    /// A frame of which not all has come.
    private struct Payload {
        let header: FrameHeader
        let size: Int
        var done = 0
    }

    private let transport: LaneTransport
    private var stage: Stage
    private var start = NIODeadline.distantPast
    /// Of a frame whose beginning has not come whole: 24 bytes at most, or a greeting.
    private var beginning: [UInt8] = []
    private var payload: Payload?
    private var lastRead = NIODeadline.distantPast
    /// Frames of chunks that have come whole, and how many of them the peer knows of.
    private var received: UInt64 = 0
    private var receivedTold: UInt64 = 0
    /// Frames of chunks that were sent, and how many of them the peer has got.
    private var sent: UInt64 = 0
    private var delivered: UInt64 = 0
    /// When the peer got one, or when one was sent that nothing was before.
    private var lastDelivery = NIODeadline.distantPast
    private var watch: RepeatedTask?

    /// Of somebody who has dialled.
    init(listeningTo peer: LanePeer, of transport: LaneTransport) {
        self.stage = .awaitingGreeting(peer)
        self.transport = transport
    }

    init(dialling connection: ConnectionID, _ number: UInt64, token: Nonce, of transport: LaneTransport) {
        self.stage = .awaitingReady(connection, number, token: token)
        self.transport = transport
    }

    // MARK: The channel

    func channelActive(context: ChannelHandlerContext) {
        self.start = .now()
        // TLS keeps it until it is through.
        if case .awaitingReady(_, _, let token) = self.stage { self.say(.greeting(token: token), context) }
        let own = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        self.watch = context.eventLoop.scheduleRepeatedTask(
            initialDelay: .milliseconds(500),
            delay: .milliseconds(500)
        ) { _ in
            let (handler, context) = own.value
            handler.look(context)
        }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.end(context, "the peer closed it")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.end(context, LaneTransport.text(error))
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard let order = event as? LaneEnd else {
            return context.triggerUserOutboundEvent(event, promise: promise)
        }
        self.end(context, order.reason)
        promise?.succeed()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if self.delivered == self.sent { self.lastDelivery = .now() }
        self.sent += 1
        context.write(data, promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = self.unwrapInboundIn(data)
        self.lastRead = .now()
        do throws(WireError) {
            while buffer.readableBytes > 0, !self.isOver {
                if self.payload != nil {
                    self.readPayload(&buffer)
                } else if let frame = try self.readBeginning(&buffer) {
                    try self.took(frame, context)
                }
            }
        } catch {
            self.end(context, "it sent what is no frame: \(error)")
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if case .open = self.stage, self.received > self.receivedTold {
            self.receivedTold = self.received
            self.say(.received(frames: self.received), context)
        }
        context.fireChannelReadComplete()
    }

    // MARK: Frames

    /// Takes bytes until a frame can be read; of a chunk its header.
    private func readBeginning(_ buffer: inout ByteBuffer) throws(WireError) -> LaneFrame? {
        // Five bytes say how many are needed.
        var needed = LaneFrame.prefix + 1
        while true {
            let missing = needed - self.beginning.count
            if let bytes = buffer.readBytes(length: min(missing, buffer.readableBytes)) { self.beginning += bytes }
            guard self.beginning.count == needed else { return nil }
            let beginning = self.beginning
            let whole = try LaneFrame.needed(start: beginning.span.bytes)
            if needed == whole { break }
            needed = whole
        }
        defer { self.beginning.removeAll(keepingCapacity: true) }
        let beginning = self.beginning
        return try LaneFrame(decoding: beginning.span.bytes)
    }

    private func readPayload(_ buffer: inout ByteBuffer) {
        guard var payload = self.payload, case .open(let connection, _, let delegate) = self.stage else { return }
        let count = min(buffer.readableBytes, payload.size - payload.done)
        let part = payload.done..<payload.done + count
        buffer.readWithUnsafeReadableBytes { bytes in
            let bytes = UnsafeRawBufferPointer(rebasing: bytes[..<count])
            delegate.laneReceived(connection, payload.header, payload: payload.size, part: part, bytes.bytes)
            return count
        }
        payload.done += count
        self.payload = payload.done == payload.size ? nil : payload
        if self.payload == nil { self.received += 1 }
    }

    private func took(_ frame: LaneFrame, _ context: ChannelHandlerContext) throws(WireError) {
        switch (frame, self.stage) {
        case (.greeting(let token), .awaitingGreeting(let peer)):
            guard
                let (connection, number) = self.transport.greeted(
                    token,
                    fingerprint: peer.fingerprint,
                    context.channel
                )
            else { return self.end(context, "a wrong token or certificate") }
            self.transport.leave()
            self.open(connection, number, context)
            if case .open = self.stage { self.say(.ready, context) }
        case (.ready, .awaitingReady(let connection, let number, _)): self.open(connection, number, context)
        case (.chunk(let header, let size), .open): self.payload = Payload(header: header, size: size)
        case (.received(let frames), .open(let connection, _, let delegate)):
            guard frames >= self.delivered, frames <= self.sent else { throw .invalid(field: "frames") }
            if frames > self.delivered { self.lastDelivery = .now() }
            self.delivered = frames
            delegate.laneDelivered(connection, frames: frames)
        default: throw .invalid(field: "kind")
        }
    }

    private func open(_ connection: ConnectionID, _ number: UInt64, _ context: ChannelHandlerContext) {
        // Before the delegate is told: it may send at once.
        guard let delegate = self.transport.opened(connection, number, context.channel) else {
            self.stage = .over
            return context.close(promise: nil)
        }
        self.stage = .open(connection, number, delegate)
    }

    private func say(_ frame: LaneFrame, _ context: ChannelHandlerContext) {
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: frame.encoded())), promise: nil)
    }

    // MARK: The end

    private var isOver: Bool {
        if case .over = self.stage { true } else { false }
    }

    /// Whether anything goes on.
    private func look(_ context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        let limits = self.transport.configuration
        switch self.stage {
        case .awaitingGreeting, .awaitingReady:
            if now - self.start > TimeAmount(limits.greetingLimit) { self.end(context, "no greeting in time") }
        case .open:
            let isInFrame = self.payload != nil || !self.beginning.isEmpty
            if isInFrame, now - self.lastRead > TimeAmount(limits.silenceLimit) {
                self.end(context, "the peer stopped in the middle of a frame")
            } else if self.delivered < self.sent, now - self.lastDelivery > TimeAmount(limits.deliveryLimit) {
                self.end(context, "the peer takes nothing")
            }
        case .over: break
        }
    }

    /// Tells of the end at once, and closes the channel; what comes after that is dropped.
    private func end(_ context: ChannelHandlerContext, _ reason: String) {
        self.watch?.cancel()
        let stage = self.stage
        self.stage = .over
        switch stage {
        case .awaitingGreeting: self.transport.leave()
        case .awaitingReady(let connection, let number, _):
            self.transport.failed(connection, number, reason: reason)
        case .open(let connection, let number, _):
            self.transport.closed(connection, number, received: self.received, reason: reason)
        case .over: return
        }
        context.close(promise: nil)
    }
}
