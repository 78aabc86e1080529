import ShoalCore
import ShoalSwarm
import TestVectors
import Testing

/// What is signed and authenticated, to the byte: `Tests/Vectors/proofs.json`. That the signatures and codes hold is
/// checked where the keys are, in `ProofVectorTests`.
@Suite struct TranscriptTests {
    struct Vectors: Decodable {
        struct Side: Decodable {
            let nonce: String
            let fingerprint: String
            let helloMessage: String
            let joinMessage: String
        }
        struct Connection: Decodable {
            let initiator: Side
            let responder: Side

            var transcript: Transcript {
                Transcript(
                    initiatorNonce: Nonce(hex: self.initiator.nonce)!,
                    responderNonce: Nonce(hex: self.responder.nonce)!,
                    initiatorFingerprint: Digest(hex: self.initiator.fingerprint)!,
                    responderFingerprint: Digest(hex: self.responder.fingerprint)!
                )
            }
        }
        let connections: [Connection]
    }

    static let connections = TestVectors.load("proofs", as: Vectors.self).connections

    @Test(arguments: Self.connections.indices)
    func `each side signs and authenticates these bytes`(index: Int) {
        let connection = Self.connections[index]
        let transcript = connection.transcript
        for (role, side) in [(PeerPath.Role.initiator, connection.initiator), (.responder, connection.responder)] {
            #expect(transcript.helloMessage(signer: role) == [UInt8](hex: side.helloMessage))
            #expect(transcript.joinMessage(signer: role) == [UInt8](hex: side.joinMessage))
        }
    }

    @Test func `no two messages of a connection are the same`() {
        let transcript = Self.connections[0].transcript
        let messages = [PeerPath.Role.initiator, .responder].flatMap { role in
            [transcript.helloMessage(signer: role), transcript.joinMessage(signer: role)]
        }
        #expect(Set(messages).count == 4)
        #expect(messages.allSatisfy { $0.count == 142 })
    }
}
