/// How a node's WebRTC connections are made.
package struct RTCConfiguration: Hashable, Sendable {
    /// Where sockets are bound. Nil: every interface except loopback. `127.0.0.1` gives exactly that candidate.
    package var bindAddress: String?

    /// STUN and TURN servers: `stun:host:port`, `turn:user:password@host:port`. libdatachannel asks one STUN server,
    /// picked at random, and at most two TURN servers, over UDP.
    package var iceServers: [String] = []

    /// Connects over TURN servers only, so that peers do not learn our address.
    package var relayOnly = false

    /// How long an offer or answer waits for candidates: a dead STUN server would delay it by 23.5 s.
    package var gatheringLimit: Duration = .seconds(1)

    /// How long a connection may take to open once both descriptions are there. ICE itself gives up after 39.5 s.
    package var openingLimit: Duration = .seconds(30)

    /// How long a connection that we close may take to send what is buffered.
    package var closingLimit: Duration = .seconds(1)

    /// Most connections at a time, offers without an answer included. Each costs up to 2 MiB of buffers under load.
    package var maximumConnections = 256

    package init() {}
}

/// The bounds of one connection.
package enum RTCLimits {
    /// 256 KiB: what may wait in libdatachannel's queue for `bulk`. More would only delay control messages, which
    /// leave through the same SCTP association.
    package static let bulkBuffer = 256 * 1024

    /// 128 KiB: where a parked sender goes on. Half, so that the queue never runs dry while we wake up.
    static let bulkBufferLow = 128 * 1024

    /// 1 MiB: control messages that wait for a peer who does not read. More closes the connection.
    package static let controlBuffer = 1024 * 1024

    /// 64 chunks (8 MiB) may wait in line on a connection; a caller that queues more has lost count of its upload slots.
    package static let queuedChunks = 64

    /// 16 messages may arrive before both of our channels are open. A peer that keeps the protocol sends one, its
    /// `hello`, and waits for ours; more closes the connection.
    static let earlyMessages = 16

    /// 64 KiB: what SDP tells the peer. Above our own bounds, so that a message that breaks them is seen to do so
    /// instead of being cut to size by libdatachannel; 64 KiB is also one `usrsctp_recvv`.
    static let advertisedMessage = 64 * 1024
}
