import NIOCore
import NIOHTTP1

/// Answers those who come with plain HTTP, and closes: `/`, `/announce` and `/stats` say what this is and how much
/// there is, `/stats.json` says it to programs, anything else is not found.
final class TrackerPageHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private struct Page {
        var status = HTTPResponseStatus.ok
        var type = "text/plain; charset=utf-8"
        var body: [UInt8]
    }

    private let figures: () -> TrackerFigures
    private var request: HTTPRequestHead?

    init(figures: @escaping () -> TrackerFigures) { self.figures = figures }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch Self.unwrapInboundIn(data) {
        case .head(let head): self.request = head
        case .body: break
        case .end: self.answer(context)
        }
    }

    private func answer(_ context: ChannelHandlerContext) {
        let page = self.page
        let headers: HTTPHeaders = [
            "Content-Type": page.type,
            "Content-Length": String(page.body.count),
            "Cache-Control": "no-store",
            "Connection": "close",
            "X-Content-Type-Options": "nosniff",
        ]
        let head = HTTPResponseHead(version: .http1_1, status: page.status, headers: headers)
        context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
        context.write(Self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: page.body)))), promise: nil)
        let channel = context.channel
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }

    private var page: Page {
        // A head that asked for an upgrade which was refused never comes here: the upgrade handler keeps it.
        guard let request = self.request, !request.headers.contains(name: "Upgrade") else {
            return Page(status: .badRequest, body: Array("This is no WebSocket handshake (RFC 6455).\n".utf8))
        }
        guard request.method == .GET else { return Self.notFound }
        switch request.uri.prefix(while: { $0 != "?" }) {
        case "/", "/announce", "/stats": return Page(type: "text/html; charset=utf-8", body: self.figures().html)
        case "/stats.json": return Page(type: "application/json", body: self.figures().json)
        default: return Self.notFound
        }
    }

    private static let notFound = Page(
        status: .notFound,
        body: Array("Not found. This is a Shoal tracker; see /, /stats and /stats.json.\n".utf8)
    )
}
