import ShoalCore
import ShoalSwarm

/// Keyed functions that are quick and no secret: enough to tell right proofs from wrong ones.
struct FakeAuthenticator: Authenticator {
    let publicKey: PublicKey

    init(number: UInt8) { self.publicKey = PublicKey(bytes: [UInt8](repeating: number, count: 32))! }

    func nodeID(of key: PublicKey) -> NodeID { NodeID(bytes: key.bytes)! }

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
