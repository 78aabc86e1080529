package import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket

/// A tracker: WebTorrent's WebSocket protocol on a port of this machine, at any path.
///
/// One event loop owns registry and sockets, so that nothing is locked and effects leave in the order in which they
/// were decided. A swarm's announces are rare (one in 30 s for each peer): 20,000 sockets make 700 messages a second.
package final class TrackerServer: Sendable {
    package struct Configuration: Hashable, Sendable {
        /// Where to listen. Without a port, or with port 0, the system chooses one.
        package var listen = HostPort(host: "127.0.0.1", port: 0)
        /// Certificate and key for `wss`; nil for `ws`.
        package var tls: TLSFiles?
        package var door = TrackerDoor.Configuration()
        package var registry = TrackerRegistry.Configuration()
        /// A socket from which nothing came for so long is closed. Clients announce every 30 to 120 s.
        package var idleTimeout: Duration = .seconds(240)
        /// What a connection has to become a WebSocket, or to ask for a page.
        package var handshakeTimeout: Duration = .seconds(10)
        /// What a message may take from its first byte to its last: 256 KiB at 26 kB a second.
        package var messageTimeout: Duration = .seconds(10)
        /// How often certificate and key are read again.
        package var certificateInterval: Duration = .seconds(10)

        package init() {}
    }

    /// Where it listens, with the port that it got.
    package let localAddress: SocketAddress
    /// What clients connect to: the configured host, the port that it got.
    package let url: TrackerURL

    private let listener: any Channel
    private let hub: NIOLoopBound<TrackerHub>

    private init(configuration: Configuration, listener: any Channel, hub: NIOLoopBound<TrackerHub>) throws {
        guard let address = listener.localAddress, let port = address.port else {
            throw ChannelError.unknownLocalAddress
        }
        self.localAddress = address
        self.url = TrackerURL(
            scheme: configuration.tls == nil ? .ws : .wss,
            authority: HostPort(host: configuration.listen.host, port: port)
        )
        self.listener = listener
        self.hub = hub
    }

    /// Listens; an error says why it cannot. The registry's dice are thrown from `seed`. `onNotice` is told what an
    /// operator should know: that a new certificate is in use, or that it cannot be.
    package static func start(
        _ configuration: Configuration = Configuration(),
        group: any EventLoopGroup,
        seed: UInt64 = .random(in: .min ... .max),
        onNotice: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws(SignalingError) -> TrackerServer {
        let listen = configuration.listen
        let loop = group.next()
        do {
            return try await loop.flatSubmit {
                let hub: NIOLoopBound<TrackerHub>
                do throws(SignalingError) {
                    let certificate: CertificateWatch? =
                        if let files = configuration.tls {
                            try CertificateWatch(files, loop: loop, onNotice: onNotice)
                        } else {
                            nil
                        }
                    let newHub = TrackerHub(
                        configuration: configuration,
                        certificate: certificate,
                        loop: loop,
                        seed: seed
                    )
                    hub = NIOLoopBound(newHub, eventLoop: loop)
                } catch {
                    return loop.makeFailedFuture(error)
                }
                return ServerBootstrap(group: loop)
                    .serverChannelOption(.backlog, value: 256)
                    .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                    .childChannelOption(.writeBufferWaterMark, value: WebSocketLimits.outbound)
                    .childChannelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try hub.value.accept(channel, configuration: configuration)
                        }
                    }
                    .bind(host: listen.host, port: listen.port ?? 0)
                    .flatMapThrowing { try TrackerServer(configuration: configuration, listener: $0, hub: hub) }
            }.get()
        } catch let error as SignalingError {
            throw error
        } catch {
            throw SignalingError(
                code: .cannotListen,
                message: "cannot listen on \(listen): \(ListeningProblem.explanation(of: error))"
            )
        }
    }

    /// Takes no more connections, says goodbye to those there are, and returns when all of them are gone.
    package func shutdown() async {
        // Closing fails when it is closed already, which is what is wanted.
        try? await self.listener.close()
        await withCheckedContinuation { continuation in
            self.listener.eventLoop.execute {
                self.hub.value.shutDown().whenComplete { _ in continuation.resume() }
            }
        }
    }
}
