package import ShoalCore

/// Takes big-endian fields from the front of some bytes; every length is checked before it is used.
package struct WireReader: ~Escapable {
    private let span: RawSpan
    private var position = 0

    @_lifetime(copy span)
    package init(_ span: RawSpan) { self.span = span }

    package var remaining: Int { self.span.byteCount - self.position }

    package mutating func u8() throws(WireError) -> UInt8 { try self.integer() }
    package mutating func u16() throws(WireError) -> UInt16 { try self.integer() }
    package mutating func u32() throws(WireError) -> UInt32 { try self.integer() }
    package mutating func u64() throws(WireError) -> UInt64 { try self.integer() }

    /// The next `count` bytes.
    package mutating func bytes(_ count: Int) throws(WireError) -> [UInt8] {
        let start = try self.advance(count)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        for offset in start..<start + count {
            bytes.append(unsafe self.span.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
        }
        return bytes
    }

    /// The next bytes as a hash, key, nonce or identifier.
    package mutating func fixed<Value: FixedBytes>(_ type: Value.Type = Value.self) throws(WireError) -> Value {
        guard let value = Value(bytes: try self.bytes(Value.byteCount)) else {
            preconditionFailure("\(Value.self) refuses \(Value.byteCount) bytes")
        }
        return value
    }

    /// What is left, as bytes.
    package mutating func rest() throws(WireError) -> [UInt8] { try self.bytes(self.remaining) }

    /// Refuses bytes behind the last field.
    package func end() throws(WireError) {
        guard self.remaining == 0 else { throw .trailing(self.remaining) }
    }

    private mutating func advance(_ count: Int) throws(WireError) -> Int {
        guard count <= self.remaining else { throw .truncated(needed: count, available: self.remaining) }
        defer { self.position += count }
        return self.position
    }

    private mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>() throws(WireError) -> Value {
        let start = try self.advance(MemoryLayout<Value>.size)
        return Value(bigEndian: unsafe self.span.unsafeLoadUnaligned(fromByteOffset: start, as: Value.self))
    }
}
