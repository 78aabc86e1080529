import ShoalCore
import Testing

@testable import ShoalSimulation

@Suite struct AuthenticatorTests {
    @Test func `a signature holds for its message and key only`() {
        let signer = SimulatedAuthenticator(node: 1)
        let other = SimulatedAuthenticator(node: 2)
        let signature = signer.sign([1, 2, 3])
        #expect(signature.count == 64)
        #expect(other.isValid(signature, of: [1, 2, 3], by: signer.publicKey))
        #expect(!other.isValid(signature, of: [1, 2, 3], by: other.publicKey))
        #expect(!other.isValid(signature, of: [1, 2, 4], by: signer.publicKey))
        #expect(signer.nodeID(of: signer.publicKey) != other.nodeID(of: other.publicKey))
    }

    @Test func `a code depends on message and key`() throws {
        let keys = try [1, 2].map { try #require(Digest(bytes: [UInt8](repeating: $0, count: 32))) }
        let authenticator = SimulatedAuthenticator(node: 1)
        let codes = [
            authenticator.authenticationCode(of: [1], key: keys[0]),
            authenticator.authenticationCode(of: [1], key: keys[1]),
            authenticator.authenticationCode(of: [2], key: keys[0]),
        ]
        #expect(Set(codes).count == 3)
    }
}
