import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket
import Synchronization

/// One attempt to connect to a tracker and the WebSocket that comes of it; used once.
///
/// The channel lives on one loop, from which all events come; `send` and `close` come from anywhere. The lock covers
/// only the state, never a call.
final class TrackerConnection: Sendable {
    private struct State {
        /// The channel that won, as names may have several addresses; nil before.
        var channel: (any Channel)?
        /// Why it ends: the first reason wins, what follows are its consequences.
        var reason: String?
        var isOpen = false
        var hasEnded = false
        /// Bytes that wait for the loop; behind it the channel counts.
        var waiting = 0
    }

    private let url: TrackerURL
    private let configuration: TrackerClient.Configuration
    private let tls: NIOSSLContext?
    private let loop: any EventLoop
    private let onEvent: @Sendable (TrackerConnection, TrackerClient.Event) -> Void
    private let state = Mutex(State())

    init(
        url: TrackerURL,
        configuration: TrackerClient.Configuration,
        tls: NIOSSLContext?,
        loop: any EventLoop,
        onEvent: @escaping @Sendable (TrackerConnection, TrackerClient.Event) -> Void
    ) {
        self.url = url
        self.configuration = configuration
        self.tls = tls
        self.loop = loop
        self.onEvent = onEvent
    }

    /// On the loop, because a callback that is added from elsewhere may come after what happens to the new channel.
    func start() {
        self.loop.execute {
            ClientBootstrap(group: self.loop)
                .connectTimeout(TimeAmount(self.configuration.connectTimeout))
                .channelOption(.writeBufferWaterMark, value: WebSocketLimits.outbound)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try self.configure(channel) }
                }
                .connect(host: self.url.host, port: self.url.port)
                .whenComplete { result in
                    switch result {
                    case .success(let channel): self.reached(channel)
                    case .failure(let error): self.end(because: self.url.explanation(ofConnecting: error))
                    }
                }
        }
    }

    /// Does nothing before the WebSocket is open and after its end. Ends it when too much waits.
    func send(_ text: [UInt8]) {
        let limit = WebSocketLimits.outbound.high
        let (channel, isFull) = self.state.withLock { state -> ((any Channel)?, Bool) in
            guard state.isOpen, state.reason == nil else { return (nil, false) }
            let isFull = state.waiting + text.count > limit
            if isFull { state.reason = self.url.explanation(of: .outboundFull) } else { state.waiting += text.count }
            return (state.channel, isFull)
        }
        guard let channel else { return }
        if isFull {
            channel.close(promise: nil)
            return
        }
        self.loop.execute {
            self.state.withLock { $0.waiting -= text.count }
            guard channel.isActive else { return }
            for frame in WebSocketLimits.frames(of: text, isClient: true) { channel.write(frame, promise: nil) }
            channel.flush()
        }
    }

    func close() {
        let (channel, isOpen) = self.state.withLock { state in
            state.reason = state.reason ?? "closed by this node"
            return (state.channel, state.isOpen)
        }
        self.loop.execute {
            if let channel, isOpen {
                channel.triggerUserOutboundEvent(WebSocketGoodbye(code: .normalClosure), promise: nil)
            } else if let channel {
                channel.close(promise: nil)
            } else {
                self.end(because: nil)
            }
        }
    }

    private func configure(_ channel: any Channel) throws {
        if let tls {
            let name = self.url.authority.isAddress ? nil : self.url.host
            try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: name))
        }
        let upgrader = NIOTypedWebSocketClientUpgrader<Bool>(
            maxFrameSize: TrackerCodec.maximumMessageSize,
            enableAutomaticErrorHandling: false
        ) { channel, _ in
            channel.eventLoop.makeCompletedFuture {
                try self.addMessageHandlers(channel)
                return true
            }
        }
        let head = HTTPRequestHead(
            version: .http1_1,
            method: .GET,
            uri: self.url.requestTarget,
            headers: ["Host": self.url.authority.description, "Content-Length": "0", "User-Agent": "Shoal"]
        )
        var configuration = NIOUpgradableHTTPClientPipelineConfiguration(
            upgradeConfiguration: NIOTypedHTTPClientUpgradeConfiguration<Bool>(
                upgradeRequestHead: head,
                upgraders: [upgrader]
            ) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(HTTPRefusalHandler { self.refused(channel, $0) })
                    return false
                }
            }
        )
        configuration.decoderConfiguration = WebSocketLimits.http
        // A tracker's first frames may come with the last bytes of its handshake.
        configuration.leftOverBytesStrategy = .forwardBytes
        try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(configuration: configuration)
            .whenComplete { result in
                switch result {
                case .success(true): self.opened()
                case .success(false): break  // HTTPRefusalHandler says why.
                case .failure(let error): self.fail(channel, self.url.explanation(ofHandshaking: error))
                }
            }
    }

    private func addMessageHandlers(_ channel: any Channel) throws {
        let callbacks = WebSocketHandler.Callbacks(
            text: { self.received($0) },
            end: { self.note($0) }
        )
        try channel.pipeline.syncOperations.addHandlers(
            WebSocketLimits.aggregator(),
            WebSocketHandler(
                isClient: true,
                pingInterval: TimeAmount(self.configuration.pingInterval),
                callbacks: callbacks
            )
        )
    }
}

extension TrackerConnection {
    private func reached(_ channel: any Channel) {
        let isWanted = self.state.withLock { state in
            state.channel = channel
            return state.reason == nil
        }
        channel.closeFuture.whenComplete { _ in self.end(because: nil) }
        guard isWanted else {
            channel.close(promise: nil)
            return
        }
        let timeout = self.loop.scheduleTask(in: TimeAmount(self.configuration.upgradeTimeout)) {
            guard !self.state.withLock({ $0.isOpen }) else { return }
            let limit = self.configuration.upgradeTimeout
            self.fail(channel, "no WebSocket handshake from \(self.url) within \(limit): is it a tracker?")
        }
        channel.closeFuture.whenComplete { _ in timeout.cancel() }
    }

    private func opened() {
        let isWanted = self.state.withLock { state in
            state.isOpen = true
            return state.reason == nil
        }
        if isWanted { self.onEvent(self, .connected) }
    }

    private func received(_ text: ByteBuffer) {
        guard self.state.withLock({ $0.reason == nil }) else { return }
        do throws(TrackerCodecError) {
            for response in try TrackerCodec.decodeResponse(Array(text.readableBytesView)) {
                self.onEvent(self, .message(response))
            }
        } catch {
            self.onEvent(self, .malformed(reason: error.description))
        }
    }

    private func refused(_ channel: any Channel, _ head: HTTPResponseHead) {
        self.fail(channel, self.url.explanation(ofResponse: head))
    }

    /// The channel closes by itself after that.
    private func note(_ end: WebSocketEnd) {
        self.state.withLock { $0.reason = $0.reason ?? self.url.explanation(of: end) }
    }

    /// Ends the connection because of something that went wrong on its channel. A name's other addresses have
    /// channels, too, whose failures say nothing.
    private func fail(_ channel: any Channel, _ reason: String) {
        let isOurs = self.state.withLock { state in
            guard state.channel === channel else { return false }
            state.reason = state.reason ?? reason
            return true
        }
        if isOurs { channel.close(promise: nil) }
    }

    private func end(because reason: String?) {
        let final = self.state.withLock { state -> String? in
            guard !state.hasEnded else { return nil }
            state.hasEnded = true
            state.reason = state.reason ?? reason
            return state.reason ?? self.url.explanation(of: .lost)
        }
        if let final { self.onEvent(self, .closed(reason: final)) }
    }
}
