import ShoalCore
import ShoalSwarm
import ShoalWire
import TestVectors
import Testing

/// What goes into a recording comes out again, and nothing else is taken for one.
struct RecordingTests {
    private let start = RecordingStart(
        configuration: MeshConfiguration(),
        session: .max,
        trackers: 3,
        seed: 0xFFFF_FFFF_FFFF_FFFE,
        at: Instant(nanoseconds: 1_000_000_000_000),
        publicKey: FakeAuthenticator(number: 1).publicKey
    )

    /// The messages of `Tests/Vectors/wire.json`.
    private struct Messages: Decodable {
        struct Message: Decodable {
            let hex: String
            let fill: Fill?

            var bytes: [UInt8] {
                [UInt8](hex: self.hex)
                    + repeatElement([UInt8](hex: self.fill?.hex ?? ""), count: self.fill?.count ?? 0)
                    .joined()
            }
        }
        struct Fill: Decodable {
            let hex: String
            let count: Int
        }

        let messages: [Message]
    }

    private func readBack(_ entries: [RecordingEntry]) throws -> [RecordingEntry] {
        var reader = try RecordingReader(try Self.file(entries))
        var all: [RecordingEntry] = []
        while let entry = try reader.next() { all.append(entry) }
        return all
    }

    static func file(_ entries: [RecordingEntry]) throws -> [UInt8] {
        try RecordingFile.magic + entries.flatMap { try RecordingFile.record($0) }
    }

    private func batch(_ inputs: [MeshInput]) -> RecordingEntry {
        .batch(RecordedBatch(at: Instant(nanoseconds: 5), inputs: inputs, effects: 1, digest: MachineDriver.secret))
    }

    @Test(arguments: RecordingSamples.inputs)
    func `every input comes back as it was`(_ input: MeshInput) throws {
        #expect(try self.readBack([self.batch([input])]) == [self.batch([input])])
    }

    @Test
    func `whatever a tracker or a broken message says comes back as it was`() throws {
        let inputs =
            RecordingSamples.responses.map { MeshInput.trackerReceived(TrackerIndex(0), $0) }
            + RecordingSamples.wireErrors.map { MeshInput.malformed(ConnectionID(1), $0) }
        #expect(try self.readBack([self.batch(inputs)]) == [self.batch(inputs)])
    }

    @Test
    func `every control message comes back as it was, unknown ones too`() throws {
        let vectors: Messages = TestVectors.load("wire")
        var inputs = try vectors.messages.map { vector in
            MeshInput.received(ConnectionID(1), try ControlMessage(decoding: vector.bytes.span.bytes))
        }
        inputs.append(.received(ConnectionID(1), ControlMessage(handle: 256, .unknown(type: 0xEE))))
        #expect(try self.readBack([self.batch(inputs)]) == [self.batch(inputs)])
    }

    @Test
    func `start, answers and ends come back as they were`() throws {
        var limited = self.start
        limited.configuration.limits.upload.total = 1_000_000
        let key = self.start.publicKey
        let answers: [RecordedAnswer] = [
            RecordedAnswer(nodeID: FakeAuthenticator(number: 1).nodeID(of: key), of: key),
            RecordedAnswer(signature: [1, 2], of: [3]),
            RecordedAnswer(isValid: true, [1], of: [2], by: key),
            RecordedAnswer(code: MachineDriver.secret, of: [], key: MachineDriver.secret),
        ]
        let entries: [RecordingEntry] = [
            .start(self.start), .start(limited), .answers(answers), .end(.stopped), .end(.full), .end(.tooSlow),
        ]
        #expect(try self.readBack(entries) == entries)
    }

    @Test
    func `a flipped bit anywhere is an error that names a place before it`() throws {
        let file = try Self.file([.start(self.start), self.batch([.deadline]), .end(.stopped)])
        for position in file.indices {
            var damaged = file
            damaged[position] ^= 1 << UInt8(position % 8)
            let error = #expect(throws: RecordingError.self) {
                var reader = try RecordingReader(damaged)
                while try reader.next() != nil {}
            }
            #expect(error.map { $0.offset <= position } == true, "byte \(position)")
        }
    }

    @Test
    func `a file that ends early gives what is whole`() throws {
        let entries = [.start(self.start), self.batch([.deadline]), RecordingEntry.end(.stopped)]
        let file = try Self.file(entries)
        let boundaries = try entries.indices.map { try Self.file(Array(entries[...$0])).count }
        for count in RecordingFile.magic.count..<file.count {
            var reader = try RecordingReader(Array(file[..<count]))
            var found = 0
            while try reader.next() != nil { found += 1 }
            #expect(found == boundaries.count { $0 <= count })
        }
    }

    @Test
    func `a file of another kind or version is refused`() {
        for bytes in [[], Array("shoal recording 2\n".utf8), Array("GGUF".utf8)] {
            #expect(throws: RecordingError.self) { try RecordingReader(bytes) }
        }
    }

    @Test(arguments: 0..<16)
    func `rubbish in a whole record never traps`(_ seed: UInt64) throws {
        let body = try Self.file([self.batch(RecordingSamples.inputs)])
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<25 {
            var bytes = Array(body[(RecordingFile.magic.count + 8)..<(body.count - 8)])
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            // Either is right: a value that is another one, or an error within the bytes.
            do throws(RecordingError) {
                _ = try RecordingEntry(decoding: bytes)
            } catch {
                #expect((0...bytes.count).contains(error.offset))
            }
        }
    }

    @Test
    func `lengths, counts, handles and numbers that cannot be are refused`() {
        let end = [3] + Array("end".utf8)
        let batch = [5] + Array("batch".utf8)
        for bytes: [UInt8] in [
            [], [3], end, end + [7] + Array("stopped".utf8) + [0],
            // A text of 2⁶³ bytes; a number of eleven digits; a number with a digit too many.
            [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
            batch + [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02],
            batch + [0x80, 0x00],
            // 4 billion inputs.
            batch + [1, 0xFF, 0xFF, 0xFF, 0xFF],
            // A case that nobody knows.
            [4] + Array("more".utf8),
        ] {
            #expect(throws: RecordingError.self, "\(bytes)") { try RecordingEntry(decoding: bytes) }
        }
    }
}
