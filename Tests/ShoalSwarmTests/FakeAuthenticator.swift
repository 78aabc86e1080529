import ShoalCore
import ShoalSwarm

/// Keyed functions that are quick and no secret: enough to tell right proofs from wrong ones.
struct FakeAuthenticator: Authenticator {
    let publicKey: PublicKey

    init(number: UInt8) { self.publicKey = PublicKey(bytes: [UInt8](repeating: number, count: 32))! }

    /// One of many: the bytes of its key begin with `index`.
    init(index: UInt32) {
        let first = (0..<4).map { UInt8(truncatingIfNeeded: index >> (24 - 8 * $0)) }
        self.publicKey = PublicKey(bytes: first + [UInt8](repeating: 0xEE, count: 28))!
    }

    func nodeID(of key: PublicKey) -> NodeID { NodeID(bytes: key.bytes)! }

    func digest(of bytes: [UInt8]) -> Digest { Digest(bytes: Self.mix(bytes, count: 32))! }

    func sign(_ message: [UInt8]) -> [UInt8] { Self.mix(message + self.publicKey.bytes, count: 64) }

    func isValid(_ signature: [UInt8], of message: [UInt8], by key: PublicKey) -> Bool {
        signature == Self.mix(message + key.bytes, count: 64)
    }

    func authenticationCode(of message: [UInt8], key: Digest) -> Digest {
        Digest(bytes: Self.mix(message + key.bytes, count: 32))!
    }

    private static func mix(_ bytes: [UInt8], count: Int) -> [UInt8] {
        let seed = bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }
}
