import NIOCore
import NIOHTTP1

/// Stands where the WebSocket would be when a server answers with something else, and passes on the head of that.
final class HTTPRefusalHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let onHead: (HTTPResponseHead) -> Void

    init(onHead: @escaping (HTTPResponseHead) -> Void) { self.onHead = onHead }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head(let head) = Self.unwrapInboundIn(data) { self.onHead(head) }
    }
}
