package import ShoalCore

/// The first 16 bytes of every message of the `bulk` channel; up to 32 KiB of a chunk follow.
///
/// Layout, big-endian: kind u8 (1), flags u8 (0), handle u16 (the sender's), request u32, chunk u32, offset u32 (in the
/// chunk, a multiple of 32 KiB).
package struct FrameHeader: Hashable, Sendable {
    /// The only kind of version 1: bytes of a chunk.
    package static let chunkKind: UInt8 = 1

    package var handle: UInt16
    package var request: UInt32
    package var chunk: ChunkIndex
    package var offset: UInt32

    package init(handle: UInt16, request: UInt32, chunk: ChunkIndex, offset: UInt32) {
        self.handle = handle
        self.request = request
        self.chunk = chunk
        self.offset = offset
    }

    /// The header of `frame`, or nil when its kind is of a later version, to be ignored.
    package init?(decoding frame: RawSpan) throws(WireError) {
        let limit = WireLimits.frameHeader + WireLimits.framePayload
        guard frame.byteCount <= limit else { throw .tooLong(frame.byteCount, limit: limit) }
        guard frame.byteCount >= WireLimits.frameHeader else {
            throw .truncated(needed: WireLimits.frameHeader, available: frame.byteCount)
        }
        var reader = WireReader(frame)
        guard try reader.u8() == Self.chunkKind else { return nil }
        guard frame.byteCount > WireLimits.frameHeader else { throw .truncated(needed: 1, available: 0) }
        try self.init(fields: frame)
    }

    /// The header that `bytes` begin with, whose kind is known to be ``chunkKind``.
    init(fields bytes: RawSpan) throws(WireError) {
        var reader = WireReader(bytes)
        _ = try reader.u8()
        let flags = try reader.u8()
        let handle = try reader.u16()
        let request = try reader.u32()
        let chunk = ChunkIndex(try reader.u32())
        let offset = try reader.u32()
        guard flags == 0 else { throw .invalid(field: "flags") }
        guard WireLimits.handles.contains(handle) else { throw .invalid(field: "handle") }
        guard Int(chunk.rawValue) < WireLimits.chunksOfShard else { throw .invalid(field: "chunk") }
        guard Int(offset) < Cutting.chunkSize, Int(offset) % WireLimits.framePayload == 0 else {
            throw .invalid(field: "offset")
        }
        self.init(handle: handle, request: request, chunk: chunk, offset: offset)
    }

    package func encoded() -> [UInt8] {
        var writer = WireWriter()
        writer.put(Self.chunkKind)
        writer.put(UInt8(0))
        writer.put(self.handle)
        writer.put(self.request)
        writer.put(self.chunk.rawValue)
        writer.put(self.offset)
        return writer.bytes
    }

    /// Number of frames that carry `byteCount` bytes of one chunk.
    package static func count(forChunkOf byteCount: Int) -> Int {
        (byteCount + WireLimits.framePayload - 1) / WireLimits.framePayload
    }
}
