package import ShoalCore
package import ShoalWire

/// The messages that the signatures of gossip and signals sign (`docs/protocol.md`). The swarm's secret is in each, so
/// that none says anything in another swarm or to somebody who is not in it.
package enum GossipStatement {
    /// - Parameter holdings: SHA-256 of the bytes of the inventory's bitfield.
    package static func inventory(
        secret: Digest,
        publicKey: PublicKey,
        sequence: UInt64,
        timeToLive: UInt32,
        holdings: Digest
    ) -> [UInt8] {
        var writer = Self.begin("shoal/1 inventory", secret)
        writer.put(publicKey)
        writer.put(sequence)
        writer.put(timeToLive)
        writer.put(holdings)
        return writer.bytes
    }

    package static func departure(secret: Digest, publicKey: PublicKey, sequence: UInt64) -> [UInt8] {
        var writer = Self.begin("shoal/1 leave", secret)
        writer.put(publicKey)
        writer.put(sequence)
        return writer.bytes
    }

    /// - Parameter author: the node ID that belongs to the signal's key.
    package static func signal(_ signal: Signal, secret: Digest, author: NodeID) -> [UInt8] {
        var writer = Self.begin("shoal/1 signal", secret)
        writer.put(author)
        writer.put(signal.to)
        writer.put(signal.kind.rawValue)
        writer.put(signal.offerID)
        writer.put(signal.sentAt)
        writer.put(Array(signal.sdp.utf8))
        return writer.bytes
    }

    private static func begin(_ context: String, _ secret: Digest) -> WireWriter {
        var writer = WireWriter()
        writer.put(Array(context.utf8))
        writer.put(secret)
        return writer
    }
}
