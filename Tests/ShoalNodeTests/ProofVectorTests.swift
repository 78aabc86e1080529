import Foundation
import ShoalCore
import ShoalFormats
import ShoalNode
import ShoalSwarm
import TestVectors
import Testing

/// Proofs with real keys: `Tests/Vectors/proofs.json`, which other programs made.
@Suite struct ProofVectorTests {
    struct Vectors: Decodable {
        struct Side: Decodable {
            let privateKey: String
            let publicKey: String
            let nodeID: String
            let helloMessage: String
            let signature: String
            let joinMessage: String
        }
        struct Swarm: Decodable {
            let name: String
            let manifestID: String
            let swarmKey: String?
            let infoHash: String
            let joinKey: String
            let initiatorProof: String
            let responderProof: String
        }
        struct Connection: Decodable {
            let name: String
            let initiator: Side
            let responder: Side
            let swarms: [Swarm]
        }
        struct Refused: Decodable {
            let name: String
            let publicKey: String
            let message: String
            let signature: String
        }
        struct Note: Decodable {
            let name: String
            let joinKey: String
            let kind: UInt8
            let peerID: String
            let offerID: String
            let sentAt: UInt64
            let sdp: String
            let message: String
            let text: String
        }
        struct Text: Decodable {
            let name: String
            let text: String
        }
        let connections: [Connection]
        let refused: [Refused]
        let notes: [Note]
        let withoutNote: [Text]
    }

    static let vectors = TestVectors.load("proofs", as: Vectors.self)
    static let sides = Self.vectors.connections.flatMap { [$0.initiator, $0.responder] }

    @Test(arguments: Self.sides.indices)
    func `a key in its file gives this node and signatures that hold`(index: Int) throws {
        let side = Self.sides[index]
        let identity = try Self.identity(key: [UInt8](hex: side.privateKey))
        #expect(identity.publicKey.hex == side.publicKey)
        #expect(identity.nodeID(of: identity.publicKey).hex == side.nodeID)
        let message = [UInt8](hex: side.helloMessage)
        #expect(identity.isValid([UInt8](hex: side.signature), of: message, by: identity.publicKey))
        let own = identity.sign(message)
        #expect(own.count == 64)
        #expect(identity.isValid(own, of: message, by: identity.publicKey))
        #expect(!identity.isValid(own, of: message + [0], by: identity.publicKey))
    }

    @Test(arguments: Self.vectors.refused.indices)
    func `a signature that does not hold is refused`(index: Int) throws {
        let vector = Self.vectors.refused[index]
        let identity = try Self.identity(key: [UInt8](hex: Self.sides[0].privateKey))
        let key = try #require(PublicKey(hex: vector.publicKey))
        let signature = [UInt8](hex: vector.signature)
        #expect(!identity.isValid(signature, of: [UInt8](hex: vector.message), by: key), "\(vector.name)")
        #expect(
            !identity.isValid(Array(signature.dropLast()), of: [UInt8](hex: vector.message), by: key),
            "\(vector.name)"
        )
    }

    @Test(arguments: Self.vectors.connections.indices)
    func `a swarm's proofs are these, of a private one with its key`(index: Int) throws {
        let connection = Self.vectors.connections[index]
        let identity = try Self.identity(key: [UInt8](hex: connection.initiator.privateKey))
        for swarm in connection.swarms {
            let id = try #require(ManifestID(hex: swarm.manifestID))
            let swarmKey = try swarm.swarmKey.map { try #require(SwarmKey(hex: $0)) }
            #expect(id.infoHash(swarmKey: swarmKey).hex == swarm.infoHash, "\(swarm.name)")
            let joinKey = id.joinKey(swarmKey: swarmKey)
            #expect(joinKey.hex == swarm.joinKey, "\(swarm.name)")
            for (side, proof) in [
                (connection.initiator, swarm.initiatorProof), (connection.responder, swarm.responderProof),
            ] {
                let code = identity.authenticationCode(of: [UInt8](hex: side.joinMessage), key: joinKey)
                #expect(code.hex == proof, "\(connection.name), \(swarm.name)")
            }
        }
    }

    @Test(arguments: Self.vectors.notes.indices)
    func `an SDP for a tracker ends with this line, which comes off again`(index: Int) throws {
        let vector = Self.vectors.notes[index]
        let identity = try Self.identity(key: [UInt8](hex: Self.sides[0].privateKey))
        let message = MemberNote.message(
            try #require(MemberNote.Kind(rawValue: vector.kind)),
            peerID: try #require(PeerID(hex: vector.peerID)),
            offerID: try #require(OfferID(hex: vector.offerID)),
            sentAt: vector.sentAt,
            sdp: vector.sdp
        )
        #expect(message == [UInt8](hex: vector.message), "\(vector.name)")
        let code = identity.authenticationCode(of: message, key: try #require(Digest(hex: vector.joinKey)))
        let note = MemberNote(sentAt: vector.sentAt, code: code)
        #expect(note.appended(to: vector.sdp) == vector.text, "\(vector.name)")
        let (sdp, found) = MemberNote.split(vector.text)
        #expect(sdp == vector.sdp, "\(vector.name)")
        #expect(found == note, "\(vector.name)")
    }

    @Test(arguments: Self.vectors.withoutNote.indices)
    func `a text without that line at its end stays as it is`(index: Int) {
        let vector = Self.vectors.withoutNote[index]
        let (sdp, note) = MemberNote.split(vector.text)
        #expect(Array(sdp.utf8) == Array(vector.text.utf8), "\(vector.name)")
        #expect(note == nil, "\(vector.name)")
    }

    /// The identity of a home that holds `key`, as a node finds it.
    private static func identity(key: [UInt8]) throws -> NodeIdentity {
        let home = FileManager.default.temporaryDirectory.appending(component: "shoal-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: home) }  // What is left is the system's to clean.
        try Data(key).write(to: home.appending(component: "identity"))
        return try NodeIdentity.load(home: home.path)
    }
}
