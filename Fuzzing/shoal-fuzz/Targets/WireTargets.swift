import ShoalWire

/// What comes through data channels.
enum WireTargets {
    /// Bytes that are accepted are the only spelling of what they say.
    static func controlMessage(_ bytes: [UInt8]) {
        guard let message = try? ControlMessage(decoding: bytes.span.bytes) else { return }
        if case .unknown = message.body { return }
        require(message.encoded() == bytes, "\(message.body.name) is written in another way than it was read")
    }

    static func frame(_ bytes: [UInt8]) {
        // Nil: of a later kind.
        guard let header = (try? FrameHeader(decoding: bytes.span.bytes)) ?? nil else { return }
        require(bytes.count > WireLimits.frameHeader, "a frame without payload was accepted")
        require(header.encoded() == Array(bytes.prefix(WireLimits.frameHeader)), "a header is written in another way")
    }
}
