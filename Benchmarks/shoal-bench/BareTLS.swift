import ArgumentParser
import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import ShoalCore
import ShoalTransport

/// The limit that direct lanes are compared with: one TLS 1.3 connection between two processes on loopback, by the same library
/// with the same kind of certificate, whose bytes nobody reads, verifies or writes.
struct BareTLS {
    /// 64 MiB: TCP's window is open by then.
    private static let warmUpByteCount = 64 << 20
    /// 8 buffers are on their way.
    private static let window = 8

    /// Starts this program again as the receiver, and sends it `byteCount` bytes, rounded up to whole chunks, after a
    /// warm-up. Returns bytes a second.
    static func measure(byteCount: Int) throws -> Double {
        guard let program = Bundle.main.executableURL else { throw BenchmarkError("this program cannot find itself") }
        let arguments = [BareTLSReceiverCommand.name, "--bytes", String(byteCount)]
        let receiver = try Child(program, arguments, reading: .output)
        defer { receiver.stop() }
        guard let port = Int(try receiver.wait(for: "port ").line.dropFirst("port ".count)) else {
            throw BenchmarkError("the receiver named no port")
        }
        let arrived = Arrivals()
        let tls = try Self.client()
        let channel = try ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = try NIOSSLClientHandler(context: tls, serverHostname: nil) {
                        $1.succeed(.certificateVerified)
                    }
                    try channel.pipeline.syncOperations.addHandlers([handler, Counter(milestones: [1, 2], arrived)])
                }
            }
            .connect(host: "127.0.0.1", port: port).wait()
        defer { channel.close(promise: nil) }
        try Self.send(Self.warmUpByteCount, over: channel)
        arrived.wait()
        let time = try ContinuousClock().measure {
            try Self.send(byteCount, over: channel)
            arrived.wait()
        }
        return Double(byteCount) / (time / .seconds(1))
    }

    /// The other process: counts what arrives, and says a byte when the warm-up is there, and another one at the end.
    static func receive(byteCount: Int) throws {
        let tls = try Self.server()
        let ended = Arrivals()
        let server = try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let parts = [Self.warmUpByteCount, byteCount].map(Self.whole)
                    let counter = Counter(milestones: [parts[0], parts[0] + parts[1]], nil)
                    let handler = NIOSSLServerHandler(context: tls)
                    try channel.pipeline.syncOperations.addHandlers([handler, counter])
                }
            }
            .bind(host: "127.0.0.1", port: 0).wait()
        FileHandle.standardOutput.write(Data("port \(server.localAddress?.port ?? 0)\n".utf8))
        // It is stopped when the sender is done.
        ended.wait()
    }

    private static func whole(_ byteCount: Int) -> Int {
        (byteCount + Cutting.chunkSize - 1) / Cutting.chunkSize * Cutting.chunkSize
    }

    private static func send(_ byteCount: Int, over channel: any Channel) throws {
        let buffer = ByteBuffer(repeating: 7, count: Cutting.chunkSize)
        var underWay: [EventLoopFuture<Void>] = []
        for _ in 0..<Self.whole(byteCount) / Cutting.chunkSize {
            if underWay.count == Self.window { try underWay.removeFirst().wait() }
            underWay.append(channel.writeAndFlush(buffer))
        }
        for write in underWay { try write.wait() }
    }

    private static func client() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv13
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .certificates([])
        return try NIOSSLContext(configuration: configuration)
    }

    private static func server() throws -> NIOSSLContext {
        let made = try RTCCertificate()
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(made.certificatePEM.utf8))
                .map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(made.keyPEM.utf8), format: .pem))
        )
        configuration.minimumTLSVersion = .tlsv13
        return try NIOSSLContext(configuration: configuration)
    }
}

/// What the sending thread waits for.
private final class Arrivals: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    func note() { self.semaphore.signal() }

    func wait() { self.semaphore.wait() }
}

/// Counts bytes; at each milestone says so, to its own process or, with a byte, to the other one.
private final class Counter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var milestones: [Int]
    private let arrivals: Arrivals?
    private var count = 0

    init(milestones: [Int], _ arrivals: Arrivals?) {
        self.milestones = milestones
        self.arrivals = arrivals
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.count += self.unwrapInboundIn(data).readableBytes
        while let next = self.milestones.first, self.count >= next {
            self.milestones.removeFirst()
            if let arrivals {
                arrivals.note()
            } else {
                context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: [1])), promise: nil)
            }
        }
    }
}

/// The second process of ``BareTLS``.
struct BareTLSReceiverCommand: ParsableCommand {
    static let name = "bare-tls-receiver"
    static let configuration = CommandConfiguration(commandName: Self.name, shouldDisplay: false)

    @Option var bytes: Int

    func run() throws { try BareTLS.receive(byteCount: self.bytes) }
}
