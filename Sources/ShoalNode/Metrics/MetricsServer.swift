package import NIOCore
import NIOHTTP1
import NIOPosix
import ShoalSignaling

/// Answers `GET /metrics` and `GET /health` on 127.0.0.1, to Prometheus and whoever else watches over a node.
///
/// Programs of this machine alone can connect. Pages in its browsers can, too, under a name of their own that leads here
/// (DNS rebinding): a request has to name the host by which a program of this machine knows it.
package final class MetricsServer: Sendable {
    /// What one path gives.
    struct Page: Sendable {
        var status = HTTPResponseStatus.ok
        var type = "text/plain; charset=utf-8"
        var text: String
    }

    enum Bounds {
        /// 16 connections: a few Prometheus servers, a health check, a person.
        static let connections = 16
        /// A connection on which nothing is asked for so long is closed: the longest interval that people scrape at is a minute.
        static let idle = TimeAmount.seconds(120)
        /// How long a page may take to make; Prometheus gives up after 10 s.
        static let page = Duration.seconds(9)
    }

    /// The port that it got.
    package let port: Int
    private let listener: any Channel

    /// - Parameter port: 0: the system chooses one.
    /// - Throws: ``NodeFailure`` when the port cannot be had.
    package static func start(
        _ node: Node,
        _ registry: PrometheusRegistry,
        port: Int,
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) async throws(NodeFailure) -> MetricsServer {
        let pages = MetricsPages(node, registry)
        // One loop counts the connections.
        let loop = group.next()
        let count = NIOLoopBoundBox.makeBoxSendingValue(0, eventLoop: loop)
        do {
            let listener = try await ServerBootstrap(group: loop)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        guard count.value < Bounds.connections else { throw ChannelError.operationUnsupported }
                        count.value += 1
                        channel.closeFuture.whenComplete { _ in count.value -= 1 }
                        let handlers = channel.pipeline.syncOperations
                        try handlers.addHandler(IdleStateHandler(allTimeout: Bounds.idle))
                        try handlers.configureHTTPServerPipeline(
                            withPipeliningAssistance: true,
                            withErrorHandling: true
                        )
                        try handlers.addHandler(MetricsHandler(pages))
                    }
                }
                .bind(host: "127.0.0.1", port: port)
                .get()
            guard let bound = listener.localAddress?.port else { throw ChannelError.unknownLocalAddress }
            return MetricsServer(listener, bound)
        } catch {
            throw NodeFailure(
                .failed,
                "no metrics on 127.0.0.1:\(port): \(ListeningProblem.explanation(of: error))"
            )
        }
    }

    private init(_ listener: any Channel, _ port: Int) {
        self.listener = listener
        self.port = port
    }

    /// Where Prometheus finds the metrics.
    package var url: String { "http://127.0.0.1:\(self.port)/metrics" }

    /// Answers nobody any more who is not connected. Ignores that it has ended already, which is what is wanted.
    package func stop() async { try? await self.listener.close() }
}
