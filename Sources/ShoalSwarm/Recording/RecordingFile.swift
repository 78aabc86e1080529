import ShoalCore
import ShoalFormats

/// How entries stand in a file: the magic, then records.
///
/// A record is the length of its body (u32, big-endian), the same number with every bit turned, the body
/// (``RecordingEncoder``), and the first 8 bytes of the body's SHA-256. So a file that ends early, as that of a killed
/// node does, is told from one that was changed.
package enum RecordingFile {
    /// The kind of file, and version 1 of its format.
    package static let magic: [UInt8] = Array("shoal recording 1\n".utf8)

    /// 64 MiB for one record: the largest manifest (32 MiB) with all that may stand beside it in a batch.
    static let maximumBody = 64 << 20

    /// Bytes of a record before and behind its body.
    package static let prefixCount = 8
    package static let checkCount = 8

    /// The bytes of one record.
    ///
    /// - Throws: when the entry is too long, or holds something that recordings have no bytes for.
    package static func record(_ entry: RecordingEntry) throws -> [UInt8] {
        let body = try RecordingEncoder.bytes(of: entry)
        guard body.count <= self.maximumBody else {
            throw RecordingEncodingError(what: "an entry of \(body.count) bytes")
        }
        return self.record(body: body)
    }

    /// The record around a body of at most ``maximumBody`` bytes, whatever is in it.
    package static func record(body: [UInt8]) -> [UInt8] {
        let length = UInt32(body.count)
        return self.bytes(of: length) + self.bytes(of: ~length) + body + self.check(of: body[...])
    }

    static func check(of body: ArraySlice<UInt8>) -> [UInt8] {
        Array(Digest(sha256Of: Array(body)).bytes.prefix(self.checkCount))
    }

    private static func bytes(of number: UInt32) -> [UInt8] {
        (0..<4).reversed().map { UInt8(truncatingIfNeeded: number >> (8 * UInt32($0))) }
    }
}

/// Takes the entries out of a file's bytes, one after the other.
package struct RecordingReader: Sendable {
    private let bytes: [UInt8]
    /// Where the next record begins.
    package private(set) var offset: Int

    /// - Throws: ``RecordingError`` when the bytes are no recording of this version.
    package init(_ bytes: [UInt8]) throws(RecordingError) {
        guard bytes.starts(with: RecordingFile.magic) else {
            throw RecordingError(offset: 0, problem: "this is no recording that this version of Shoal can read")
        }
        self.bytes = bytes
        self.offset = RecordingFile.magic.count
    }

    /// The next entry; nil at the end and where the file was cut short.
    package mutating func next() throws(RecordingError) -> RecordingEntry? {
        let left = self.bytes.count - self.offset
        guard left >= RecordingFile.prefixCount else { return nil }
        let count = self.number(at: self.offset)
        guard self.number(at: self.offset + 4) == ~count, count <= RecordingFile.maximumBody else {
            throw RecordingError(offset: self.offset, problem: "the length of a record is damaged")
        }
        let size = self.size(ofBody: Int(count))
        guard size <= left else { return nil }
        let start = self.offset + RecordingFile.prefixCount
        let body = start..<start + Int(count)
        let check = self.bytes[body.upperBound..<self.offset + size]
        guard RecordingFile.check(of: self.bytes[body]).elementsEqual(check) else {
            throw RecordingError(offset: self.offset, problem: "a record is damaged")
        }
        let entry = try RecordingDecoder.value(RecordingEntry.self, in: self.bytes, body)
        self.offset += size
        return entry
    }

    private func size(ofBody count: Int) -> Int { RecordingFile.prefixCount + count + RecordingFile.checkCount }

    private func number(at position: Int) -> UInt32 {
        self.bytes[position..<position + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
}

/// A recording that cannot be read (further), and where.
package struct RecordingError: Error, Hashable, Sendable, CustomStringConvertible {
    package let offset: Int
    package let problem: String

    package var description: String { "damaged at byte \(self.offset): \(self.problem)" }
}
