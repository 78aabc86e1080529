package import ShoalCore

/// What travels over a direct lane: the bytes that follow as a u32, then a kind and its fields.
///
/// A chunk's frame is one of `bulk` whose payload goes on to the end of the chunk; it counts as the frames that it stands
/// for. The others are few bytes, of the lane itself.
package enum LaneFrame: Hashable, Sendable {
    /// The payload follows, so many bytes of it.
    case chunk(FrameHeader, payload: Int)
    /// Who dials says so, before anything else.
    case greeting(token: Nonce)
    /// The greeting was right: the lane may be used.
    case ready
    /// So many chunks' frames have come whole since the beginning.
    case received(frames: UInt64)

    private enum Kind: UInt8 {
        case chunk = 1
        case greeting = 2
        case ready = 3
        case received = 4
    }

    /// Of the length.
    package static let prefix = 4

    /// What is to be there before a frame can be read: of a chunk its header, of the others all.
    ///
    /// - Parameter start: what begins with the length and the kind, five bytes.
    /// - Returns: a number of bytes, those of `start` among them.
    package static func needed(start: RawSpan) throws(WireError) -> Int {
        var reader = WireReader(start)
        let length = Int(try reader.u32())
        guard let kind = Kind(rawValue: try reader.u8()) else { throw .invalid(field: "kind") }
        let lengths: ClosedRange<Int> =
            switch kind {
            case .chunk: WireLimits.frameHeader + 1...WireLimits.frameHeader + Cutting.chunkSize
            case .greeting: 1 + Nonce.byteCount...1 + Nonce.byteCount
            case .ready: 1...1
            case .received: 9...9
            }
        guard lengths.contains(length) else { throw .invalid(field: "length") }
        return Self.prefix + (kind == .chunk ? WireLimits.frameHeader : length)
    }

    /// Reads as many bytes as ``needed(start:)`` says.
    package init(decoding bytes: RawSpan) throws(WireError) {
        var reader = WireReader(bytes)
        let length = Int(try reader.u32())
        guard let kind = Kind(rawValue: try reader.u8()) else { throw .invalid(field: "kind") }
        switch kind {
        case .chunk:
            let payload = length - WireLimits.frameHeader
            let header = try FrameHeader(fields: bytes.extracting(droppingFirst: Self.prefix))
            guard Int(header.offset) + payload <= Cutting.chunkSize else { throw .invalid(field: "length") }
            self = .chunk(header, payload: payload)
        case .greeting: self = .greeting(token: try reader.fixed())
        case .ready: self = .ready
        case .received: self = .received(frames: try reader.u64())
        }
    }

    /// The frame, a chunk's without its payload.
    package func encoded() -> [UInt8] {
        var body = WireWriter()
        var length = 0
        switch self {
        case .chunk(let header, let payload):
            body.put(header.encoded())
            length = payload
        case .greeting(let token):
            body.put(Kind.greeting.rawValue)
            body.put(token)
        case .ready: body.put(Kind.ready.rawValue)
        case .received(let frames):
            body.put(Kind.received.rawValue)
            body.put(frames)
        }
        var writer = WireWriter()
        writer.put(UInt32(length + body.bytes.count))
        writer.put(body.bytes)
        return writer.bytes
    }
}
