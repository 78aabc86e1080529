import ShoalCore
import ShoalNode
import ShoalSwarm
import ShoalTransport
import ShoalWire

/// What somebody who made the offer says to prove a key, and no more.
struct Introduction: Sendable {
    var hello: Hello
    private let identity: NodeIdentity
    private let path: RTCPath

    init(of identity: NodeIdentity, on connection: RTCPath) {
        var generator = SystemRandomNumberGenerator()
        self.identity = identity
        self.path = connection
        self.hello = Hello(
            session: 1,
            nonce: .random(using: &generator),
            publicKey: identity.publicKey,
            maximumRequests: 64,
            maximumChunks: 64,
            agent: "hostile"
        )
    }

    func reply(to body: ControlMessage.Body) -> ControlMessage.Body? {
        switch body {
        case .hello(let theirs):
            let message = self.transcript(theirs).helloMessage(signer: .initiator)
            return .helloProof(signature: self.identity.sign(message))
        case .ping(let token): return .pong(token: token)
        default: return nil
        }
    }

    /// What proofs of this connection are over.
    func transcript(_ theirs: Hello) -> Transcript {
        Transcript(
            initiatorNonce: self.hello.nonce,
            responderNonce: theirs.nonce,
            initiatorFingerprint: self.path.peer.localFingerprint,
            responderFingerprint: self.path.peer.remoteFingerprint
        )
    }
}
