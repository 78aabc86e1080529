import NIOCore
import NIOHTTP1
import NIOSSL
import NIOWebSocket
import ShoalCore
import ShoalSwarm

/// The shell of ``TrackerRegistry``: feeds it what the sockets say, and carries out what it decides.
///
/// Confined to one event loop, on which all its channels live.
final class TrackerHub {
    private let loop: any EventLoop
    private var registry: TrackerRegistry
    private var channels: [SocketID: any Channel] = [:]
    private var nextSocket: UInt64 = 0
    private var timer: (deadline: Instant, task: Scheduled<Void>)?
    private var isShuttingDown = false

    init(registry: TrackerRegistry, loop: any EventLoop) {
        self.registry = registry
        self.loop = loop
    }

    private static func instant(_ deadline: NIODeadline) -> Instant {
        Instant(nanoseconds: UInt64(clamping: deadline.uptimeNanoseconds))
    }

    /// Sets up a new connection: HTTP that becomes a WebSocket, or gets a page and is closed.
    func accept(_ channel: any Channel, configuration: TrackerServer.Configuration, tls: NIOSSLContext?) throws {
        let socket = SocketID(self.nextSocket)
        self.nextSocket += 1
        self.channels[socket] = channel
        let hub = NIOLoopBound(self, eventLoop: self.loop)
        channel.closeFuture.whenComplete { _ in
            hub.value.channels[socket] = nil
            hub.value.handle(.socketClosed(socket))
        }
        self.handle(.socketOpened(socket))
        guard !self.isShuttingDown, self.registry.isOpen(socket) else {
            channel.close(promise: nil)
            return
        }
        if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
        let timeout = self.loop.scheduleTask(in: TimeAmount(configuration.handshakeTimeout)) {
            channel.close(promise: nil)
        }
        channel.closeFuture.whenComplete { _ in timeout.cancel() }
        let upgrader = NIOTypedWebSocketServerUpgrader<Bool>(
            maxFrameSize: WebSocketLimits.maximumFrameSize,
            enableAutomaticErrorHandling: false,
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    timeout.cancel()
                    try hub.value.addMessageHandlers(channel, socket, configuration)
                    return true
                }
            }
        )
        var pipeline = NIOUpgradableHTTPServerPipelineConfiguration(
            upgradeConfiguration: NIOTypedHTTPServerUpgradeConfiguration<Bool>(upgraders: [upgrader]) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let page = TrackerPageHandler { hub.value.registry.totals }
                    try channel.pipeline.syncOperations.addHandler(page)
                    return false
                }
            }
        )
        pipeline.decoderConfiguration = WebSocketLimits.http
        _ = try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(configuration: pipeline)
    }

    private func addMessageHandlers(
        _ channel: any Channel,
        _ socket: SocketID,
        _ configuration: TrackerServer.Configuration
    ) throws {
        let callbacks = WebSocketHandler.Callbacks(
            text: { self.received($0, from: socket) },
            // Its peers are gone from now on, not only when the connection is.
            end: { _ in self.handle(.socketClosed(socket)) }
        )
        try channel.pipeline.syncOperations.addHandlers(
            WebSocketLimits.aggregator(),
            IdleStateHandler(readTimeout: TimeAmount(configuration.idleTimeout)),
            WebSocketHandler(isClient: false, pingInterval: nil, callbacks: callbacks)
        )
    }

    private func received(_ text: ByteBuffer, from socket: SocketID) {
        do throws(TrackerCodecError) {
            let request = try TrackerCodec.decodeRequest(Array(text.readableBytesView))
            self.handle(.received(request, from: socket))
        } catch {
            self.handle(.garbled(error, from: socket))
        }
    }

    private func handle(_ input: TrackerRegistry.Input) {
        var effects: [TrackerRegistry.Effect] = []
        self.registry.handle(input, at: Self.instant(.now()), into: &effects)
        for effect in effects {
            switch effect {
            case .send(let response, let socket):
                guard let channel = self.channels[socket] else { continue }
                for frame in WebSocketLimits.frames(of: TrackerCodec.encode(response), isClient: false) {
                    channel.write(frame, promise: nil)
                }
                channel.flush()
            case .close(let socket): self.channels[socket]?.close(promise: nil)
            }
        }
        self.armTimer()
    }

    private func armTimer() {
        guard !self.isShuttingDown, let deadline = self.registry.nextDeadline else { return }
        if let timer, timer.deadline <= deadline { return }
        self.timer?.task.cancel()
        let hub = NIOLoopBound(self, eventLoop: self.loop)
        let at = NIODeadline.uptimeNanoseconds(deadline.nanoseconds)
        let task = self.loop.scheduleTask(deadline: at) {
            hub.value.timer = nil
            hub.value.handle(.deadline)
        }
        self.timer = (deadline, task)
    }

    /// Says goodbye on every socket; completes when all are closed.
    func shutDown() -> EventLoopFuture<Void> {
        self.isShuttingDown = true
        self.timer?.task.cancel()
        for channel in self.channels.values {
            let goodbye = self.loop.makePromise(of: Void.self)
            // Those that are no WebSockets yet have nobody to say it.
            goodbye.futureResult.whenFailure { _ in channel.close(promise: nil) }
            channel.triggerUserOutboundEvent(WebSocketGoodbye(code: .goingAway), promise: goodbye)
        }
        return .andAllComplete(self.channels.values.map { $0.closeFuture }, on: self.loop)
    }
}
