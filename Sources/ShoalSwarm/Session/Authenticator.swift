package import ShoalCore

/// The keyed functions that the protocol needs. The node signs with its Ed25519 key (RFC 8032), hashes with
/// SHA-256 and computes HMAC-SHA-256 (RFC 2104); a simulation may use something quicker.
///
/// Pure: the same arguments give the same result, and nothing else happens.
package protocol Authenticator: Sendable {
    /// Of this node.
    var publicKey: PublicKey { get }

    /// SHA-256 of the key.
    func nodeID(of key: PublicKey) -> NodeID

    /// SHA-256.
    func digest(of bytes: [UInt8]) -> Digest

    /// 64 bytes.
    func sign(_ message: [UInt8]) -> [UInt8]

    func isValid(_ signature: [UInt8], of message: [UInt8], by key: PublicKey) -> Bool

    func authenticationCode(of message: [UInt8], key: Digest) -> Digest
}
