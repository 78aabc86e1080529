/// Names a model: SHA-256 of the canonical bytes of its manifest.
package struct ManifestID: FixedBytes {
    package static let byteCount = Digest.byteCount
    package let digest: Digest

    package init(_ digest: Digest) { self.digest = digest }

    package init?(bytes: some Collection<UInt8>) {
        guard let digest = Digest(bytes: bytes) else { return nil }
        self.init(digest)
    }

    package var bytes: [UInt8] { self.digest.bytes }
}

/// Names a node for good: SHA-256 of its Ed25519 public key (32 raw bytes, RFC 8032).
package struct NodeID: FixedBytes {
    package static let byteCount = Digest.byteCount
    package let digest: Digest

    package init(_ digest: Digest) { self.digest = digest }

    package init?(bytes: some Collection<UInt8>) {
        guard let digest = Digest(bytes: bytes) else { return nil }
        self.init(digest)
    }

    package var bytes: [UInt8] { self.digest.bytes }
}

/// What every 20-byte name of the tracker protocol is made of.
package struct TwentyBytes: FixedBytes {
    package static let byteCount = 20

    private let word0: UInt64
    private let word1: UInt64
    private let word2: UInt32

    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        let all = Array(bytes)
        self.word0 = bigEndianWord(all[0..<8])
        self.word1 = bigEndianWord(all[8..<16])
        self.word2 = UInt32(bigEndianWord(all[16..<20]))
    }

    package var bytes: [UInt8] {
        bigEndianBytes(self.word0, count: 8) + bigEndianBytes(self.word1, count: 8)
            + bigEndianBytes(UInt64(self.word2), count: 4)
    }
}

/// The name under which trackers know a swarm: the first 20 bytes of the manifest ID, or of an HMAC of it in a
/// private swarm.
package struct InfoHash: FixedBytes {
    package static let byteCount = TwentyBytes.byteCount
    private let value: TwentyBytes

    package init?(bytes: some Collection<UInt8>) {
        guard let value = TwentyBytes(bytes: bytes) else { return nil }
        self.value = value
    }

    package var bytes: [UInt8] { self.value.bytes }
}

/// What a tracker calls one of our sockets: new for each connection, because trackers mishandle an ID they have
/// already seen on another socket.
package struct PeerID: FixedBytes {
    package static let byteCount = TwentyBytes.byteCount
    private let value: TwentyBytes

    package init?(bytes: some Collection<UInt8>) {
        guard let value = TwentyBytes(bytes: bytes) else { return nil }
        self.value = value
    }

    package var bytes: [UInt8] { self.value.bytes }
}

/// Ties an answer to its offer at a tracker.
package struct OfferID: FixedBytes {
    package static let byteCount = TwentyBytes.byteCount
    private let value: TwentyBytes

    package init?(bytes: some Collection<UInt8>) {
        guard let value = TwentyBytes(bytes: bytes) else { return nil }
        self.value = value
    }

    package var bytes: [UInt8] { self.value.bytes }
}

/// One WebRTC connection of this process, from the first offer to its end. Never reused; never leaves the process.
package struct ConnectionID: Hashable, Comparable, Sendable, CustomStringConvertible {
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
