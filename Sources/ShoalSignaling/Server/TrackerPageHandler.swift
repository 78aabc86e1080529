import NIOCore
import NIOHTTP1

/// Answers those who come with plain HTTP, and closes: `/` and `/announce` say what this is, `/stats.json` how much
/// there is, anything else is not found.
final class TrackerPageHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private struct Page {
        var status = HTTPResponseStatus.ok
        var type = "text/plain; charset=utf-8"
        var body: [UInt8]
    }

    private let totals: () -> TrackerRegistry.Totals
    private var request: HTTPRequestHead?

    init(totals: @escaping () -> TrackerRegistry.Totals) { self.totals = totals }

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
        case "/", "/announce":
            return Page(body: Array("A Shoal tracker. It speaks WebTorrent's protocol over WebSocket.\n".utf8))
        case "/stats.json":
            let totals = self.totals()
            let value: JSONValue = [
                "sockets": .integer(totals.sockets),
                "swarms": .integer(totals.swarms),
                "peers": .integer(totals.peers),
                "seeders": .integer(totals.seeders),
            ]
            return Page(type: "application/json", body: value.encoded)
        default: return Self.notFound
        }
    }

    private static let notFound = Page(
        status: .notFound,
        body: Array("Not found. This is a Shoal tracker; see / and /stats.json.\n".utf8)
    )
}
