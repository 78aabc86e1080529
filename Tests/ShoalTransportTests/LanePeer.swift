import NIOCore
import NIOPosix
import ShoalCore
import ShoalWire
import Synchronization
import TestSupport

@testable import ShoalTransport

/// What a lane's owner is told.
enum LaneEvent: Hashable, Sendable {
    case opened(ConnectionID)
    case failed(ConnectionID, String)
    case closed(ConnectionID, received: UInt64, String)
    /// A payload, whole.
    case received(ConnectionID, FrameHeader, [UInt8])
    case delivered(ConnectionID, UInt64)
}

/// A transport of lanes on loopback, with a certificate of its own, and what it tells.
final class LaneEndpoint: LaneTransportDelegate {
    let certificate: RTCCertificate
    let events = Journal<LaneEvent>()
    private let parts = Mutex<[ConnectionID: [UInt8]]>([:])
    private let made = Mutex<LaneTransport?>(nil)

    /// - Parameter silence: how long it waits in the middle of a frame. For all else it has a minute: machines are busy.
    init(certificate: RTCCertificate? = nil, port: Int = 0, silence: Duration = .seconds(60)) throws {
        self.certificate = try certificate ?? RTCCertificate()
        var configuration = LaneConfiguration(bindAddress: "127.0.0.1", port: port)
        configuration.tokenLifetime = .seconds(60)
        configuration.dialLimit = .seconds(60)
        configuration.greetingLimit = .seconds(60)
        configuration.deliveryLimit = .seconds(60)
        configuration.silenceLimit = silence
        let lanes = try LaneTransport(configuration: configuration, certificate: self.certificate, delegate: self)
        self.made.withLock { $0 = lanes }
    }

    var lanes: LaneTransport { self.made.withLock { $0! } }

    func laneOpened(_ connection: ConnectionID) { self.events.note(.opened(connection)) }

    func laneFailed(_ connection: ConnectionID, reason: String) { self.events.note(.failed(connection, reason)) }

    func laneClosed(_ connection: ConnectionID, received: UInt64, reason: String) {
        self.events.note(.closed(connection, received: received, reason))
    }

    func laneReceived(
        _ connection: ConnectionID,
        _ header: FrameHeader,
        payload: Int,
        part: Range<Int>,
        _ bytes: RawSpan
    ) {
        let whole = self.parts.withLock { parts -> [UInt8]? in
            precondition(parts[connection, default: []].count == part.lowerBound, "parts out of order")
            bytes.withUnsafeBytes { parts[connection, default: []] += $0 }
            return part.upperBound == payload ? parts.removeValue(forKey: connection) : nil
        }
        if let whole { self.events.note(.received(connection, header, whole)) }
    }

    func laneDelivered(_ connection: ConnectionID, frames: UInt64) { self.events.note(.delivered(connection, frames)) }

    /// Returns when the lane is open.
    func opened(_ connection: ConnectionID) async throws {
        try await self.events.first("a lane") { $0 == .opened(connection) ? () : nil }
    }

    /// Why there is no lane.
    func failure(_ connection: ConnectionID) async throws -> String {
        try await self.events.first("a failure") { event in
            if case .failed(connection, let reason) = event { reason } else { nil }
        }
    }

    /// How many frames had come over a lane that is gone, and why it is.
    func end(_ connection: ConnectionID) async throws -> (received: UInt64, reason: String) {
        try await self.events.first("the end") { event in
            if case .closed(connection, let received, let reason) = event { (received, reason) } else { nil }
        }
    }

    /// Waits to be dialled by `other`, and has it dial.
    func expect(_ other: LaneEndpoint, _ connection: ConnectionID, token: Nonce) {
        self.lanes.expect(connection, token: token, fingerprint: other.certificate.fingerprint)
        other.dial(self, connection, token: token)
    }

    func dial(_ other: LaneEndpoint, _ connection: ConnectionID, token: Nonce) {
        self.lanes.dial(
            connection,
            address: "127.0.0.1",
            port: UInt16(other.lanes.port),
            token: token,
            fingerprint: other.certificate.fingerprint
        )
    }
}

/// A chunk of a request, with the headers that `bulk` would have.
func chunk(
    _ position: Int,
    size: Int = Cutting.chunkSize
) -> (chunk: OutgoingChunk, bytes: [UInt8], header: FrameHeader) {
    let bytes = Weights.bytes(size, seed: UInt64(position))
    let buffer = UploadBuffer()
    buffer.bytes.copyBytes(from: bytes)
    let headers = stride(from: 0, to: size, by: WireLimits.framePayload).map { offset in
        FrameHeader(handle: 1, request: 9, chunk: ChunkIndex(position), offset: UInt32(offset))
    }
    let outgoing = OutgoingChunk(headers: headers.flatMap { $0.encoded() }, payload: buffer, size: size)
    return (outgoing, bytes, headers[0])
}

/// Somebody who has got TLS and the token right, and says what he likes.
struct RawLane {
    let channel: any Channel

    init(to endpoint: LaneEndpoint, certificate: RTCCertificate, _ bytes: [UInt8]) async throws {
        let identity = try LaneIdentity(certificate)
        let fingerprint = endpoint.certificate.fingerprint
        self.channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(try identity.client(expecting: fingerprint))
                }
            }
            .connect(host: "127.0.0.1", port: endpoint.lanes.port).get()
        try await self.channel.writeAndFlush(ByteBuffer(bytes: bytes))
    }
}
