import Foundation
package import ShoalCore
import ShoalFormats
package import ShoalStore
import ShoalSwarm

import enum Crypto.Curve25519

/// Who a node is: its Ed25519 key (RFC 8032), in `<home>/identity` (32 raw bytes, mode 0600).
package struct NodeIdentity: Authenticator {
    package let publicKey: PublicKey
    private let key: Curve25519.Signing.PrivateKey

    private init(key: Curve25519.Signing.PrivateKey) {
        self.key = key
        self.publicKey = PublicKey(bytes: key.publicKey.rawRepresentation)!
    }

    /// The identity of the home at `path`; a new one on its first start.
    package static func load(home path: String) throws(StoreError) -> NodeIdentity {
        let file = KeyFile(path: "\(path)/identity")
        if let key = try file.read() { return NodeIdentity(key: key) }
        return NodeIdentity(key: try file.create())
    }

    package func nodeID(of key: PublicKey) -> NodeID {
        NodeID(Digest(sha256Of: key.bytes))
    }

    package func digest(of bytes: [UInt8]) -> Digest { Digest(sha256Of: bytes) }

    package func sign(_ message: [UInt8]) -> [UInt8] {
        do {
            return Array(try self.key.signature(for: message))
        } catch {
            preconditionFailure("Ed25519 signs every message: \(error)")
        }
    }

    package func isValid(_ signature: [UInt8], of message: [UInt8], by key: PublicKey) -> Bool {
        // A key that is no point of the curve has signed nothing.
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: key.bytes) else { return false }
        return key.isValidSignature(signature, for: message)
    }

    package func authenticationCode(of message: [UInt8], key: Digest) -> Digest {
        Digest(hmacOf: message, key: key.bytes)
    }
}
