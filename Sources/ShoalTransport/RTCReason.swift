/// Why connections close, in words for the log and for people.
enum RTCReason {
    static let controlOverflow = "the peer does not take our control messages: more than 1 MiB waits"
    static let shutdown = "this node is shutting down"
    static let tooManyConnections = "there are too many connections already"
    static let wrongFingerprint = "the peer showed another certificate than its SDP had named"

    /// The first rule that `signals` say was broken, or the way the connection ended; nil when it lives.
    static func end(by signals: RTCSignals) -> String? {
        if signals.contains(.controlTooLong) { return "the peer sent a control message of more than 32 KiB" }
        if signals.contains(.frameTooLong) { return "the peer sent a frame of more than 32 KiB" }
        if signals.contains(.sentText) { return "the peer sent text, which Shoal's protocol does not have" }
        if signals.contains(.tooEarly) { return "the peer sent more than its hello before the channels were open" }
        if signals.contains(.foreignChannel) { return "the peer opened a channel that Shoal's protocol does not have" }
        if signals.contains(.failed) { return "no path to the peer was found, or its handshake failed" }
        if signals.contains(.disconnected) { return "the peer closed the connection or stopped answering" }
        if signals.contains(.closed) { return "the connection was closed" }
        return nil
    }

    static func notOpened(within limit: Duration) -> String { "the connection did not open within \(limit)" }
}
