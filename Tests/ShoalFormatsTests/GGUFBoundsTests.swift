import ModelFixtures
import ShoalCore
import Testing

@testable import ShoalFormats

/// Each bound of ``GGUFLimits``, reached and not exceeded; one beyond is in ``GGUFHeaderTests``.
@Suite struct GGUFBoundsTests {
    private func header(_ file: GGUFFile) throws -> GGUFHeader {
        let bytes = file.bytes
        let listing = SourceListing(path: "model.gguf", size: bytes.count)
        return try GGUFHeaderReader.read(MemoryReader([bytes]), file: 0, listing: listing)
    }

    @Test func `as many metadata as are allowed are read`() throws {
        var file = GGUFFile()
        file.metadata = (0..<65_536).map { ("\($0)", .uint8(0)) }
        #expect(try self.header(file).tensors.isEmpty)
    }

    @Test func `as many tensors as are allowed are read`() throws {
        var file = GGUFFile()
        file.alignment = 8
        file.tensors = (0..<65_536).map { .init("\($0)", [2]) }
        #expect(try self.header(file).tensors.count == 65_536)
    }

    @Test func `the longest names, texts and arrays are read`() throws {
        var file = GGUFFile()
        file[String(repeating: "k", count: 65_536)] = .bool(true)
        file["text"] = .raw(number: 8, [0, 0, 0, 1, 0, 0, 0, 0] + [UInt8](repeating: 120, count: 16 << 20))
        file["array"] = .raw(number: 9, [0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 4 << 20))
        file.tensors = [.init(String(repeating: "n", count: 63), [1, 1, 1, 1])]
        #expect(try self.header(file).tensors.count == 1)
    }

    @Test(arguments: [8, 16, 4_096]) func `data are aligned as the file says`(alignment: Int) throws {
        var file = GGUFFile()
        file.alignment = alignment
        file.tensors = [.init("a", [3]), .init("b", [3])]
        let tensors = try self.header(file).tensors
        #expect(tensors[1].offset - tensors[0].offset == max(alignment, 16))
        #expect(tensors[0].offset.isMultiple(of: alignment))
    }

    /// 17 texts of 15 MiB and what remains of 256 MiB: never in memory as a whole.
    private struct LongHeader: SourceReader {
        let texts: Int
        let lastText: Int
        let size: Int
        private let pieces: [(offset: Int, bytes: [UInt8])]

        init(headerSize: Int) {
            self.texts = 17
            self.size = headerSize + 64
            var pieces: [(offset: Int, bytes: [UInt8])] = []
            func number(_ value: Int, _ width: Int) -> [UInt8] {
                (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
            }
            var next = 0
            func place(_ bytes: [UInt8]) {
                pieces.append((next, bytes))
                next += bytes.count
            }
            place(Array("GGUF".utf8) + number(3, 4) + number(0, 8) + number(18, 8))
            for index in 0..<17 {
                place(number(2, 8) + Array(String(10 + index).utf8) + number(8, 4) + number(15 << 20, 8))
                next += 15 << 20
            }
            self.lastText = headerSize - next - 22
            place(number(2, 8) + Array("99".utf8) + number(8, 4) + number(self.lastText, 8))
            self.pieces = pieces
        }

        func read(_ file: Int, at offset: Int, count: Int) -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: max(0, min(count, self.size - offset)))
            for piece in self.pieces {
                for (index, byte) in piece.bytes.enumerated() {
                    let place = piece.offset + index - offset
                    if bytes.indices.contains(place) { bytes[place] = byte }
                }
            }
            return bytes
        }
    }

    @Test func `a header ends within 256 MiB`() throws {
        let allowed = LongHeader(headerSize: 256 << 20)
        let listing = SourceListing(path: "m", size: allowed.size)
        #expect(try GGUFHeaderReader.read(allowed, file: 0, listing: listing).tensors.isEmpty)
        let tooLong = LongHeader(headerSize: (256 << 20) + 1)
        let error = #expect(throws: SourceError<Never>.self) {
            try GGUFHeaderReader.read(tooLong, file: 0, listing: SourceListing(path: "m", size: tooLong.size))
        }
        guard case .wrong(let problem) = error else { return }
        #expect(problem.field == "metadata[17].value")
    }

    private struct BrokenDisk: SourceReader {
        struct Broken: Error, Equatable {}
        let good: [UInt8]

        func read(_ file: Int, at offset: Int, count: Int) throws(Broken) -> [UInt8] {
            if offset > 0 { throw Broken() }
            return Array(self.good.prefix(count))
        }
    }

    @Test func `a disk's error is passed on as it is, and a file that shrinks is noticed`() throws {
        var file = GGUFFile()
        file["text"] = .raw(number: 8, [0, 0, 16, 0, 0, 0, 0, 0] + [UInt8](repeating: 120, count: 1 << 20))
        file.tensors = [.init("a", [1])]
        let bytes = file.bytes
        let listing = SourceListing(path: "m", size: bytes.count)
        #expect(throws: SourceError<BrokenDisk.Broken>.unreadable(BrokenDisk.Broken())) {
            try GGUFHeaderReader.read(BrokenDisk(good: bytes), file: 0, listing: listing)
        }
        #expect(throws: SourceError<Never>.self) {
            try GGUFHeaderReader.read(MemoryReader([Array(bytes[..<100])]), file: 0, listing: listing)
        }
    }
}
