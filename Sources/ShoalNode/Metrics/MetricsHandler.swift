import NIOCore
import NIOHTTP1

/// One connection to the metrics: answers requests one after the other, and keeps the connection if that is wanted.
final class MetricsHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let pages: MetricsPages
    private var request: HTTPRequestHead?

    init(_ pages: MetricsPages) { self.pages = pages }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch Self.unwrapInboundIn(data) {
        case .head(let head): self.request = head
        case .body: break
        case .end:
            guard let request = self.request else { return }
            self.request = nil
            self.answer(request, context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is IdleStateHandler.IdleStateEvent else { return context.fireUserInboundEventTriggered(event) }
        context.close(promise: nil)
    }

    /// The other end is gone, or speaks something else.
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func answer(_ request: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let page = context.eventLoop.makePromise(of: MetricsServer.Page.self)
        let pages = self.pages
        page.completeWithTask { await pages.page(for: request) }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        page.futureResult.whenSuccess { page in Self.write(page, for: request, bound.value) }
    }

    private static func write(
        _ page: MetricsServer.Page,
        for request: HTTPRequestHead,
        _ context: ChannelHandlerContext
    ) {
        let headers: HTTPHeaders = [
            "Content-Type": page.type,
            "Content-Length": String(page.text.utf8.count),
            "Cache-Control": "no-store",
            "Connection": request.isKeepAlive ? "keep-alive" : "close",
            "X-Content-Type-Options": "nosniff",
        ]
        let head = HTTPResponseHead(version: .http1_1, status: page.status, headers: headers)
        context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
        if request.method != .HEAD {
            context.write(Self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: page.text)))), promise: nil)
        }
        let end = context.writeAndFlush(Self.wrapOutboundOut(.end(nil)))
        guard !request.isKeepAlive else { return }
        let channel = context.channel
        end.whenComplete { _ in channel.close(promise: nil) }
    }
}
