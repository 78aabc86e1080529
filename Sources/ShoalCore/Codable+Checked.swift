// Values with rules, for recordings: what breaks a rule is not decoded.

extension FixedBytes {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = Self(bytes: try container.decode([UInt8].self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not \(Self.byteCount) bytes")
        }
        self = value
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.bytes)
    }
}

extension Bitfield: Codable {
    private enum CodingKeys: CodingKey {
        case count
        case bytes
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let count = try container.decode(Int.self, forKey: .count)
        let bytes = try container.decode([UInt8].self, forKey: .bytes)
        // First: rounding up the largest number would overflow.
        guard count <= 8 * bytes.count, let field = Bitfield(count: count, bytes: bytes) else {
            throw DecodingError.dataCorruptedError(
                forKey: .bytes,
                in: container,
                debugDescription: "\(bytes.count) bytes are no \(count) bits"
            )
        }
        self = field
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.count, forKey: .count)
        try container.encode(self.bytes, forKey: .bytes)
    }
}
