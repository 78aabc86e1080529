/// Reads what ``RecordingEncoder`` wrote. Any bytes may come: each length is compared with what is left before it is
/// used, nothing is set aside on the word of a number, and a number has one spelling only.
final class RecordingDecoder: Decoder {
    private let bytes: [UInt8]
    /// The next byte; where the trouble is after an error.
    private(set) var position: Int
    private let end: Int

    let codingPath: [any CodingKey] = []
    let userInfo: [CodingUserInfoKey: Any] = [:]

    private init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        self.position = range.lowerBound
        self.end = range.upperBound
    }

    /// The one value in `range` of `bytes`.
    static func value<Value: Decodable>(
        _ type: Value.Type = Value.self,
        in bytes: [UInt8],
        _ range: Range<Int>
    ) throws(RecordingError) -> Value {
        let decoder = RecordingDecoder(bytes, range)
        do {
            let value = try decoder.take(type)
            guard decoder.remaining == 0 else { throw RecordingDecodingError("bytes behind the last field") }
            return value
        } catch {
            throw RecordingError(offset: decoder.position, problem: Self.problem(error))
        }
    }

    private static func problem(_ error: any Error) -> String {
        switch error {
        case DecodingError.dataCorrupted(let context), DecodingError.typeMismatch(_, let context):
            context.debugDescription
        default: "\(error)"
        }
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(RecordedFields(decoder: self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { try RecordedElements(decoder: self) }

    func singleValueContainer() -> any SingleValueDecodingContainer { RecordedScalar(decoder: self) }

    fileprivate var remaining: Int { self.end - self.position }

    fileprivate func take<Value: Decodable>(_ type: Value.Type) throws -> Value {
        if type == [UInt8].self, let bytes = try self.takeBytes() as? Value { return bytes }
        return try Value(from: self)
    }

    fileprivate func takeByte() throws -> UInt8 {
        guard self.remaining > 0 else { throw RecordingDecodingError("the fields go on behind the end") }
        defer { self.position += 1 }
        return self.bytes[self.position]
    }

    fileprivate func takeFlag() throws -> Bool {
        let byte = try self.takeByte()
        guard byte <= 1 else { throw RecordingDecodingError("\(byte) where 0 or 1 stands") }
        return byte == 1
    }

    fileprivate func takeNumber() throws -> UInt64 {
        var number: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            let byte = try self.takeByte()
            let digits = UInt64(byte & 0x7F)
            guard (digits << shift) >> shift == digits else { break }
            number |= digits << shift
            guard byte & 0x80 == 0 else { continue }
            guard byte != 0 || shift == 0 else { break }
            return number
        }
        throw RecordingDecodingError("a number that is too large or has digits too many")
    }

    fileprivate func takeText() throws -> String {
        guard let text = String(validating: try self.takeBytes(), as: UTF8.self) else {
            throw RecordingDecodingError("a text that is not UTF-8")
        }
        return text
    }

    /// The number of elements of an array; each of them has a byte at least.
    fileprivate func takeCount() throws -> Int {
        var count = 0
        for _ in 0..<4 { count = count << 8 | Int(try self.takeByte()) }
        guard count <= self.remaining else { throw RecordingDecodingError("an array of \(count) elements") }
        return count
    }

    /// The name of the case that stands here, which stays where it is; nil when there is none.
    fileprivate func peekName() -> String? {
        let start = self.position
        defer { self.position = start }
        // Its reader asks again, and hears what is wrong.
        return try? self.takeText()
    }

    private func takeBytes() throws -> [UInt8] {
        let count = try self.takeNumber()
        guard count <= UInt64(self.remaining) else { throw RecordingDecodingError("a length of \(count) bytes") }
        defer { self.position += Int(count) }
        return Array(self.bytes[self.position..<self.position + Int(count)])
    }
}

/// The fields of a struct, or the case of an enum: only there the compiler's code asks for the keys.
private struct RecordedFields<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let decoder: RecordingDecoder
    let codingPath: [any CodingKey] = []

    var allKeys: [Key] { self.decoder.peekName().flatMap { Key(stringValue: $0) }.map { [$0] } ?? [] }

    func contains(_ key: Key) -> Bool { true }

    func decodeNil(forKey key: Key) throws -> Bool { false }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value { try self.decoder.take(type) }

    func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
        try self.optional()
    }

    private func optional<Value: Decodable>() throws -> Value? {
        try self.decoder.takeFlag() ? try self.decoder.take(Value.self) : nil
    }

    // One by one, as they are written.
    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { try self.optional() }
    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? { try self.optional() }
    func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? { try self.optional() }
    func decodeIfPresent(_ type: Float.Type, forKey key: Key) throws -> Float? { try self.optional() }
    func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? { try self.optional() }
    func decodeIfPresent(_ type: Int8.Type, forKey key: Key) throws -> Int8? { try self.optional() }
    func decodeIfPresent(_ type: Int16.Type, forKey key: Key) throws -> Int16? { try self.optional() }
    func decodeIfPresent(_ type: Int32.Type, forKey key: Key) throws -> Int32? { try self.optional() }
    func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? { try self.optional() }
    func decodeIfPresent(_ type: UInt.Type, forKey key: Key) throws -> UInt? { try self.optional() }
    func decodeIfPresent(_ type: UInt8.Type, forKey key: Key) throws -> UInt8? { try self.optional() }
    func decodeIfPresent(_ type: UInt16.Type, forKey key: Key) throws -> UInt16? { try self.optional() }
    func decodeIfPresent(_ type: UInt32.Type, forKey key: Key) throws -> UInt32? { try self.optional() }
    func decodeIfPresent(_ type: UInt64.Type, forKey key: Key) throws -> UInt64? { try self.optional() }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        _ = try self.decoder.takeText()
        return self.decoder.container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try self.decoder.unkeyedContainer()
    }

    func superDecoder() -> any Decoder { self.decoder }

    func superDecoder(forKey key: Key) -> any Decoder { self.decoder }
}

private struct RecordedElements: UnkeyedDecodingContainer {
    let decoder: RecordingDecoder
    let codingPath: [any CodingKey] = []
    private let total: Int
    private(set) var currentIndex = 0

    init(decoder: RecordingDecoder) throws {
        self.decoder = decoder
        self.total = try decoder.takeCount()
    }

    var count: Int? { self.total }
    var isAtEnd: Bool { self.currentIndex >= self.total }

    func decodeNil() throws -> Bool { false }

    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try self.step()
        return try self.decoder.take(type)
    }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> {
        try self.step()
        return self.decoder.container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try self.step()
        return try self.decoder.unkeyedContainer()
    }

    mutating func superDecoder() throws -> any Decoder {
        try self.step()
        return self.decoder
    }

    private mutating func step() throws {
        guard !self.isAtEnd else { throw RecordingDecodingError("an array of \(self.total) elements is too short") }
        self.currentIndex += 1
    }
}

private struct RecordedScalar: SingleValueDecodingContainer {
    let decoder: RecordingDecoder
    let codingPath: [any CodingKey] = []

    func decodeNil() -> Bool { false }
    func decode(_ type: Bool.Type) throws -> Bool { try self.decoder.takeFlag() }
    func decode(_ type: String.Type) throws -> String { try self.decoder.takeText() }
    func decode(_ type: Double.Type) throws -> Double { throw RecordingDecodingError("a floating-point number") }
    func decode(_ type: Float.Type) throws -> Float { throw RecordingDecodingError("a floating-point number") }

    func decode<Value: Decodable & FixedWidthInteger & UnsignedInteger>(_ type: Value.Type) throws -> Value {
        let number = try self.decoder.takeNumber()
        guard let value = Value(exactly: number) else { throw RecordingDecodingError("\(number) is too large") }
        return value
    }

    func decode<Value: Decodable & FixedWidthInteger & SignedInteger>(_ type: Value.Type) throws -> Value {
        let folded = try self.decoder.takeNumber()
        let number = Int64(bitPattern: folded >> 1) ^ -Int64(bitPattern: folded & 1)
        guard let value = Value(exactly: number) else { throw RecordingDecodingError("\(number) is too large") }
        return value
    }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try self.decoder.take(type) }
}

/// Why bytes are no value; ``RecordingError`` adds the place.
private struct RecordingDecodingError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
