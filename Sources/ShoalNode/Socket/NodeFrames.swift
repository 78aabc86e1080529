import NIOCore

/// A message on the node socket: its length as a big-endian `u32`, then as many bytes. No message is empty.
struct NodeFrameDecoder: NIOSingleStepByteToMessageDecoder {
    typealias InboundOut = ByteBuffer

    /// The longest message that is taken.
    let limit: Int

    func decode(buffer: inout ByteBuffer) throws -> ByteBuffer? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else { return nil }
        guard length > 0 else { throw NodeFailure(.malformed, "an empty message") }
        guard length <= self.limit else {
            throw NodeFailure(.tooLong, "a message of \(length) bytes, where \(self.limit) are the most")
        }
        guard buffer.readableBytes >= 4 + Int(length) else { return nil }
        buffer.moveReaderIndex(forwardBy: 4)
        return buffer.readSlice(length: Int(length))
    }

    /// A message that the end cuts off is nobody's: its sender has gone.
    func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> ByteBuffer? {
        try self.decode(buffer: &buffer)
    }
}

/// Ends a connection on which no whole message came for too long.
///
/// Stands behind the decoder. Lives on its channel's loop.
final class NodeSilenceHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let limit: TimeAmount
    /// Whether every message has its own time, or the first one alone.
    private let repeats: Bool
    private let failure: NodeFailure
    private var timer: Scheduled<Void>?

    init(limit: Duration, repeats: Bool, failure: NodeFailure) {
        self.limit = TimeAmount(limit)
        self.repeats = repeats
        self.failure = failure
    }

    func channelActive(context: ChannelHandlerContext) {
        self.start(context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.timer?.cancel()
        self.timer = nil
        if self.repeats { self.start(context) }
        context.fireChannelRead(data)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.timer?.cancel()
        context.fireChannelInactive()
    }

    private func start(_ context: ChannelHandlerContext) {
        self.timer = context.eventLoop.assumeIsolated().scheduleTask(in: self.limit) { [failure] in
            context.fireErrorCaught(failure)
        }
    }
}

/// One end of a connection: messages in as a sequence, messages out one by one.
struct NodeChannel: Sendable {
    /// 10 s: how long the other side may take to read what it is sent.
    static let sendLimit = TimeAmount.seconds(10)

    typealias Wrapped = NIOAsyncChannel<ByteBuffer, Never>

    let wrapped: Wrapped

    /// To be called on the channel's loop, before anything is read.
    static func wrap(_ channel: any Channel, limit: Int, silence: NodeSilenceHandler) throws -> NodeChannel {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(ByteToMessageHandler(NodeFrameDecoder(limit: limit), maximumBufferSize: limit + 4))
        try pipeline.addHandler(silence)
        return NodeChannel(wrapped: try Wrapped(wrappingChannelSynchronously: channel))
    }

    /// Returns when the message is with the other side's system.
    func send(_ message: some Collection<UInt8>) async throws {
        let channel = self.wrapped.channel
        var frame = channel.allocator.buffer(capacity: 4 + message.count)
        frame.writeInteger(UInt32(message.count))
        frame.writeBytes(message)
        let timer = channel.eventLoop.scheduleTask(in: Self.sendLimit) { channel.close(promise: nil) }
        defer { timer.cancel() }
        try await channel.writeAndFlush(frame)
    }

    func close() { self.wrapped.channel.close(promise: nil) }
}
