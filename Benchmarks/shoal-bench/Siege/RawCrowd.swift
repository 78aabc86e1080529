import Foundation
import NIOCore
import NIOPosix
import ShoalCore
import ShoalFormats
import ShoalSignaling
import ShoalSwarm
import ShoalTransport
import Synchronization
import TestSupport

/// Connections over which bytes go at a steady pace, whatever comes back. One that is ended comes again a second later.
///
/// Strangers have an address of their own, 127.0.0.2 (Linux has all of 127/8): what a tracker allows an address is not the
/// honest peers' to share.
final class RawCrowd: Besieger {
    enum Target: Sendable {
        case tracker(TrackerURL)
        case socket(path: String)
    }

    /// What each of them says.
    struct Script: Sendable {
        var opening: [UInt8] = []
        /// Said one after the other, and from the beginning again.
        var lines: [[UInt8]] = []
        /// Each begins with another line.
        var startsAnywhere = false
        /// From one to the next.
        var interval = Duration.seconds(1)
    }

    private struct Tally {
        var opened = 0
        var ended = 0
        var lines = 0
    }

    private let target: Target
    private let count: Int
    private let script: Script
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let tally = Mutex(Tally())

    init(_ target: Target, count: Int, script: Script) {
        self.target = target
        self.count = count
        self.script = script
    }

    func begin() {
        for _ in 0..<self.count { self.come() }
    }

    func end() async {
        // What cannot be shut down is gone with the process.
        try? await self.group.shutdownGracefully()
    }

    var deeds: String {
        let tally = self.tally.withLock { $0 }
        return "\(tally.opened) connections, \(tally.ended) ended, \(tally.lines) lines"
    }

    private func come() {
        let bootstrap = ClientBootstrap(group: self.group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Speaker(self.script) { self.note($0) })
                }
            }
        let connected =
            switch self.target {
            case .tracker(let url):
                bootstrap.bind(to: Self.address).connect(host: url.host, port: url.port)
            case .socket(let path): bootstrap.connect(unixDomainSocketPath: path)
            }
        connected.whenComplete { result in
            switch result {
            case .success(let channel): channel.closeFuture.whenComplete { _ in self.comeAgain(on: channel.eventLoop) }
            case .failure: self.comeAgain(on: self.group.next())
            }
        }
    }

    private func comeAgain(on loop: any EventLoop) {
        loop.scheduleTask(in: .seconds(1)) { self.come() }
    }

    private func note(_ event: Speaker.Event) {
        self.tally.withLock { tally in
            switch event {
            case .opened: tally.opened += 1
            case .spoke: tally.lines += 1
            case .ended: tally.ended += 1
            }
        }
    }

    private static let address: SocketAddress = {
        do {
            return try SocketAddress(ipAddress: "127.0.0.2", port: 0)
        } catch {
            preconditionFailure("127.0.0.2 is no address: \(error)")
        }
    }()
}

/// One of a crowd.
private final class Speaker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Event {
        case opened
        case spoke
        case ended
    }

    private let script: RawCrowd.Script
    private let onEvent: (Event) -> Void
    private var spoken = 0
    private var next: Scheduled<Void>?

    init(_ script: RawCrowd.Script, onEvent: @escaping (Event) -> Void) {
        self.script = script
        self.onEvent = onEvent
        if script.startsAnywhere { self.spoken = .random(in: script.lines.indices) }
    }

    func channelActive(context: ChannelHandlerContext) {
        self.onEvent(.opened)
        context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(bytes: self.script.opening)), promise: nil)
        self.speak(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.onEvent(.ended)
        self.next?.cancel()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func speak(_ context: ChannelHandlerContext) {
        guard !self.script.lines.isEmpty else { return }
        self.next = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(self.script.interval)) {
            // Who does not read is not waited for.
            if context.channel.isWritable {
                let line = self.script.lines[self.spoken % self.script.lines.count]
                self.spoken += 1
                self.onEvent(.spoke)
                context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(bytes: line)), promise: nil)
            }
            self.speak(context)
        }
    }
}

// MARK: What they come for

extension RawCrowd {
    /// A WebSocket handshake as browsers make it.
    private static func handshake(_ url: TrackerURL) -> [UInt8] {
        let lines = [
            "GET /announce HTTP/1.1", "Host: \(url.authority)", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "", "",
        ]
        return Array(lines.joined(separator: "\r\n").utf8)
    }

    /// A masked text frame, with the mask 0.
    private static func frame(_ text: [UInt8]) -> [UInt8] {
        let length: [UInt8] =
            switch text.count {
            case ..<126: [0x80 | UInt8(text.count)]
            case ..<65_536: [0xFE, UInt8(text.count >> 8), UInt8(text.count & 255)]
            default: [0xFF] + (0..<8).reversed().map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }
            }
        return [0x81] + length + [0, 0, 0, 0] + text
    }

    private static func announce(
        _ infoHash: InfoHash,
        _ peerID: PeerID,
        offers: [TrackerOffer] = []
    ) throws -> [UInt8] {
        let announce = TrackerAnnounce(infoHash: infoHash, peerID: peerID, left: 1, offers: offers)
        return self.frame(try TrackerCodec.encode(.announce(announce)))
    }

    static func slowHandshakes(_ ground: Siege.Ground) -> RawCrowd {
        let lines = self.handshake(ground.tracker).map { [$0] }
        return RawCrowd(.tracker(ground.tracker), count: 250, script: Script(lines: lines))
    }

    static func halfMessages(_ ground: Siege.Ground) -> RawCrowd {
        let message = self.frame([UInt8](repeating: UInt8(ascii: "x"), count: 65_000))
        let opening = self.handshake(ground.tracker) + message.prefix(60_000)
        return RawCrowd(.tracker(ground.tracker), count: 250, script: Script(opening: opening))
    }

    static func halfRequests(_ ground: Siege.Ground) -> RawCrowd {
        RawCrowd(
            .socket(path: "\(ground.home)/node.sock"),
            count: 64,
            script: Script(opening: [0, 0, 1, 0] + Array(#"{"request":"#.utf8))
        )
    }

    /// Swarms of their own: the tracker is meant.
    static func announces(_ ground: Siege.Ground) throws -> RawCrowd {
        var generator = SystemRandomNumberGenerator()
        let lines = try (0..<100).map { _ in
            // Five at a time.
            try (0..<5).flatMap { _ in
                try self.announce(.random(using: &generator), .random(using: &generator))
            }
        }
        let script = Script(
            opening: self.handshake(ground.tracker),
            lines: lines,
            startsAnywhere: true,
            interval: .milliseconds(100)
        )
        return RawCrowd(.tracker(ground.tracker), count: 200, script: script)
    }

    /// The seeder's swarm, where each offer costs whoever gets it a connection that never opens. All offers are copies of
    /// one, which cost nothing.
    static func offers(_ ground: Siege.Ground) async throws -> RawCrowd {
        let sdp = try await OfferMaker.offer()
        var generator = SystemRandomNumberGenerator()
        let lines = try (0..<20).map { _ in
            let offers = (0..<10).map { _ in TrackerOffer(offerID: .random(using: &generator), sdp: sdp) }
            return try self.announce(ground.link.infoHash, .random(using: &generator), offers: offers)
        }
        let script = Script(
            opening: self.handshake(ground.tracker),
            lines: lines,
            startsAnywhere: true,
            interval: .milliseconds(100)
        )
        return RawCrowd(.tracker(ground.tracker), count: 20, script: script)
    }
}

/// Makes one offer that looks as good as any, and never takes an answer.
private final class OfferMaker: RTCTransportDelegate {
    private let offers = Journal<String>()

    static func offer() async throws -> String {
        let maker = OfferMaker()
        var configuration = RTCConfiguration()
        configuration.bindAddress = "127.0.0.1"
        let transport = try RTCTransport(configuration: configuration, delegate: maker)
        transport.offer(ConnectionID(1))
        let offer = try await maker.offers.first("an offer") { $0 }
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                transport.shutdown()
                continuation.resume()
            }
        }
        return offer
    }

    func described(_ connection: ConnectionID, sdp: String) { self.offers.note(sdp) }
    func opened(_ connection: ConnectionID, path: RTCPath) {}
    func closed(_ connection: ConnectionID, reason: String) {}
    func receivedControl(_ connection: ConnectionID, _ message: RawSpan) {}
    func receivedFrame(_ connection: ConnectionID, _ frame: RawSpan) {}
    func chunkSent(_ connection: ConnectionID, token: UInt64) {}
}
