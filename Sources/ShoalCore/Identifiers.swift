/// Names a model: SHA-256 of the canonical bytes of its manifest.
package struct ManifestID: WrappedBytes {
    package let storage: Digest

    package init(storage: Digest) { self.storage = storage }
    package init(_ digest: Digest) { self.storage = digest }

    package var digest: Digest { self.storage }
}

/// A node's Ed25519 public key, 32 raw bytes (RFC 8032).
package struct PublicKey: WrappedBytes {
    package let storage: ThirtyTwoBytes

    package init(storage: ThirtyTwoBytes) { self.storage = storage }
}

/// Names a node for good: SHA-256 of its public key.
package struct NodeID: WrappedBytes {
    package let storage: Digest

    package init(storage: Digest) { self.storage = storage }
    package init(_ digest: Digest) { self.storage = digest }

    /// The first 8 hexadecimal digits: enough for people to tell the peers of a list apart.
    package var short: String { String(self.hex.prefix(8)) }
}

/// 32 bytes used once: what makes a proof fit one connection only.
package struct Nonce: WrappedBytes {
    package let storage: ThirtyTwoBytes

    package init(storage: ThirtyTwoBytes) { self.storage = storage }
}

/// The name under which trackers know a swarm: the first 20 bytes of the manifest ID, or of an HMAC of it in a
/// private swarm.
package struct InfoHash: WrappedBytes {
    package let storage: TwentyBytes

    package init(storage: TwentyBytes) { self.storage = storage }
}

/// What a tracker calls one of our sockets: new for each connection, because trackers mishandle an ID they have
/// already seen on another socket.
package struct PeerID: WrappedBytes {
    package let storage: TwentyBytes

    package init(storage: TwentyBytes) { self.storage = storage }
}

/// Ties an answer to its offer at a tracker.
package struct OfferID: WrappedBytes {
    package let storage: TwentyBytes

    package init(storage: TwentyBytes) { self.storage = storage }
}

/// One WebRTC connection of this process, from the first offer to its end. Never reused; never leaves the process.
package struct ConnectionID: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package var description: String { "connection \(self.rawValue)" }

    package static func < (left: ConnectionID, right: ConnectionID) -> Bool { left.rawValue < right.rawValue }
}

/// A (layer, index) of a mixture-of-experts model: one feed-forward block.
package struct ExpertID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let layer: Int
    package let index: Int

    package init(layer: Int, index: Int) {
        self.layer = layer
        self.index = index
    }

    /// The key in a manifest's expert registry: `<layer>.<index>`, decimal.
    package var description: String { "\(self.layer).\(self.index)" }

    package static func < (left: ExpertID, right: ExpertID) -> Bool {
        (left.layer, left.index) < (right.layer, right.index)
    }
}
