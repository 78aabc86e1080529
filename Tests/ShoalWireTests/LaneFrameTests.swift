import ShoalCore
import ShoalWire
import Testing

/// What travels over direct lanes, to the byte.
@Suite struct LaneFrameTests {
    private static let header = FrameHeader(handle: 2, request: 3, chunk: ChunkIndex(4), offset: 32_768)
    private static let token = Nonce(bytes: Array(0..<32))!

    static let frames: [(LaneFrame, [UInt8])] = [
        (
            .chunk(Self.header, payload: 98_304),
            [0, 1, 0x80, 16] + [1, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0x80, 0]
        ),
        (.greeting(token: Self.token), [0, 0, 0, 33, 2] + Array(0..<32)),
        (.ready, [0, 0, 0, 1, 3]),
        (.received(frames: 258), [0, 0, 0, 9, 4, 0, 0, 0, 0, 0, 0, 1, 2]),
    ]

    @Test(arguments: Self.frames) func `frames are written and read`(frame: LaneFrame, bytes: [UInt8]) throws {
        #expect(frame.encoded() == bytes)
        #expect(try LaneFrame.needed(start: bytes.span.bytes) == bytes.count)
        #expect(try LaneFrame(decoding: bytes.span.bytes) == frame)
    }

    @Test(
        arguments: [
            ("kind", [0, 0, 0, 1, 0]), ("kind", [0, 0, 0, 1, 5]), ("length", [0, 0, 0, 16, 1]),
            ("length", [0, 2, 0, 17, 1]),
            ("length", [255, 255, 255, 255, 1]), ("length", [0, 0, 0, 32, 2]), ("length", [0, 0, 0, 0, 3]),
            ("length", [0, 0, 0, 10, 4]),
        ] as [(String, [UInt8])]
    )
    func `a frame that begins like none is refused before more of it is taken`(field: String, start: [UInt8]) {
        #expect(throws: WireError.invalid(field: field)) { try LaneFrame.needed(start: start.span.bytes) }
    }

    @Test(
        arguments: [
            ("flags", [1, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0]),
            ("handle", [1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 0]),
            ("chunk", [1, 0, 0, 2, 0, 0, 0, 3, 0, 0, 2, 0, 0, 0, 0, 0]),
            ("offset", [1, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 1]),
            // More than is left of the chunk.
            ("length", [1, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0x80, 0]),
        ] as [(String, [UInt8])]
    )
    func `a chunk's header is held to what it is on the bulk channel`(field: String, header: [UInt8]) {
        #expect(throws: WireError.invalid(field: field)) {
            try LaneFrame(decoding: ([0, 2, 0, 16] + header).span.bytes)
        }
    }
}
