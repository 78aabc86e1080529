/// A SHA-256 value (FIPS 180-4), 32 bytes.
///
/// Four words instead of an `InlineArray`, which is not `Hashable`.
package struct Digest: FixedBytes {
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

    package static func < (left: Digest, right: Digest) -> Bool {
        (left.word0, left.word1, left.word2, left.word3) < (right.word0, right.word1, right.word2, right.word3)
    }
}
