import NIOCore
import ShoalCore
import ShoalWire

/// Room for one chunk on its way up; made once, lent again and again.
///
/// Sendable, because it has one user at a time: its owner fills it before ``RTCTransport/sendChunk(_:_:token:)``, and
/// leaves it alone until ``RTCTransportDelegate/chunkSent(_:token:)`` or
/// ``RTCTransportDelegate/closed(_:reason:)`` gives it back; in between only the WebRTC thread reads it. The mailbox's
/// lock orders the two.
package final class UploadBuffer: @unchecked Sendable {
    /// ``ShoalCore/Cutting/chunkSize`` bytes.
    package let bytes: UnsafeMutableRawBufferPointer

    package init() {
        self.bytes = .allocate(byteCount: Cutting.chunkSize, alignment: MemoryLayout<UInt64>.alignment)
    }

    deinit { self.bytes.deallocate() }
}

/// A chunk, or its last part, cut into frames. Its payload lies in one piece; the library joins each part with its
/// header in the copy that it makes anyway.
package struct OutgoingChunk: Sendable {
    private let headers: [UInt8]
    private let payload: UploadBuffer
    /// In bytes.
    package let size: Int

    /// `headers` are the frames' headers one after the other, `payload` starts with the `size` bytes to be sent.
    package init(headers: [UInt8], payload: UploadBuffer, size: Int) {
        precondition(size > 0 && size <= Cutting.chunkSize, "a chunk cannot have \(size) bytes")
        self.headers = headers
        self.payload = payload
        self.size = size
        precondition(
            headers.count == self.frameCount * WireLimits.frameHeader,
            "\(headers.count) bytes of headers for \(self.frameCount) frames"
        )
    }

    var frameCount: Int { (self.size + WireLimits.framePayload - 1) / WireLimits.framePayload }

    /// Bytes of a frame, its header included.
    func frameSize(_ index: Int) -> Int {
        WireLimits.frameHeader + min(WireLimits.framePayload, self.size - index * WireLimits.framePayload)
    }

    /// Lends a frame's header and payload.
    func withFrame<Result>(
        _ index: Int,
        _ body: (_ header: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) -> Result
    ) -> Result {
        self.headers.withUnsafeBytes { headers in
            let start = index * WireLimits.framePayload
            let end = min(start + WireLimits.framePayload, self.size)
            let header = headers[index * WireLimits.frameHeader..<(index + 1) * WireLimits.frameHeader]
            return body(
                UnsafeRawBufferPointer(rebasing: header),
                UnsafeRawBufferPointer(rebasing: self.payload.bytes[start..<end])
            )
        }
    }

    /// A copy of it as one frame of a direct lane: the first header says where it begins.
    func laneFrame(_ allocator: ByteBufferAllocator) -> ByteBuffer {
        let length = WireLimits.frameHeader + self.size
        var buffer = allocator.buffer(capacity: LaneFrame.prefix + length)
        buffer.writeInteger(UInt32(length))
        buffer.writeBytes(self.headers.prefix(WireLimits.frameHeader))
        buffer.writeBytes(UnsafeRawBufferPointer(rebasing: self.payload.bytes[..<self.size]))
        return buffer
    }
}
