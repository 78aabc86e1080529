import ShoalCore
import ShoalWire
import Testing

/// Each bound of ``WireLimits``: what lies below it and at it is read, what lies above it is not.
@Suite struct WireBoundsTests {
    /// A bound, and the bytes of a message that has so much of it.
    struct Bound: Sendable, CustomStringConvertible {
        let description: String
        let lowest: Int
        let highest: Int
        let bytes: @Sendable (Int) -> [UInt8]
    }

    static let bounds: [Bound] = Self.plainBounds + Self.gossipBounds

    private static let plainBounds: [Bound] = [
        Bound(description: "bits of a bitfield", lowest: 1, highest: WireLimits.bitfieldBits) { count in
            [0x10, 0, 1] + Self.word(count) + [UInt8](repeating: 0, count: (count + 7) / 8)
        },
        Bound(description: "shards in have", lowest: 1, highest: WireLimits.shardsInNotice) { count in
            [0x11, 0, 1] + [UInt8](repeating: 0, count: 4 * count)
        },
        Bound(description: "shards in gone", lowest: 1, highest: WireLimits.shardsInNotice) { count in
            [0x12, 0, 1] + [UInt8](repeating: 0, count: 4 * count)
        },
        Bound(description: "bits of partial", lowest: 1, highest: WireLimits.chunksOfShard) { count in
            [0x13, 0, 1] + Self.word(0) + Self.word(count) + [UInt8](repeating: 0, count: (count + 7) / 8)
        },
        Bound(description: "bytes of a manifest part", lowest: 1, highest: WireLimits.manifestPart) { count in
            [0x21, 0, 1] + Self.word(0) + Self.word(1 << 20) + [UInt8](repeating: 0, count: count)
        },
        Bound(description: "bytes of a manifest", lowest: 5, highest: WireLimits.manifest) { count in
            [0x21, 0, 1] + Self.word(0) + Self.word(count) + [UInt8](repeating: 0, count: 5)
        },
        Bound(description: "digests", lowest: 0, highest: WireLimits.chunksOfShard) { count in
            [0x23, 0, 1] + Self.word(0) + [UInt8](repeating: 0, count: 32 * count)
        },
        Bound(description: "chunks of a request", lowest: 1, highest: WireLimits.chunksOfShard) { count in
            [0x30, 0, 1] + Self.word(1) + Self.word(0) + Self.word(0) + Self.word(count).suffix(2) + [3] + Self.word(0)
        },
        Bound(description: "first chunk of a request", lowest: 0, highest: WireLimits.chunksOfShard - 1) { first in
            [0x30, 0, 1] + Self.word(1) + Self.word(0) + Self.word(first) + [0, 1, 3] + Self.word(0)
        },
        Bound(description: "handles", lowest: 1, highest: Int(WireLimits.handles.upperBound)) { handle in
            [0x31] + Self.word(handle).suffix(2) + Self.word(1)
        },
        Bound(description: "priorities", lowest: 0, highest: Priority.allCases.count - 1) { priority in
            [0x30, 0, 1] + Self.word(1) + Self.word(0) + Self.word(0) + [0, 1, UInt8(priority)] + Self.word(0)
        },
        Bound(description: "reasons", lowest: 1, highest: 6) { reason in
            [0x32, 0, 1] + Self.word(1) + [UInt8(reason)] + Self.word(0) + Self.word(0)
        },
        Bound(description: "bytes of an agent", lowest: 0, highest: WireLimits.agent) { count in
            [0x01, 0, 0, 0, 1] + [UInt8](repeating: 0, count: 76) + [0, 1, 0, 1]
                + [UInt8](repeating: 0x61, count: count)
        },
        Bound(description: "bytes of a message", lowest: 3, highest: WireLimits.controlMessage) { count in
            [0xFF] + [UInt8](repeating: 0, count: count - 1)
        },
    ]

    private static let gossipBounds: [Bound] = [
        Bound(description: "shards set in a delta", lowest: 0, highest: WireLimits.shardsInNotice) { count in
            let counts: [UInt8] = Self.word(count).suffix(2) + [0, 0]
            return Self.gossip(2, Self.stamp, Self.word(0), Self.word(1), counts, Self.words(count))
        },
        Bound(description: "shards cleared in a delta", lowest: 0, highest: WireLimits.shardsInNotice) { count in
            let counts: [UInt8] = [0, 0] + Self.word(count).suffix(2)
            return Self.gossip(2, Self.stamp, Self.word(0), Self.word(1), counts, Self.words(count))
        },
        Bound(description: "bits of an inventory", lowest: 1, highest: WireLimits.bitfieldBits) { count in
            Self.gossip(1, Self.stamp, Self.word(count), [UInt8](repeating: 0, count: (count + 7) / 8))
        },
        Bound(description: "nodes in a digest", lowest: 0, highest: WireLimits.digestItems) { count in
            let range = [UInt8](repeating: 0, count: 8) + [UInt8](repeating: 0xFF, count: 8)
            let items = (0..<count).map { [Self.word(0), Self.word($0), Self.word(0), Self.word(1), [0]].joined() }
            return Self.gossip(3, range, Array(items.joined()))
        },
        Bound(description: "nodes in wants", lowest: 1, highest: WireLimits.wants) { count in
            let items = (0..<count).map { [Self.word(0), Self.word($0), Self.word(0), Self.word(0)].joined() }
            return Self.gossip(4, Array(items.joined()))
        },
        Bound(description: "bytes of an SDP", lowest: 1, highest: WireLimits.signalText) { count in
            Self.signal(hops: 1, [UInt8](repeating: 0x61, count: count))
        },
        Bound(description: "hops of a signal", lowest: 0, highest: Int(WireLimits.signalHops)) { hops in
            Self.signal(hops: UInt8(hops), [0x61])
        },
    ]

    @Test(arguments: Self.bounds)
    func `what is within a bound is read, what is beyond it is not`(bound: Bound) {
        for value in [bound.lowest, bound.highest - 1, bound.highest] {
            #expect(throws: Never.self, "\(value) \(bound)") {
                try ControlMessage(decoding: bound.bytes(value).span.bytes)
            }
        }
        for value in [bound.lowest - 1, bound.highest + 1] where value >= 0 {
            #expect(throws: WireError.self, "\(value) \(bound)") {
                try ControlMessage(decoding: bound.bytes(value).span.bytes)
            }
        }
    }

    /// Flags, key, sequence 2, a time to live of 1 ms, age 0, signature.
    private static let stamp: [UInt8] = {
        let numbers = [Self.word(0), Self.word(2), Self.word(1), Self.word(0)].joined()
        return [UInt8](repeating: 0, count: 33) + numbers + [UInt8](repeating: 0, count: 64)
    }()

    private static func gossip(_ kind: UInt8, _ fields: [UInt8]...) -> [UInt8] {
        [0x50, 0, 1, kind] + fields.joined()
    }

    /// An offer whose other fields are zero.
    private static func signal(hops: UInt8, _ sdp: [UInt8]) -> [UInt8] {
        [0x51, 0, 1, 1, hops] + [UInt8](repeating: 0, count: 156) + sdp
    }

    /// 0, 1, 2 and so on.
    private static func words(_ count: Int) -> [UInt8] { (0..<count).flatMap { Self.word($0) } }

    /// A u32, big-endian.
    private static func word(_ value: Int) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
    }
}
