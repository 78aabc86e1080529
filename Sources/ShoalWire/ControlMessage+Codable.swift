/// In recordings a message stands as it does on the wire: a new type of message needs no word here.
extension ControlMessage: Codable {
    package init(from decoder: any Decoder) throws {
        let bytes = try decoder.singleValueContainer().decode([UInt8].self)
        // Safe: every bit pattern of a UInt8 is initialised memory.
        try self.init(decoding: unsafe bytes.span.bytes)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if case .unknown(let type) = self.body {
            // Ours to remember, though not to send: what its decoder looked at.
            try container.encode([type, UInt8(self.handle >> 8), UInt8(truncatingIfNeeded: self.handle)])
        } else {
            try container.encode(self.encoded())
        }
    }
}
