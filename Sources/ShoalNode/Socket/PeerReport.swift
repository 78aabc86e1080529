/// One connection of a node; `shoal peers --json` prints a list of them.
package struct PeerReport: Hashable, Codable, Sendable {
    package enum State: String, Codable, Sendable {
        case handshake
        case open
        case quiet
        case suspect
        case closing
    }

    /// Which side offered the connection: this node, or the peer.
    package enum Role: String, Codable, Sendable {
        case initiator
        case responder
    }

    /// The way that bulk bytes take.
    package enum Lane: String, CaseIterable, Codable, Sendable {
        case webrtc
        /// TLS over TCP.
        case direct
    }

    /// A chunk that is on its way to us, or asked for.
    package struct Chunk: Hashable, Codable, Sendable {
        package var manifest: String
        package var shard: UInt32
        package var chunk: UInt32
    }

    /// The selected pair of ICE candidates.
    package struct Path: Hashable, Codable, Sendable {
        package var local: Candidate
        package var remote: Candidate
        package var isRelayed: Bool
    }

    /// How useful the peer is, and why: whole numbers from 0 to 1,000.
    package struct Score: Hashable, Codable, Sendable {
        package var total: Int
        package var throughput: Int
        package var latency: Int
        package var reliability: Int
    }

    /// The peer's node ID; missing during the handshake, as is the agent.
    package var node: String?
    package var agent: String?
    package var state: State
    package var role: Role
    package var openSeconds: Double
    /// Manifest IDs of the swarms that both sides take part in.
    package var swarms: [String]
    package var score: Score
    package var roundTripSeconds: Double?
    package var downBytesPerSecond: Int
    package var upBytesPerSecond: Int
    /// Verified bytes from it, bytes to it, over this connection.
    package var receivedBytes: Int
    package var sentBytes: Int
    /// How many chunks may be in flight from it.
    package var window: Int
    package var inFlight: [Chunk]
    /// Its requests that wait or are being served.
    package var queuedRequests: Int
    package var lane: Lane
    /// Missing while ICE does not say.
    package var path: Path?
}

/// An ICE candidate in what people want to know of it.
package struct Candidate: Hashable, Codable, Sendable {
    /// `host`, `srflx`, `prflx` or `relay` (RFC 8839); empty when it is not said.
    package var kind: String
    /// `address:port`.
    package var address: String

    /// The address of a candidate line, without a zone; nil when there is none.
    static func address(ofSDP sdp: String) -> String? {
        let words = sdp.split(separator: " ")
        guard words.count >= 6 else { return nil }
        return words[4].split(separator: "%").first.map(String.init)
    }

    /// Reads `candidate:1 1 UDP 2122317823 192.0.2.1 41000 typ host …`; nil when it is something else.
    init?(sdp: String) {
        let words = sdp.split(separator: " ").map(String.init)
        guard words.count >= 6 else { return nil }
        let (address, port) = (words[4], words[5])
        self.address = address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
        let type = words.firstIndex(of: "typ").map { $0 + 1 }
        self.kind = type.flatMap { words.indices.contains($0) ? words[$0] : nil } ?? ""
    }
}
