import ShoalCore
import ShoalWire
import TestVectors
import Testing

@Suite struct FrameHeaderTests {
    @Test(arguments: WireVectors.all.frames.indices)
    func `a header is written and read as its vector says`(index: Int) throws {
        let vector = WireVectors.all.frames[index]
        let header = FrameHeader(
            handle: vector.frame.handle,
            request: vector.frame.request,
            chunk: ChunkIndex(vector.frame.chunk),
            offset: vector.frame.offset
        )
        #expect(header.encoded() == Array(vector.bytes.prefix(WireLimits.frameHeader)), "\(vector.name)")
        #expect(try FrameHeader(decoding: vector.bytes.span.bytes) == header, "\(vector.name)")
        #expect(vector.bytes.count - WireLimits.frameHeader == vector.frame.payload, "\(vector.name)")
    }

    @Test(arguments: WireVectors.all.ignoredFrames.indices)
    func `a frame of a later kind is ignored`(index: Int) throws {
        let vector = WireVectors.all.ignoredFrames[index]
        #expect(try FrameHeader(decoding: [UInt8](hex: vector.hex).span.bytes) == nil, "\(vector.name)")
    }

    @Test(arguments: WireVectors.all.refusedFrames.indices)
    func `a malformed frame is refused for its fault`(index: Int) {
        let vector = WireVectors.all.refusedFrames[index]
        let error = #expect(throws: WireError.self, "\(vector.name)") {
            try FrameHeader(decoding: vector.bytes.span.bytes)
        }
        if let error { #expect(vector.names(error), "\(vector.name): \(error)") }
    }

    @Test(arguments: 1...WireLimits.frameHeader)
    func `a frame without its whole header or a payload is refused`(count: Int) {
        let header = FrameHeader(handle: 1, request: 1, chunk: ChunkIndex(0), offset: 0).encoded()
        #expect(throws: WireError.self) { try FrameHeader(decoding: Array(header.prefix(count)).span.bytes) }
    }

    @Test(arguments: [
        (1, 1), (32_767, 1), (32_768, 1), (32_769, 2), (98_304, 3), (98_305, 4), (131_072, 4),
    ])
    func `a chunk is cut into frames of 32 KiB, the last one what remains`(byteCount: Int, frames: Int) {
        #expect(FrameHeader.count(forChunkOf: byteCount) == frames)
    }
}
