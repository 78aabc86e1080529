package import ShoalCore
import ShoalWire

/// What both ends of one connection know of it: who offered, both certificates, both nonces. Proofs are made over it, so
/// that none fits another connection (`docs/protocol.md`, section "Handshake").
package struct Transcript: Hashable, Sendable {
    package let initiatorNonce: Nonce
    package let responderNonce: Nonce
    package let initiatorFingerprint: Digest
    package let responderFingerprint: Digest

    package init(
        initiatorNonce: Nonce,
        responderNonce: Nonce,
        initiatorFingerprint: Digest,
        responderFingerprint: Digest
    ) {
        self.initiatorNonce = initiatorNonce
        self.responderNonce = responderNonce
        self.initiatorFingerprint = initiatorFingerprint
        self.responderFingerprint = responderFingerprint
    }

    init(path: PeerPath, localNonce: Nonce, remoteNonce: Nonce) {
        let initiates = path.role == .initiator
        self.init(
            initiatorNonce: initiates ? localNonce : remoteNonce,
            responderNonce: initiates ? remoteNonce : localNonce,
            initiatorFingerprint: initiates ? path.localFingerprint : path.remoteFingerprint,
            responderFingerprint: initiates ? path.remoteFingerprint : path.localFingerprint
        )
    }

    /// The message that the signature of `helloProof` signs.
    package func helloMessage(signer: PeerPath.Role) -> [UInt8] {
        self.message(context: "shoal/1 hello", signer: signer)
    }

    /// The message that the code of `join` authenticates.
    package func joinMessage(signer: PeerPath.Role) -> [UInt8] {
        self.message(context: "shoal/1 swarm", signer: signer)
    }

    private func message(context: String, signer: PeerPath.Role) -> [UInt8] {
        Array(context.utf8) + [signer.rawValue]
            + self.initiatorNonce.bytes + self.responderNonce.bytes
            + self.initiatorFingerprint.bytes + self.responderFingerprint.bytes
    }
}
