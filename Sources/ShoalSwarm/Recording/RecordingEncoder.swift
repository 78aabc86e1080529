/// Writes any `Encodable` value as bytes of a recording: compact, and the same bytes for the same value in every
/// process.
///
/// What is recorded only says `Codable`, so a new case or field is recorded as soon as it exists. Fields stand behind
/// each other without their names, in the order of their declaration; a case is written by its name, so that adding one
/// or moving it leaves the others as they are.
///
/// | what | bytes |
/// |---|---|
/// | integer | base 128, lowest digits first; a signed one folded (0, −1, 1, −2, …) first |
/// | `Bool`, presence of an optional | 0 or 1 |
/// | `[UInt8]`, text | length, then the bytes, UTF-8 |
/// | array | number of elements (u32, big-endian), then the elements |
/// | case of an enum | its name as text, then its values |
///
/// Floating-point numbers, optionals outside of fields, and dictionaries of effects (whose order differs from process
/// to process) have no place in a recording.
final class RecordingEncoder: Encoder {
    fileprivate(set) var bytes: [UInt8] = []

    let codingPath: [any CodingKey] = []
    let userInfo: [CodingUserInfoKey: Any] = [:]

    /// The bytes of one value.
    static func bytes(of value: some Encodable) throws -> [UInt8] {
        let encoder = RecordingEncoder()
        try encoder.put(value)
        return encoder.bytes
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(RecordingFields(encoder: self))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer { RecordingElements(encoder: self) }

    func singleValueContainer() -> any SingleValueEncodingContainer { RecordingScalar(encoder: self) }

    fileprivate func put<Value: Encodable>(_ value: Value) throws {
        if Value.self == [UInt8].self, let bytes = value as? [UInt8] {
            self.put(length: bytes.count)
            self.bytes += bytes
        } else {
            try value.encode(to: self)
        }
    }

    fileprivate func put(_ text: String) {
        let bytes = Array(text.utf8)
        self.put(length: bytes.count)
        self.bytes += bytes
    }

    fileprivate func put(length: Int) { self.put(UInt64(length)) }

    fileprivate func put(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            self.bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.bytes.append(UInt8(rest))
    }

    /// Counts one more element of the array whose count stands at `position`.
    fileprivate func countUp(at position: Int) {
        for index in stride(from: position + 3, through: position, by: -1) {
            self.bytes[index] &+= 1
            guard self.bytes[index] == 0 else { return }
        }
    }
}

/// The fields of a struct, or the case of an enum: what the compiler writes says a case's name by asking for a
/// container under it, and nothing else does.
private struct RecordingFields<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let encoder: RecordingEncoder
    let codingPath: [any CodingKey] = []

    func encodeNil(forKey key: Key) throws { throw RecordingEncodingError(what: "nil under \(key.stringValue)") }

    func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws { try self.encoder.put(value) }

    func encodeIfPresent<Value: Encodable>(_ value: Value?, forKey key: Key) throws { try self.put(value) }

    private func put(_ value: (some Encodable)?) throws {
        self.encoder.bytes.append(value == nil ? 0 : 1)
        if let value { try self.encoder.put(value) }
    }

    // One by one: the protocol has its own for these, which leave a nil out.
    func encodeIfPresent(_ value: Bool?, forKey key: Key) throws { try self.put(value) }
    func encodeIfPresent(_ value: String?, forKey key: Key) throws { try self.put(value) }
    func encodeIfPresent(_ value: Double?, forKey key: Key) throws { try self.put(value) }
    func encodeIfPresent(_ value: Float?, forKey key: Key) throws { try self.put(value) }
    func encodeIfPresent(_ value: Int?, forKey key: Key) throws { try self.put(value) }
    func encodeIfPresent(_ value: Int8?, forKey key: Key) throws { try self.put(value) }
    func encodeIfPresent(_ value: Int16?, forKey key: Key) throws { try self.put(value) }
    func encodeIfPresent(_ value: Int32?, forKey key: Key) throws { try self.put(value) }
    func encodeIfPresent(_ value: Int64?, forKey key: Key) throws { try self.put(value) }
    func encodeIfPresent(_ value: UInt?, forKey key: Key) throws { try self.put(value) }
    func encodeIfPresent(_ value: UInt8?, forKey key: Key) throws { try self.put(value) }
    func encodeIfPresent(_ value: UInt16?, forKey key: Key) throws { try self.put(value) }
    func encodeIfPresent(_ value: UInt32?, forKey key: Key) throws { try self.put(value) }
    func encodeIfPresent(_ value: UInt64?, forKey key: Key) throws { try self.put(value) }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        self.encoder.put(key.stringValue)
        return self.encoder.container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { self.encoder.unkeyedContainer() }

    func superEncoder() -> any Encoder { self.encoder }

    func superEncoder(forKey key: Key) -> any Encoder { self.encoder }
}

/// An array; its count is kept where it stands.
private struct RecordingElements: UnkeyedEncodingContainer {
    let encoder: RecordingEncoder
    let codingPath: [any CodingKey] = []
    private let position: Int
    private(set) var count = 0

    init(encoder: RecordingEncoder) {
        self.encoder = encoder
        self.position = encoder.bytes.count
        encoder.bytes += [0, 0, 0, 0]
    }

    func encodeNil() throws { throw RecordingEncodingError(what: "nil in an array") }

    mutating func encode<Value: Encodable>(_ value: Value) throws {
        self.countUp()
        try self.encoder.put(value)
    }

    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        self.countUp()
        return self.encoder.container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        self.countUp()
        return self.encoder.unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder {
        self.countUp()
        return self.encoder
    }

    private mutating func countUp() {
        self.count += 1
        self.encoder.countUp(at: self.position)
    }
}

private struct RecordingScalar: SingleValueEncodingContainer {
    let encoder: RecordingEncoder
    let codingPath: [any CodingKey] = []

    func encodeNil() throws { throw RecordingEncodingError(what: "nil outside of a field") }
    func encode(_ value: Bool) throws { self.encoder.bytes.append(value ? 1 : 0) }
    func encode(_ value: String) throws { self.encoder.put(value) }
    func encode(_ value: Double) throws { throw RecordingEncodingError(what: "a floating-point number") }
    func encode(_ value: Float) throws { throw RecordingEncodingError(what: "a floating-point number") }

    func encode<Value: Encodable & FixedWidthInteger & UnsignedInteger>(_ value: Value) throws {
        self.encoder.put(UInt64(value))
    }

    func encode<Value: Encodable & FixedWidthInteger & SignedInteger>(_ value: Value) throws {
        let wide = Int64(value)
        self.encoder.put(UInt64(bitPattern: (wide << 1) ^ (wide >> 63)))
    }

    func encode<Value: Encodable>(_ value: Value) throws { try self.encoder.put(value) }
}

/// A type that recordings have no bytes for was made part of one: a mistake of ours.
struct RecordingEncodingError: Error, CustomStringConvertible {
    let what: String

    var description: String { "recordings have no bytes for \(self.what)" }
}
