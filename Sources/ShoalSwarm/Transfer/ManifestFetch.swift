import ShoalCore
import ShoalWire

/// The manifest on its way: from one peer at a time, four parts outstanding, checked when it is whole.
struct ManifestFetch: Sendable {
    /// 4 parts of 16 KiB: enough for a full channel, little enough to drop.
    static let outstandingLimit = 4

    /// 5 s without a part: another peer is asked.
    static let patience = Duration.seconds(5)

    let source: ConnectionID
    private(set) var bytes: [UInt8] = []
    private(set) var total: Int?
    private var nextOffset = 0
    private(set) var outstanding = 0
    private(set) var lastPart: Instant
    /// All bytes are there and are being checked.
    private(set) var isBeingChecked = false

    init(source: ConnectionID, at now: Instant) {
        self.source = source
        self.lastPart = now
    }

    /// Offsets to ask for now. The first answer tells the size, so it is waited for.
    mutating func nextOffsets() -> [UInt32] {
        var offsets: [UInt32] = []
        let limit = self.total == nil ? 1 : Self.outstandingLimit
        while self.outstanding < limit, self.nextOffset < self.total ?? 1 {
            offsets.append(UInt32(self.nextOffset))
            self.nextOffset += WireLimits.manifestPart
            self.outstanding += 1
        }
        return offsets
    }

    /// Patience starts anew.
    mutating func waitLonger(at now: Instant) { self.lastPart = now }

    enum Progress: Hashable, Sendable {
        case more
        case whole([UInt8])
        /// The part does not continue what came before; the peer is at fault.
        case nonsense
    }

    /// Takes a part. They come in the order in which they were asked for: the channel is ordered.
    mutating func received(offset: UInt32, total: UInt32, bytes: [UInt8], at now: Instant) -> Progress {
        guard self.outstanding > 0, Int(offset) == self.bytes.count, self.total ?? Int(total) == Int(total) else {
            return .nonsense
        }
        guard bytes.count == min(WireLimits.manifestPart, Int(total) - Int(offset)) else { return .nonsense }
        self.total = Int(total)
        self.bytes += bytes
        self.outstanding -= 1
        self.lastPart = now
        guard self.bytes.count == Int(total) else { return .more }
        self.isBeingChecked = true
        return .whole(self.bytes)
    }
}
