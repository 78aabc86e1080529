package import ShoalCore
package import ShoalSwarm

/// Who is told what happens on connections.
///
/// The methods are called on the WebRTC thread and on libdatachannel's, several at once, and must return quickly: copy,
/// post, return. They must not call ``RTCTransport/shutdown()``; its other methods only post and are welcome.
///
/// For one connection: `opened` comes before anything received, `closed` comes exactly once, and nothing comes after it.
package protocol RTCTransportDelegate: AnyObject, Sendable {
    /// The connection's local offer or answer, with all candidates that were found in time.
    func described(_ connection: ConnectionID, sdp: String)

    /// Both channels are open, and the peer's certificate is the one its SDP had named.
    func opened(_ connection: ConnectionID, path: RTCPath)

    /// The connection is gone, whoever closed it; its upload buffers are free.
    func closed(_ connection: ConnectionID, reason: String)

    /// A control message, in order, of at most ``RTCLimits/controlMessage`` bytes. The bytes are valid during the call.
    func receivedControl(_ connection: ConnectionID, _ message: RawSpan)

    /// One frame, header and payload, in any order. The bytes are valid during the call.
    func receivedFrame(_ connection: ConnectionID, _ frame: RawSpan)

    /// The chunk has been handed over completely: its buffer is free.
    func chunkSent(_ connection: ConnectionID, token: UInt64)
}

/// What is known of an open connection's other end and of the way to it.
package struct RTCPath: Hashable, Sendable {
    /// Our role, and SHA-256 of both DTLS certificates: what proofs are made over.
    package let peer: PeerPath
    /// The selected ICE candidates, as SDP writes them; empty when ICE does not say.
    package let localCandidate: String
    package let remoteCandidate: String
    /// The path leads over a TURN server.
    package let isRelayed: Bool

    package init(peer: PeerPath, localCandidate: String, remoteCandidate: String, isRelayed: Bool) {
        self.peer = peer
        self.localCandidate = localCandidate
        self.remoteCandidate = remoteCandidate
        self.isRelayed = isRelayed
    }
}

/// Figures of one connection, at one moment.
package struct RTCStatistics: Hashable, Sendable {
    /// Bytes of messages, both channels, without the overhead of SCTP, DTLS and UDP.
    package let bytesSent: UInt64
    package let bytesReceived: UInt64
    /// SCTP's smoothed round-trip time, in whole milliseconds.
    package let roundTrip: Duration?
    /// What waits in libdatachannel's queue for `bulk`; never above ``RTCLimits/bulkBuffer``.
    package let bulkBuffered: Int
    /// Chunks in line, the one under way included.
    package let queuedChunks: Int
    /// The selected ICE candidates, as SDP writes them; empty when ICE does not say.
    package let localCandidate: String
    package let remoteCandidate: String
    package let isRelayed: Bool
}
