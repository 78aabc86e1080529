/// What hashes, keys and nonces are made of. Four words instead of an `InlineArray`, which is not `Hashable`.
package struct ThirtyTwoBytes: FixedBytes {
    package static let byteCount = 32

    private let word0: UInt64
    private let word1: UInt64
    private let word2: UInt64
    private let word3: UInt64

    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        let all = Array(bytes)
        self.word0 = bigEndianWord(all[0..<8])
        self.word1 = bigEndianWord(all[8..<16])
        self.word2 = bigEndianWord(all[16..<24])
        self.word3 = bigEndianWord(all[24..<32])
    }

    package var bytes: [UInt8] {
        [self.word0, self.word1, self.word2, self.word3].flatMap { bigEndianBytes($0, count: 8) }
    }

    package static func < (left: ThirtyTwoBytes, right: ThirtyTwoBytes) -> Bool {
        (left.word0, left.word1, left.word2, left.word3) < (right.word0, right.word1, right.word2, right.word3)
    }
}

/// What every name of the tracker protocol is made of.
package struct TwentyBytes: FixedBytes {
    package static let byteCount = 20

    private let word0: UInt64
    private let word1: UInt64
    private let word2: UInt32

    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        let all = Array(bytes)
        self.word0 = bigEndianWord(all[0..<8])
        self.word1 = bigEndianWord(all[8..<16])
        self.word2 = UInt32(bigEndianWord(all[16..<20]))
    }

    package var bytes: [UInt8] {
        bigEndianBytes(self.word0, count: 8) + bigEndianBytes(self.word1, count: 8)
            + bigEndianBytes(UInt64(self.word2), count: 4)
    }

    package static func < (left: TwentyBytes, right: TwentyBytes) -> Bool {
        (left.word0, left.word1, left.word2) < (right.word0, right.word1, right.word2)
    }
}

/// The big-endian number in up to eight bytes.
private func bigEndianWord(_ bytes: some Sequence<UInt8>) -> UInt64 {
    bytes.reduce(0) { $0 << 8 | UInt64($1) }
}

/// The `count` low bytes of `word`, big-endian.
private func bigEndianBytes(_ word: UInt64, count: Int) -> [UInt8] {
    (0..<count).reversed().map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) }
}
