/// A fixed number of bits, as the wire has them: bit 0 is the top bit of byte 0, spare bits of the last byte are 0.
package struct Bitfield: Hashable, Sendable {
    /// Number of bits.
    package let count: Int

    /// The wire's bytes: `count / 8`, rounded up.
    package private(set) var bytes: [UInt8]

    /// Number of bits that are set; kept, not counted.
    package private(set) var setCount: Int

    /// `count` bits, all clear.
    package init(count: Int) {
        precondition(count >= 0, "a bitfield cannot have \(count) bits")
        self.count = count
        self.bytes = [UInt8](repeating: 0, count: (count + 7) / 8)
        self.setCount = 0
    }

    /// The bitfield that arrived as `bytes`; nil when their number does not fit `count` or a spare bit is set.
    package init?(count: Int, bytes: [UInt8]) {
        guard count >= 0, bytes.count == (count + 7) / 8 else { return nil }
        if count % 8 != 0, let last = bytes.last, last & (0xFF >> UInt8(count % 8)) != 0 { return nil }
        self.count = count
        self.bytes = bytes
        self.setCount = bytes.reduce(0) { $0 + $1.nonzeroBitCount }
    }

    package subscript(index: Int) -> Bool {
        get {
            precondition(index >= 0 && index < self.count, "bit \(index) of \(self.count)")
            return self.bytes[index >> 3] & (0x80 >> UInt8(index & 7)) != 0
        }
        set {
            guard self[index] != newValue else { return }
            self.bytes[index >> 3] ^= 0x80 >> UInt8(index & 7)
            self.setCount += newValue ? 1 : -1
        }
    }

    /// The same bits, each the other way round.
    package var inverted: Bitfield {
        var field = Bitfield(count: self.count)
        for bit in self.clearBits { field[bit] = true }
        return field
    }

    /// Whether every bit that is set here is set there. Bits beyond the end of the other count as clear.
    package func isSubset(of other: Bitfield) -> Bool {
        self.bytes.indices.allSatisfy { self.bytes[$0] & ~($0 < other.bytes.count ? other.bytes[$0] : 0) == 0 }
    }

    /// Sets every bit that is set in the other, which has as many.
    package mutating func formUnion(_ other: Bitfield) {
        precondition(other.count == self.count, "a union of \(self.count) and \(other.count) bits")
        for bit in other.setBits { self[bit] = true }
    }

    package var isFull: Bool { self.setCount == self.count }
    package var isEmpty: Bool { self.setCount == 0 }

    /// The positions of the set bits, ascending.
    package var setBits: some Sequence<Int> {
        (0..<self.count).lazy.filter { self[$0] }
    }

    /// The positions of the clear bits, ascending.
    package var clearBits: some Sequence<Int> {
        (0..<self.count).lazy.filter { !self[$0] }
    }

    /// All bits set.
    package static func full(count: Int) -> Bitfield {
        var field = Bitfield(count: count)
        for index in 0..<count { field[index] = true }
        return field
    }
}
