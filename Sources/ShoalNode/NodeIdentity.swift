import Foundation
package import ShoalCore
import ShoalFormats
package import ShoalStore
import ShoalSwarm

import enum Crypto.CryptoKitError
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
        let file = URL(filePath: path).appending(component: "identity")
        do {
            guard FileManager.default.fileExists(atPath: file.path) else { return try Self.create(file) }
            let bytes = try Data(contentsOf: file)
            return NodeIdentity(key: try Curve25519.Signing.PrivateKey(rawRepresentation: bytes))
        } catch is CryptoKitError {
            let advice = "\(file.path) is not a key of 32 bytes: move it away, and the node gets a new identity"
            throw StoreError(.damagedIndex, advice)
        } catch {
            throw StoreError(.system, "cannot read or write \(file.path): check its owner and the disk", cause: error)
        }
    }

    /// Written beside its place, synced and renamed, so that a crash leaves a whole key or none; readable by its owner
    /// alone from the first byte.
    private static func create(_ file: URL) throws -> NodeIdentity {
        let key = Curve25519.Signing.PrivateKey()
        let draft = file.appendingPathExtension("new")
        // A draft that a crash left is of no use.
        unlink(draft.path)
        let descriptor = open(draft.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try handle.write(contentsOf: key.rawRepresentation)
        try handle.synchronize()
        guard rename(draft.path, file.path) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        return NodeIdentity(key: key)
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
