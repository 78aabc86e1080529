/// A running hash over everything that went into and came out of every machine: two runs with equal digests did the
/// same. FNV-1a (64 bits) over words instead of bytes, with a rotation, so that the top bits reach the low ones. Not a
/// secure hash, and independent of Swift's own hashing, which differs between processes.
package struct RunDigest: Hashable, Sendable {
    package private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    package init() {}

    package mutating func fold(_ word: UInt64) {
        self.value = (self.value ^ word) &* 0x100_0000_01B3
        self.value = self.value << 23 | self.value >> 41
    }

    package mutating func fold(_ number: some BinaryInteger) { self.fold(UInt64(truncatingIfNeeded: number)) }

    package mutating func fold(bytes: some Collection<UInt8>) {
        self.fold(UInt64(bytes.count))
        var word: UInt64 = 0
        var filled = 0
        for byte in bytes {
            word = word << 8 | UInt64(byte)
            filled += 1
            if filled == 8 {
                self.fold(word)
                word = 0
                filled = 0
            }
        }
        if filled > 0 { self.fold(word) }
    }

    package mutating func fold(_ text: String) { self.fold(bytes: text.utf8) }

    /// 16 hexadecimal digits.
    package var hex: String {
        let digits = String(self.value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
