import NIOCore
import NIOPosix
import NIOSSL
package import ShoalCore
package import ShoalWire
import Synchronization

/// Where direct lanes are listened for, and how long they may take.
package struct LaneConfiguration: Hashable, Sendable {
    /// Nil: every address.
    package var bindAddress: String?
    /// 0: the system chooses one.
    package var port = 0
    /// How long a token is good.
    package var tokenLifetime = Duration.seconds(10)
    /// How long the peer's port may take to answer; over WebRTC it is reached already.
    package var dialLimit = Duration.seconds(3)
    /// How long TLS and the greeting may take.
    package var greetingLimit = Duration.seconds(5)
    /// How long a peer may send nothing in the middle of a frame.
    package var silenceLimit = Duration.seconds(2)
    /// How long a peer may get no frame whole of those that were sent.
    package var deliveryLimit = Duration.seconds(5)

    package init(bindAddress: String? = nil, port: Int = 0) {
        self.bindAddress = bindAddress
        self.port = port
    }
}

/// The bounds of direct lanes.
package enum LaneLimits {
    /// 32 connections that have not said which lane they are; more are closed at once.
    static let strangers = 32
    /// 256 KiB wait in the kernel to be sent, as in libdatachannel's queue: more would only be in the way of what is urgent.
    static let unsentBytes = 256 * 1024
    /// 256 KiB are read at once at most: two frames.
    static let readBytes = 256 * 1024
}

/// Who is told what happens on direct lanes. The methods are called on the lanes' threads: copy, post, return.
///
/// For one attempt: `laneFailed`, or `laneOpened` and once `laneClosed`; nothing comes after that.
package protocol LaneTransportDelegate: AnyObject, Sendable {
    /// TLS holds on both sides, with the certificates of the connection, and the token was right.
    func laneOpened(_ connection: ConnectionID)

    /// There will be no lane from this attempt.
    func laneFailed(_ connection: ConnectionID, reason: String)

    /// The lane is gone; so many frames of chunks had come whole.
    func laneClosed(_ connection: ConnectionID, received: UInt64, reason: String)

    /// Bytes of a frame: `part` of a payload of `payload` bytes, in order. Valid during the call.
    func laneReceived(
        _ connection: ConnectionID,
        _ header: FrameHeader,
        payload: Int,
        part: Range<Int>,
        _ bytes: RawSpan
    )

    /// The peer says that so many of our frames have come whole since the lane was opened.
    func laneDelivered(_ connection: ConnectionID, frames: UInt64)
}

/// Direct lanes: TLS 1.3 over TCP between nodes that are connected already. Both sides show the certificate of their
/// WebRTC connections, which `hello` has bound to their keys.
package final class LaneTransport: Sendable {
    private struct Attempt {
        let number: UInt64
        let fingerprint: Digest
        /// Of what we wait to be dialled with.
        var token: Nonce?
        var channel: (any Channel)?
        var isOpen = false
    }

    private struct State {
        var attempts: [ConnectionID: Attempt] = [:]
        /// Who may come, by token.
        var expected: [Nonce: ConnectionID] = [:]
        var lastNumber: UInt64 = 0
        var strangers = 0
        /// Let go when the transport ends, so that an owner may be its transport's delegate.
        var delegate: (any LaneTransportDelegate)?
    }

    private let group: MultiThreadedEventLoopGroup
    private let server: any Channel
    private let identity: LaneIdentity
    private let state: Mutex<State>
    let configuration: LaneConfiguration
    /// Where it listens.
    package let port: Int

    /// Listens from now on.
    ///
    /// - Throws: ``RTCError`` when the port cannot be had.
    package init(
        configuration: LaneConfiguration,
        certificate: RTCCertificate,
        delegate: any LaneTransportDelegate
    ) throws(RTCError) {
        let identity = try LaneIdentity(certificate)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: min(4, max(1, System.coreCount / 2)))
        let door = LaneDoor()
        do {
            self.server = try Self.listen(configuration, group, door)
        } catch {
            try? group.syncShutdownGracefully()
            let place = configuration.port == 0 ? "" : " on port \(configuration.port)"
            throw RTCError("cannot listen for direct lanes\(place): \(Self.text(error))")
        }
        self.group = group
        self.identity = identity
        self.configuration = configuration
        self.port = self.server.localAddress?.port ?? 0
        self.state = Mutex(State(delegate: delegate))
        door.open(self)
    }

    deinit { self.group.shutdownGracefully { _ in } }

    /// Waits for the peer to dial with `token`, at most ``LaneConfiguration/tokenLifetime``.
    package func expect(_ connection: ConnectionID, token: Nonce, fingerprint: Digest) {
        let number = self.begin(connection, fingerprint, token: token)
        self.group.next().scheduleTask(in: TimeAmount(self.configuration.tokenLifetime)) {
            self.end(connection, number, onlyUnopened: true, reason: "nobody came in time")
        }
    }

    /// Dials the peer.
    ///
    /// - Parameter address: an IP address.
    package func dial(_ connection: ConnectionID, address: String, port: UInt16, token: Nonce, fingerprint: Digest) {
        let number = self.begin(connection, fingerprint, token: nil)
        let identity = self.identity
        let bootstrap = ClientBootstrap(group: self.group)
            .connectTimeout(TimeAmount(self.configuration.dialLimit))
            .laneOptions()
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let tls = try identity.client(expecting: fingerprint)
                    let handler = LaneHandler(dialling: connection, number, token: token, of: self)
                    try channel.pipeline.syncOperations.addHandlers([tls, handler])
                }
            }
        do {
            let place = try SocketAddress(ipAddress: address, port: Int(port))
            bootstrap.connect(to: place)
                .whenComplete { result in
                    switch result {
                    case .success(let channel): self.enter(channel, connection, number)
                    case .failure(let error): self.end(connection, number, reason: Self.text(error))
                    }
                }
        } catch {
            self.end(connection, number, reason: Self.text(error))
        }
    }

    /// Sends a chunk in one frame, after those before it. Dropped when the lane is gone, which the delegate hears.
    ///
    /// The bytes are copied before this returns.
    package func send(_ connection: ConnectionID, _ chunk: OutgoingChunk) {
        let channel = self.state.withLock { state in
            state.attempts[connection].flatMap { $0.isOpen ? $0.channel : nil }
        }
        guard let channel else { return }
        channel.writeAndFlush(chunk.laneFrame(channel.allocator), promise: nil)
    }

    /// Ends the lane, or the attempt at one.
    package func close(_ connection: ConnectionID, reason: String) {
        guard let number = self.state.withLock({ $0.attempts[connection]?.number }) else { return }
        self.end(connection, number, reason: reason)
    }

    /// Calls `action` after so many seconds, unless the transport has ended.
    package func schedule(in seconds: Double, _ action: @escaping @Sendable () -> Void) {
        self.group.next().scheduleTask(in: .milliseconds(Int64(seconds * 1_000)), action)
    }

    /// Closes all lanes and the port; the delegate hears nothing more.
    package func shutdown() {
        self.state.withLock { state in
            state.delegate = nil
            state.attempts = [:]
            state.expected = [:]
        }
        // Also every channel.
        try? self.group.syncShutdownGracefully()
    }

    // MARK: Attempts

    private func begin(_ connection: ConnectionID, _ fingerprint: Digest, token: Nonce?) -> UInt64 {
        self.state.withLock { state in
            state.lastNumber += 1
            state.attempts[connection] = Attempt(number: state.lastNumber, fingerprint: fingerprint, token: token)
            if let token { state.expected[token] = connection }
            return state.lastNumber
        }
    }

    /// The attempt has a channel; it is closed if the attempt is over.
    private func enter(_ channel: any Channel, _ connection: ConnectionID, _ number: UInt64) {
        let isWanted = self.state.withLock { state in
            guard state.attempts[connection]?.number == number else { return false }
            state.attempts[connection]?.channel = channel
            return true
        }
        if !isWanted { channel.close(promise: nil) }
    }

    /// Ends an attempt that nobody has ended yet.
    private func end(
        _ connection: ConnectionID,
        _ number: UInt64,
        onlyUnopened: Bool = false,
        reason: String
    ) {
        let attempt = self.state.withLock { state -> Attempt? in
            guard let attempt = state.attempts[connection], attempt.number == number else { return nil }
            guard !(onlyUnopened && attempt.isOpen) else { return nil }
            // An open lane ends on its own thread, which knows how much has come.
            if !attempt.isOpen { self.forget(connection, &state) }
            return attempt
        }
        guard let attempt else { return }
        if attempt.isOpen {
            attempt.channel?.triggerUserOutboundEvent(LaneEnd(reason: reason), promise: nil)
        } else {
            attempt.channel?.close(promise: nil)
            self.delegate?.laneFailed(connection, reason: reason)
        }
    }

    private func forget(_ connection: ConnectionID, _ state: inout State) {
        if let token = state.attempts.removeValue(forKey: connection)?.token { state.expected[token] = nil }
    }

    private var delegate: (any LaneTransportDelegate)? { self.state.withLock { $0.delegate } }

    static func text(_ error: any Error) -> String {
        if let error = error as? NIOConnectionError, let first = error.connectionErrors.first {
            return "\(first.error)"
        }
        return (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
    }
}

/// What the handlers of channels tell.
extension LaneTransport {
    /// Somebody has connected to our port. False: too many have who have not said what they want.
    func admit() -> Bool {
        self.state.withLock { state in
            guard state.strangers < LaneLimits.strangers, state.delegate != nil else { return false }
            state.strangers += 1
            return true
        }
    }

    /// A stranger has said what it wants, or is gone.
    func leave() { self.state.withLock { $0.strangers -= 1 } }

    /// Whose lane it is that a stranger shows this token for; nil when the token or the certificate is wrong. A token is
    /// good once; whoever shows another certificate does not use it up.
    func greeted(_ token: Nonce, fingerprint: Digest?, _ channel: any Channel) -> (ConnectionID, UInt64)? {
        self.state.withLock { state in
            guard let connection = state.expected[token], var attempt = state.attempts[connection],
                attempt.fingerprint == fingerprint
            else { return nil }
            state.expected[token] = nil
            attempt.token = nil
            attempt.channel = channel
            state.attempts[connection] = attempt
            return (connection, attempt.number)
        }
    }

    /// The lane is open, unless it was given up meanwhile.
    func opened(_ connection: ConnectionID, _ number: UInt64, _ channel: any Channel) -> (any LaneTransportDelegate)? {
        let delegate = self.state.withLock { state -> (any LaneTransportDelegate)? in
            guard state.attempts[connection]?.number == number else { return nil }
            state.attempts[connection]?.channel = channel
            state.attempts[connection]?.isOpen = true
            return state.delegate
        }
        delegate?.laneOpened(connection)
        return delegate
    }

    /// The channel of an attempt is gone before the lane was open.
    func failed(_ connection: ConnectionID, _ number: UInt64, reason: String) {
        self.end(connection, number, onlyUnopened: true, reason: reason)
    }

    /// An open lane has ended.
    func closed(_ connection: ConnectionID, _ number: UInt64, received: UInt64, reason: String) {
        let delegate = self.state.withLock { state -> (any LaneTransportDelegate)? in
            guard state.attempts[connection]?.number == number else { return nil }
            self.forget(connection, &state)
            return state.delegate
        }
        delegate?.laneClosed(connection, received: received, reason: reason)
    }

    /// TLS for who dials us, and where its certificate's fingerprint will be.
    func serverTLS() -> (NIOSSLServerHandler, LanePeer) { self.identity.server() }
}

/// What the listening socket's channels find the transport by: it is there before the transport is whole.
private final class LaneDoor: Sendable {
    private let transport = Mutex<LaneTransportReference>(LaneTransportReference())

    func open(_ transport: LaneTransport) { self.transport.withLock { $0.value = transport } }

    var owner: LaneTransport? { self.transport.withLock { $0.value } }
}

/// A weak reference.
private struct LaneTransportReference {
    weak var value: LaneTransport?
}

extension LaneTransport {
    private static func listen(
        _ configuration: LaneConfiguration,
        _ group: MultiThreadedEventLoopGroup,
        _ door: LaneDoor
    ) throws -> any Channel {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childLaneOptions()
            .childChannelInitializer { channel in
                guard let transport = door.owner, transport.admit() else {
                    return channel.eventLoop.makeFailedFuture(RTCError("too many strangers"))
                }
                return channel.eventLoop.makeCompletedFuture {
                    let (tls, peer) = transport.serverTLS()
                    let handler = LaneHandler(listeningTo: peer, of: transport)
                    try channel.pipeline.syncOperations.addHandlers([tls, handler])
                }
            }
        if let address = configuration.bindAddress {
            return try bootstrap.bind(host: address, port: configuration.port).wait()
        }
        do {
            // Both families, where there is IPv6.
            return try bootstrap.bind(host: "::", port: configuration.port).wait()
        } catch let error as IOError where error.errnoCode == EADDRINUSE || error.errnoCode == EACCES {
            throw error
        } catch {
            return try bootstrap.bind(host: "0.0.0.0", port: configuration.port).wait()
        }
    }
}

extension ClientBootstrap {
    fileprivate func laneOptions() -> ClientBootstrap {
        self.channelOption(LaneOptions.unsent, value: LaneLimits.unsentBytes)
            .channelOption(.recvAllocator, value: LaneOptions.reading)
    }
}

extension ServerBootstrap {
    fileprivate func childLaneOptions() -> ServerBootstrap {
        self.childChannelOption(LaneOptions.unsent, value: LaneLimits.unsentBytes)
            .childChannelOption(.recvAllocator, value: LaneOptions.reading)
    }
}

private enum LaneOptions {
    #if os(Linux)
    /// TCP_NOTSENT_LOWAT of <linux/tcp.h>.
    private static let unsentName: CInt = 25
    #else
    /// TCP_NOTSENT_LOWAT of Darwin's <netinet/tcp.h>.
    private static let unsentName: CInt = 0x201
    #endif

    static let unsent = ChannelOptions.Types.SocketOption(
        level: .tcp,
        name: NIOBSDSocket.Option(rawValue: LaneOptions.unsentName)
    )

    static let reading = AdaptiveRecvByteBufferAllocator(
        minimum: 16 * 1024,
        initial: 64 * 1024,
        maximum: LaneLimits.readBytes
    )
}
