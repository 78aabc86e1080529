import HostilePeers
import ShoalCore
import ShoalFormats
import ShoalNode
import ShoalSwarm
import ShoalWire
import TestSupport
import Testing

/// A real node against peers that break the handshake or the control channel.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct HostilePeerTests {
    /// Whether a connection is over before it began, and why.
    private func expectEnd(
        _ reason: String,
        configuration: MeshConfiguration = MeshConfiguration(),
        _ script: (HostilePeer, TestNode) async throws -> Void
    ) async throws {
        try await inScene { scene in
            let model = try scene.model()
            let victim = try scene.node("victim", configuration: configuration)
            let handle = try victim.node.add(model.link)
            let peer = try await scene.peer(of: victim, in: model.link.infoHash)
            try await script(peer, victim)
            let loss = try await victim.loss()
            #expect(loss.contains(reason), "\(loss)")
            _ = try await peer.ends.first("the end of the connection") { $0 }
            #expect(await victim.node.status(of: handle)?.peers == 0)
        }
    }

    enum WrongProof: CaseIterable, Sendable {
        case noise
        /// Right key and connection, but as the other side would sign: what the node itself had said, mirrored.
        case otherRole
        /// Right key, but over what another connection would have: a proof that was relayed or recorded.
        case otherNonce
        case otherCertificate
    }

    @Test(arguments: WrongProof.allCases)
    func `a proof that does not fit key and connection ends it`(wrong: WrongProof) async throws {
        try await self.expectEnd("its proof does not fit its key") { peer, _ in
            let right = try await peer.sayHello()
            var generator = SystemRandomNumberGenerator()
            let other = Transcript(
                initiatorNonce: wrong == .otherNonce ? .random(using: &generator) : right.initiatorNonce,
                responderNonce: right.responderNonce,
                initiatorFingerprint: wrong == .otherCertificate
                    ? .random(using: &generator) : right.initiatorFingerprint,
                responderFingerprint: right.responderFingerprint
            )
            let message = other.helloMessage(signer: wrong == .otherRole ? .responder : .initiator)
            let signature = wrong == .noise ? [UInt8](repeating: 0xAB, count: 64) : peer.identity.sign(message)
            peer.send(.helloProof(signature: signature))
        }
    }

    @Test func `a peer that shows the node's own key is turned away`() async throws {
        try await self.expectEnd("it is this node itself") { peer, victim in
            try await peer.sayHello { $0.publicKey = victim.identity.publicKey }
        }
    }

    @Test func `a peer of a later version is turned away by its number`() async throws {
        try await self.expectEnd("it speaks version 2 of the protocol, we speak 1") { peer, _ in
            try await peer.sayHello { $0.version = 2 }
        }
    }

    private static let impatient = MeshConfiguration().with(\.handshakeLimit, .milliseconds(200))

    @Test func `a peer that never says hello is dropped when its time is up`() async throws {
        try await self.expectEnd("it did not say who it is in time", configuration: Self.impatient) { _, _ in }
    }

    @Test func `a peer that says hello and proves nothing is dropped when its time is up`() async throws {
        try await self.expectEnd("it did not say who it is in time", configuration: Self.impatient) { peer, _ in
            try await peer.sayHello()
        }
    }

    @Test(arguments: [ControlMessage.Body.ping(token: 1), .helloProof(signature: [UInt8](repeating: 0, count: 64))])
    func `nothing is accepted before hello`(body: ControlMessage.Body) async throws {
        try await self.expectEnd("it did not say hello first") { peer, _ in peer.send(body) }
    }

    @Test func `nothing but its proof is accepted after hello`() async throws {
        try await self.expectEnd("it did not prove who it is") { peer, _ in
            try await peer.sayHello()
            peer.send(.ping(token: 1))
        }
    }

    @Test func `garbage instead of hello ends the connection at once`() async throws {
        try await self.expectEnd("it sends") { peer, _ in peer.send([0x01, 0, 0, 1, 2, 3]) }
    }

    @Test func `the third garbled message ends the connection, two do not`() async throws {
        try await self.expectEnd("it sends a message ends too early") { peer, victim in
            try await peer.introduce()
            let garbage: [[UInt8]] = [[], [0x10, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF], [0x30, 0, 1, 9]]
            peer.send(garbage[0])
            peer.send(garbage[1])
            let said = try await peer.everythingSaid()
            #expect(said.contains { if case .helloProof = $0 { true } else { false } })
            #expect(peer.ends.entries.isEmpty)
            peer.send(garbage[2])
        }
    }

    @Test func `a type of a later version is passed over`() async throws {
        try await inScene { scene in
            let model = try scene.model()
            let victim = try scene.node("victim")
            _ = try victim.node.add(model.link)
            let peer = try await scene.peer(of: victim, in: model.link.infoHash)
            try await peer.introduce()
            for type in UInt8(0xE0)...0xEF { peer.send([type, 0, 0, 1, 2, 3]) }
            _ = try await peer.everythingSaid()
            #expect(peer.ends.entries.isEmpty)
        }
    }

    @Test func `hello a second time ends the connection`() async throws {
        try await self.expectEnd("it says hello twice") { peer, _ in
            try await peer.introduce()
            try await peer.sayHello()
        }
    }

    @Test func `a handle that is used twice ends the connection`() async throws {
        try await self.expectEnd("it uses a handle twice") { peer, _ in
            try await peer.introduce()
            for byte in UInt8(1)...2 {
                let proof = try #require(Digest(bytes: [UInt8](repeating: byte, count: 32)))
                peer.send(.join(proof: proof), handle: HostilePeer.handle)
            }
        }
    }

    @Test func `a frame that nobody asked for ends the connection`() async throws {
        try await self.expectEnd("it sent a chunk that was never asked for") { peer, _ in
            try await peer.introduce()
            let header = FrameHeader(handle: HostilePeer.handle, request: 77, chunk: ChunkIndex(0), offset: 0)
            peer.send(header, [1, 2, 3])
        }
    }
}
