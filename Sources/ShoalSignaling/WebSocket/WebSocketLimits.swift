import NIOCore
import NIOHTTP1
import NIOWebSocket

/// What client and server hold each other to below the messages.
enum WebSocketLimits {
    /// 16 KiB: longer messages are sent in fragments of this size, because aquatic refuses longer frames.
    static let fragmentSize = 16 * 1024

    /// 64 KiB: the longest frame that the server takes. Clients take a whole message, because trackers do not fragment.
    static let maximumFrameSize = 64 * 1024

    /// 64: fragments of one message that are accepted; ours has 16 at most.
    static let maximumFragments = 64

    /// 1 MiB may wait in a channel before the connection is given up, and as much in front of a client's loop.
    static let outbound = ChannelOptions.Types.WriteBufferWaterMark(low: 512 * 1024, high: 1024 * 1024)

    /// 16 KiB of HTTP headers in 64 fields: a browser's handshake has 2 KiB, cookies included.
    static let http: NIOHTTPDecoderLimitConfiguration = {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = 16 * 1024
        limits.maxHeaderListSize = 16 * 1024
        limits.maxHeaderFieldCount = 64
        return limits
    }()

    /// Puts the fragments of a message together, up to the longest message of the protocol.
    static func aggregator() -> NIOWebSocketFrameAggregator {
        NIOWebSocketFrameAggregator(
            minNonFinalFragmentSize: 1,
            maxAccumulatedFrameCount: self.maximumFragments,
            maxAccumulatedFrameSize: TrackerCodec.maximumMessageSize
        )
    }

    /// A text message as frames; a client's are masked (RFC 6455 section 5.3).
    static func frames(of text: [UInt8], isClient: Bool) -> [WebSocketFrame] {
        var rest = ByteBuffer(bytes: text)
        var frames: [WebSocketFrame] = []
        repeat {
            let fragment = rest.readSlice(length: min(rest.readableBytes, self.fragmentSize)) ?? ByteBuffer()
            frames.append(
                WebSocketFrame(
                    fin: rest.readableBytes == 0,
                    opcode: frames.isEmpty ? .text : .continuation,
                    maskKey: isClient ? .random() : nil,
                    data: fragment
                )
            )
        } while rest.readableBytes > 0
        return frames
    }
}
