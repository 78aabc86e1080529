import ShoalCore
import ShoalSwarm

/// Keyed functions for simulations: quick, the same in every process, and no secret from anyone who reads this. A proof
/// made with another key, or over another message, does not hold.
struct SimulatedAuthenticator: Authenticator {
    let publicKey: PublicKey

    /// - Parameter node: any number; each has its own key.
    init(node: Int) {
        self.publicKey = Self.value(of: Array("key".utf8), Self.bytes(of: UInt64(node)))
    }

    func nodeID(of key: PublicKey) -> NodeID { Self.value(of: Array("node".utf8), key.bytes) }

    static func nodeID(ofNode node: Int) -> NodeID {
        let authenticator = Self(node: node)
        return authenticator.nodeID(of: authenticator.publicKey)
    }

    func digest(of bytes: [UInt8]) -> Digest { Self.value(of: Array("digest".utf8), bytes) }

    func sign(_ message: [UInt8]) -> [UInt8] { Self.mix(message, self.publicKey.bytes, words: 8) }

    func isValid(_ signature: [UInt8], of message: [UInt8], by key: PublicKey) -> Bool {
        signature == Self.mix(message, key.bytes, words: 8)
    }

    func authenticationCode(of message: [UInt8], key: Digest) -> Digest {
        Self.value(of: message, key.bytes)
    }

    /// A value that depends on every byte of both parts.
    static func value<Value: FixedBytes>(of first: [UInt8], _ second: [UInt8]) -> Value {
        let bytes = Self.mix(first, second, words: (Value.byteCount + 7) / 8).prefix(Value.byteCount)
        guard let value = Value(bytes: bytes) else { preconditionFailure("\(Value.self) is not \(bytes.count) bytes") }
        return value
    }

    static func bytes(of number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) }
    }

    private static func mix(_ first: [UInt8], _ second: [UInt8], words: Int) -> [UInt8] {
        var hash = RunDigest()
        hash.fold(bytes: first)
        hash.fold(bytes: second)
        var generator = SeededGenerator(seed: hash.value)
        return (0..<words).flatMap { _ in Self.bytes(of: generator.next()) }
    }
}
