import NIOCore
import NIOSSL
import ShoalCore
import ShoalFormats
import Synchronization

/// TLS 1.3 with the certificate of our WebRTC connections, which pins that of the peer's.
struct LaneIdentity: Sendable {
    private let clientContext: NIOSSLContext
    private let serverContext: NIOSSLContext

    init(_ certificate: RTCCertificate) throws(RTCError) {
        do {
            let chain = try NIOSSLCertificate.fromPEMBytes(Array(certificate.certificatePEM.utf8))
            let key = try NIOSSLPrivateKey(bytes: Array(certificate.keyPEM.utf8), format: .pem)
            var client = TLSConfiguration.makeClientConfiguration()
            client.certificateChain = chain.map { .certificate($0) }
            client.privateKey = .privateKey(key)
            let server = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) },
                privateKey: .privateKey(key)
            )
            self.clientContext = try NIOSSLContext(configuration: Self.pinned(client))
            self.serverContext = try NIOSSLContext(configuration: Self.pinned(server))
        } catch {
            throw RTCError("cannot set up TLS for direct lanes: \(error)")
        }
    }

    /// Certificates are self-signed: no authority is asked, fingerprints are compared.
    private static func pinned(_ configuration: TLSConfiguration) -> TLSConfiguration {
        var pinned = configuration
        pinned.minimumTLSVersion = .tlsv13
        // A server with none would not ask for a certificate.
        pinned.certificateVerification = .noHostnameVerification
        pinned.trustRoots = .certificates([])
        pinned.shutdownTimeout = .seconds(1)
        return pinned
    }

    /// TLS with a peer that has to show the certificate of this fingerprint.
    func client(expecting fingerprint: Digest) throws -> NIOSSLClientHandler {
        try NIOSSLClientHandler(context: self.clientContext, serverHostname: nil) { certificates, verdict in
            verdict.succeed(Self.fingerprint(certificates) == fingerprint ? .certificateVerified : .failed)
        }
    }

    /// TLS with whoever shows a certificate; which one is known once TLS is through, and judged with the token.
    func server() -> (NIOSSLServerHandler, LanePeer) {
        let peer = LanePeer()
        let handler = NIOSSLServerHandler(context: self.serverContext) { certificates, verdict in
            guard let fingerprint = Self.fingerprint(certificates) else { return verdict.succeed(.failed) }
            peer.show(fingerprint)
            verdict.succeed(.certificateVerified)
        }
        return (handler, peer)
    }

    /// SHA-256 of the one certificate's DER form, as in SDP (RFC 8122).
    private static func fingerprint(_ certificates: [NIOSSLCertificate]) -> Digest? {
        guard let certificate = certificates.first, certificates.count == 1,
            let bytes = try? certificate.toDERBytes()
        else { return nil }
        return Digest(sha256Of: bytes)
    }
}

/// Who has dialled.
final class LanePeer: Sendable {
    private let shown = Mutex<Digest?>(nil)

    func show(_ fingerprint: Digest) { self.shown.withLock { $0 = fingerprint } }

    var fingerprint: Digest? { self.shown.withLock { $0 } }
}
