import Foundation
import NIOHTTP1

/// What a node tells those who watch over it, by path.
struct MetricsPages: Sendable {
    private let node: Node
    private let registry: PrometheusRegistry

    init(_ node: Node, _ registry: PrometheusRegistry) {
        self.node = node
        self.registry = registry
    }

    func page(for request: HTTPRequestHead) async -> MetricsServer.Page {
        guard Self.isOwn(request.headers["Host"]) else {
            return MetricsServer.Page(
                status: .forbidden,
                text: "Ask for 127.0.0.1 or localhost: other names of this host are not answered (DNS rebinding).\n"
            )
        }
        guard request.method == .GET || request.method == .HEAD else {
            return MetricsServer.Page(status: .methodNotAllowed, text: "Only GET and HEAD are answered.\n")
        }
        switch request.uri.prefix(while: { $0 != "?" }) {
        case "/metrics": return await self.metrics
        case "/health": return await self.health
        default: return MetricsServer.Page(status: .notFound, text: "Not found. There are /metrics and /health.\n")
        }
    }

    /// Whether a request is for this machine: one `Host`, an address of loopback or `localhost`, with or without a port.
    static func isOwn(_ hosts: [String]) -> Bool {
        guard hosts.count == 1, let host = hosts.first?.lowercased() else { return false }
        return ["127.0.0.1", "localhost", "[::1]"].contains { name in
            guard host.hasPrefix(name) else { return false }
            let rest = host.dropFirst(name.count)
            return rest.isEmpty || (rest.first == ":" && rest.dropFirst().allSatisfy(\.isWholeNumber))
        }
    }

    private var metrics: MetricsServer.Page {
        get async {
            let node = self.node
            guard await TimeLimit.first(within: MetricsServer.Bounds.page, { await node.updateMetrics() }) != nil else {
                return MetricsServer.Page(
                    status: .serviceUnavailable,
                    text: "The node has not answered within \(MetricsServer.Bounds.page); see /health.\n"
                )
            }
            return MetricsServer.Page(
                type: "text/plain; version=0.0.4; charset=utf-8",
                text: self.registry.text
            )
        }
    }

    private var health: MetricsServer.Page {
        get async {
            let report = await self.node.health()
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            // Texts, numbers below infinity: nothing that JSON cannot say.
            let text = (try? encoder.encode(report)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
            return MetricsServer.Page(
                status: report.status == .fail ? .serviceUnavailable : .ok,
                type: "application/health+json",
                text: text + "\n"
            )
        }
    }
}
