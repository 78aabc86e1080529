/// A value that is exactly so many bytes: a hash, a key, a nonce, an identifier.
///
/// The conforming type stores the bytes inline, so that an ID costs no allocation and hashes as a few words.
package protocol FixedBytes: Hashable, Comparable, Codable, Sendable, CustomStringConvertible {
    /// Length in bytes; the same for every value of the type.
    static var byteCount: Int { get }

    /// The value whose bytes are `bytes`, or nil when there are not exactly ``byteCount`` of them.
    init?(bytes: some Collection<UInt8>)

    /// The bytes, first byte first.
    var bytes: [UInt8] { get }
}

extension FixedBytes {
    /// The value that `hex` spells: exactly `2 × byteCount` lower-case hexadecimal digits, else nil.
    package init?(hex: some StringProtocol) {
        let digits = Array(hex.utf8)
        guard digits.count == 2 * Self.byteCount else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.byteCount)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = hexValue(digits[index]), let low = hexValue(digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        self.init(bytes: bytes)
    }

    /// Lower-case hexadecimal, `2 × byteCount` digits.
    package var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(2 * Self.byteCount)
        for byte in self.bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// A random value from `generator`.
    package static func random(using generator: inout some RandomNumberGenerator) -> Self {
        let bytes = (0..<Self.byteCount).map { _ in UInt8.random(in: 0...255, using: &generator) }
        guard let value = Self(bytes: bytes) else { preconditionFailure("\(Self.self) refuses \(bytes.count) bytes") }
        return value
    }

    package var description: String { self.hex }

    /// Order of the bytes as an unsigned big-endian number, which is the order of the hexadecimal text.
    package static func < (left: Self, right: Self) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
}

private func hexValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
}

/// A named type around plain bytes: the name keeps a peer ID from being passed for an offer ID.
package protocol WrappedBytes: FixedBytes {
    associatedtype Storage: FixedBytes

    var storage: Storage { get }

    init(storage: Storage)
}

extension WrappedBytes {
    package static var byteCount: Int { Storage.byteCount }

    package init?(bytes: some Collection<UInt8>) {
        guard let storage = Storage(bytes: bytes) else { return nil }
        self.init(storage: storage)
    }

    package var bytes: [UInt8] { self.storage.bytes }

    package static func < (left: Self, right: Self) -> Bool { left.storage < right.storage }
}
