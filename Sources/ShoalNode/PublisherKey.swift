import Foundation
package import ShoalCore
package import ShoalFormats
package import ShoalStore

import enum Crypto.Curve25519

/// The Ed25519 key with which a publisher signs models, in a file of 32 raw bytes (mode 0600).
///
/// Apart from the node's: a publisher's key is for good and may lie on another disk, a node's belongs to its home.
package struct PublisherKey: Sendable {
    package let publicKey: PublicKey
    private let key: Curve25519.Signing.PrivateKey

    private init(_ key: Curve25519.Signing.PrivateKey) {
        self.key = key
        self.publicKey = PublicKey(bytes: key.publicKey.rawRepresentation)!
    }

    /// The key in the file at `path`, which must be there.
    package static func read(_ path: String) throws(StoreError) -> PublisherKey {
        guard let key = try KeyFile(path: path).read() else {
            throw StoreError(.missing, "\(path) does not exist: without --key, Shoal makes a key in its home")
        }
        return PublisherKey(key)
    }

    /// The key of the home at `home`, `<home>/publisher`; a new one, and `isNew`, the first time.
    package static func load(home: String) throws(StoreError) -> (key: PublisherKey, path: String, isNew: Bool) {
        let file = KeyFile(path: "\(home)/publisher")
        if let key = try file.read() { return (PublisherKey(key), file.path, false) }
        try Home.makeFolder(home)
        return (PublisherKey(try file.create()), file.path, true)
    }

    package func sign(_ id: ManifestID) -> PublisherSignature {
        let message = PublisherSignature.message(of: id, by: self.publicKey)
        guard let signature = try? self.key.signature(for: message), let bytes = SignatureBytes(bytes: signature) else {
            preconditionFailure("Ed25519 signs every message with 64 bytes")
        }
        return PublisherSignature(of: id, by: self.publicKey, bytes: bytes)
    }
}
