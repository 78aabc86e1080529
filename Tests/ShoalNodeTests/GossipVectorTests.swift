import Foundation
import ShoalCore
import ShoalNode
import ShoalSwarm
import ShoalWire
import TestSupport
import TestVectors
import Testing

/// Gossip and signals with real keys: `Tests/Vectors/gossip.json`, which other programs made.
@Suite struct GossipVectorTests {
    struct Vectors: Decodable {
        struct Inventory: Decodable {
            let secret: String
            let publicKey: String
            let sequence: String
            let timeToLive: UInt32
            let count: Int
            let bits: String
            let message: String
            let signature: String
        }
        struct Departure: Decodable {
            let secret: String
            let publicKey: String
            let sequence: String
            let message: String
            let signature: String
        }
        struct Signal: Decodable {
            let secret: String
            let kind: String
            let from: String
            let author: String
            let to: String
            let offerID: String
            let sentAt: String
            let sdp: String
            let message: String
            let signature: String
        }
        let inventories: [Inventory]
        let departures: [Departure]
        let signals: [Signal]
    }

    static let vectors = TestVectors.load("gossip", as: Vectors.self)

    @Test func `inventories are signed over what they say and the bitfield that results`() throws {
        let identity = try self.identity()
        for vector in Self.vectors.inventories {
            let key = try #require(PublicKey(hex: vector.publicKey))
            let bits = try #require(Bitfield(count: vector.count, bytes: [UInt8](hex: vector.bits)))
            let statement = GossipStatement.inventory(
                secret: try #require(Digest(hex: vector.secret)),
                publicKey: key,
                sequence: try #require(UInt64(vector.sequence)),
                timeToLive: vector.timeToLive,
                holdings: identity.digest(of: bits.bytes)
            )
            #expect(statement == [UInt8](hex: vector.message))
            #expect(identity.isValid([UInt8](hex: vector.signature), of: statement, by: key))
        }
    }

    @Test func `departures are signed`() throws {
        let identity = try self.identity()
        for vector in Self.vectors.departures {
            let key = try #require(PublicKey(hex: vector.publicKey))
            let statement = GossipStatement.departure(
                secret: try #require(Digest(hex: vector.secret)),
                publicKey: key,
                sequence: try #require(UInt64(vector.sequence))
            )
            #expect(statement == [UInt8](hex: vector.message))
            #expect(identity.isValid([UInt8](hex: vector.signature), of: statement, by: key))
        }
    }

    @Test func `signals are signed over both nodes and the SDP`() throws {
        let identity = try self.identity()
        for vector in Self.vectors.signals {
            let signal = Signal(
                kind: vector.kind == "offer" ? .offer : .answer,
                hops: 1,
                from: try #require(PublicKey(hex: vector.from)),
                to: try #require(NodeID(hex: vector.to)),
                offerID: try #require(OfferID(hex: vector.offerID)),
                sentAt: try #require(UInt64(vector.sentAt)),
                signature: [UInt8](hex: vector.signature),
                sdp: vector.sdp
            )
            let author = identity.nodeID(of: signal.from)
            #expect(author.hex == vector.author)
            let secret = try #require(Digest(hex: vector.secret))
            let statement = GossipStatement.signal(signal, secret: secret, author: author)
            #expect(statement == [UInt8](hex: vector.message))
            #expect(identity.isValid(signal.signature, of: statement, by: signal.from))
        }
    }

    private func identity() throws -> NodeIdentity {
        let home = try TemporaryFolder()
        return try NodeIdentity.load(home: home.url.path)
    }
}
