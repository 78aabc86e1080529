import ShoalCore
import ShoalFormats
import ShoalSwarm

/// Keyed functions that anybody can compute, and that still tell right proofs from wrong ones.
struct ToyAuthenticator: Authenticator {
    let publicKey: PublicKey

    /// - Parameter number: each has its own key.
    init(number: UInt8) {
        guard let key = PublicKey(bytes: [UInt8](repeating: number, count: PublicKey.byteCount)) else {
            preconditionFailure("a key is \(PublicKey.byteCount) bytes")
        }
        self.publicKey = key
    }

    var node: NodeID { self.nodeID(of: self.publicKey) }

    func nodeID(of key: PublicKey) -> NodeID { NodeID(Digest(sha256Of: key.bytes)) }

    func digest(of bytes: [UInt8]) -> Digest { Digest(sha256Of: bytes) }

    func sign(_ message: [UInt8]) -> [UInt8] { Self.signature(of: message, by: self.publicKey) }

    func isValid(_ signature: [UInt8], of message: [UInt8], by key: PublicKey) -> Bool {
        signature == Self.signature(of: message, by: key)
    }

    func authenticationCode(of message: [UInt8], key: Digest) -> Digest { Digest(sha256Of: message + key.bytes) }

    private static func signature(of message: [UInt8], by key: PublicKey) -> [UInt8] {
        let half = Digest(sha256Of: message + key.bytes).bytes
        return half + half
    }
}
