import NIOCore
import NIOHTTP1
import NIOSSL
import NIOWebSocket
import ShoalCore
import ShoalSwarm

/// The shell of ``TrackerDoor`` and ``TrackerRegistry``: feeds them what the sockets say, and carries out what they
/// decide.
///
/// Confined to one event loop, on which all its channels live.
final class TrackerHub {
    private let loop: any EventLoop
    private let started = NIODeadline.now()
    private let certificate: CertificateWatch?
    private var door: TrackerDoor
    private var registry: TrackerRegistry
    /// Connections that were not let in, or had to make room.
    private var turnedAway = 0
    /// Messages that were refused unread, because there were too many of them.
    private var unread = 0
    private var channels: [SocketID: any Channel] = [:]
    private var nextSocket: UInt64 = 0
    private var timer: (deadline: Instant, task: Scheduled<Void>)?
    private var isShuttingDown = false

    init(
        configuration: TrackerServer.Configuration,
        certificate: CertificateWatch?,
        loop: any EventLoop,
        seed: UInt64
    ) {
        self.door = TrackerDoor(configuration: configuration.door)
        self.registry = TrackerRegistry(configuration: configuration.registry, seed: seed)
        self.certificate = certificate
        self.loop = loop
        certificate?.start(every: configuration.certificateInterval)
    }

    private static func instant(_ deadline: NIODeadline) -> Instant {
        Instant(nanoseconds: UInt64(clamping: deadline.uptimeNanoseconds))
    }

    /// Sets up a new connection: HTTP that becomes a WebSocket, or gets a page and is closed.
    func accept(_ channel: any Channel, configuration: TrackerServer.Configuration) throws {
        let socket = SocketID(self.nextSocket)
        self.nextSocket += 1
        self.channels[socket] = channel
        let hub = NIOLoopBound(self, eventLoop: self.loop)
        channel.closeFuture.whenComplete { _ in
            hub.value.channels[socket] = nil
            hub.value.door.close(socket, at: Self.instant(.now()))
            hub.value.handle(.socketClosed(socket))
        }
        let address = TrackerAddress(channel.remoteAddress)
        let isWelcome = !self.isShuttingDown && self.door.open(socket, from: address, at: Self.instant(.now()))
        if isWelcome { self.handle(.socketOpened(socket, from: address)) }
        guard isWelcome, self.registry.isOpen(socket) else {
            self.turnedAway += 1
            channel.close(promise: nil)
            return
        }
        if let tls = self.certificate?.context {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
        }
        let bytes = UnfinishedMessage.Bytes(configuration.messageTimeout) { hub.value.hold($0, by: socket) }
        try channel.pipeline.syncOperations.addHandler(bytes)
        let timeout = self.loop.scheduleTask(in: TimeAmount(configuration.handshakeTimeout)) {
            channel.close(promise: nil)
        }
        channel.closeFuture.whenComplete { _ in timeout.cancel() }
        let deadline = NIOLoopBound(bytes, eventLoop: self.loop)
        let upgrader = NIOTypedWebSocketServerUpgrader<Bool>(
            maxFrameSize: WebSocketLimits.maximumFrameSize,
            enableAutomaticErrorHandling: false,
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    timeout.cancel()
                    try hub.value.addMessageHandlers(channel, socket, configuration, deadline.value)
                    return true
                }
            }
        )
        var pipeline = NIOUpgradableHTTPServerPipelineConfiguration(
            upgradeConfiguration: NIOTypedHTTPServerUpgradeConfiguration<Bool>(upgraders: [upgrader]) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let page = TrackerPageHandler { hub.value.figures }
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
        _ configuration: TrackerServer.Configuration,
        _ bytes: UnfinishedMessage.Bytes
    ) throws {
        let callbacks = WebSocketHandler.Callbacks(
            text: { self.received($0, from: socket) },
            // Its peers are gone from now on, not only when the connection is.
            end: { _ in self.handle(.socketClosed(socket)) },
            answersPing: { self.letsPing($0, from: socket) }
        )
        bytes.upgrade()
        try channel.pipeline.syncOperations.addHandlers(
            UnfinishedMessage.Frames(bytes),
            WebSocketLimits.aggregator(),
            IdleStateHandler(readTimeout: TimeAmount(configuration.idleTimeout)),
            WebSocketHandler(isClient: false, pingInterval: nil, callbacks: callbacks)
        )
    }

    /// So many bytes of what is not whole are kept for a socket. When all sockets together are kept too many, some are closed.
    private func hold(_ byteCount: Int, by socket: SocketID) {
        for socket in self.door.hold(byteCount, by: socket) {
            self.turnedAway += 1
            self.channels[socket]?.close(promise: nil)
        }
    }

    private func received(_ text: ByteBuffer, from socket: SocketID) {
        switch self.door.charge(text.readableBytes, to: socket, at: Self.instant(.now())) {
        case .pass:
            do throws(TrackerCodecError) {
                let request = try TrackerCodec.decodeRequest(Array(text.readableBytesView))
                self.handle(.received(request, from: socket))
            } catch {
                self.handle(.garbled(error, from: socket))
            }
        case .refuse(let reason):
            self.unread += 1
            self.refuse(text, because: reason, to: socket)
        case .drop: self.unread += 1
        case .close:
            self.unread += 1
            self.channels[socket]?.triggerUserOutboundEvent(WebSocketGoodbye(code: .policyViolation), promise: nil)
        }
    }

    /// Whether a ping is answered. Those in excess are not, and who goes on is shown out.
    private func letsPing(_ byteCount: Int, from socket: SocketID) -> Bool {
        let verdict = self.door.charge(byteCount, to: socket, at: Self.instant(.now()))
        if verdict == .close {
            self.channels[socket]?.triggerUserOutboundEvent(WebSocketGoodbye(code: .policyViolation), promise: nil)
        }
        return verdict == .pass
    }

    /// The refusal names swarm and action like any other, which takes reading the message after all: once a second.
    private func refuse(_ text: ByteBuffer, because reason: String, to socket: SocketID) {
        let bytes: [UInt8]
        do throws(TrackerCodecError) {
            switch try TrackerCodec.decodeRequest(Array(text.readableBytesView)) {
            case .announce(let announce):
                bytes = TrackerCodec.encode(.failure(reason: reason, infoHash: announce.infoHash))
            case .answer(let answer):
                bytes = TrackerCodec.encode(.failure(reason: reason, infoHash: answer.infoHash))
            case .scrape(let infoHashes):
                bytes = TrackerCodec.encode(refusalOfScrape: reason, infoHash: infoHashes.first)
            }
        } catch {
            bytes = TrackerCodec.encode(.failure(reason: reason, infoHash: error.infoHash))
        }
        self.send(bytes, to: socket)
    }

    private func handle(_ input: TrackerRegistry.Input) {
        var effects: [TrackerRegistry.Effect] = []
        self.registry.handle(input, at: Self.instant(.now()), into: &effects)
        for effect in effects {
            switch effect {
            case .send(let response, let socket): self.send(TrackerCodec.encode(response), to: socket)
            case .refuseScrape(let reason, let infoHash, let socket):
                self.send(TrackerCodec.encode(refusalOfScrape: reason, infoHash: infoHash), to: socket)
            case .close(let socket): self.channels[socket]?.close(promise: nil)
            }
        }
        self.armTimer()
    }

    private func send(_ text: [UInt8], to socket: SocketID) {
        guard let channel = self.channels[socket] else { return }
        for frame in WebSocketLimits.frames(of: text, isClient: false) { channel.write(frame, promise: nil) }
        channel.flush()
    }

    private var figures: TrackerFigures {
        TrackerFigures(
            totals: self.registry.totals,
            counters: self.registry.counters,
            turnedAway: self.turnedAway,
            unread: self.unread,
            uptime: Duration(NIODeadline.now() - self.started)
        )
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
        self.certificate?.stop()
        for channel in self.channels.values {
            let goodbye = self.loop.makePromise(of: Void.self)
            // Those that are no WebSockets yet have nobody to say it.
            goodbye.futureResult.whenFailure { _ in channel.close(promise: nil) }
            channel.triggerUserOutboundEvent(WebSocketGoodbye(code: .goingAway), promise: goodbye)
        }
        return .andAllComplete(self.channels.values.map { $0.closeFuture }, on: self.loop)
    }
}
