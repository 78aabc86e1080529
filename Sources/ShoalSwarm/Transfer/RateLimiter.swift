import ShoalCore

/// Holds the shard bytes of one direction to their limits: a token bucket over all peers and one for each of them.
///
/// A chunk goes whole once nothing is owed, so a bucket of a quarter chunk works as well. After a rest an eighth of a second
/// goes at once, and one chunk on credit. Bounded by the connections.
struct RateLimiter: Sendable {
    /// What was asked for before is not in its account.
    let since: Instant
    private var total: TokenBucket?
    private let ratePerPeer: Int?
    private var peers = SortedMap<ConnectionID, TokenBucket>()

    init(_ rates: TransferLimits.Rates, at now: Instant) {
        self.since = now
        self.total = rates.total.map { Self.bucket(rate: $0, at: now) }
        self.ratePerPeer = rates.perPeer
    }

    private static func bucket(rate: Int, at now: Instant) -> TokenBucket {
        TokenBucket(rate: rate, burst: max(rate / 8, 1), at: now)
    }

    /// Bytes a second over all peers; nil: no limit.
    var rate: Int? { self.total?.rate }

    var isLimited: Bool { self.total != nil || self.ratePerPeer != nil }

    func isOpen(for connection: ConnectionID, at now: Instant) -> Bool { now >= self.opensAt(for: connection) }

    /// When the next chunk of this peer may go; a moment of the past when it may already.
    func opensAt(for connection: ConnectionID) -> Instant {
        max(self.total?.opensAt ?? .zero, self.peers[connection]?.opensAt ?? .zero)
    }

    /// How many chunks may be asked for at once.
    func chunks(for connection: ConnectionID, at now: Instant) -> Int {
        guard self.isLimited else { return .max }
        guard self.isOpen(for: connection, at: now) else { return 0 }
        var bytes = self.total?.level(at: now) ?? .max
        if let rate = self.ratePerPeer {
            bytes = min(bytes, (self.peers[connection] ?? Self.bucket(rate: rate, at: now)).level(at: now))
        }
        return max(1, bytes / Cutting.chunkSize)
    }

    mutating func spend(_ bytes: Int, for connection: ConnectionID, at now: Instant) {
        self.total?.spend(bytes, at: now)
        guard let rate = self.ratePerPeer else { return }
        if self.peers[connection] == nil { self.peers[connection] = Self.bucket(rate: rate, at: now) }
        self.peers.update(connection) { $0.spend(bytes, at: now) }
    }

    /// What was spent did not move.
    mutating func refund(_ bytes: Int, for connection: ConnectionID) {
        self.total?.refund(bytes)
        self.peers.update(connection) { $0.refund(bytes) }
    }

    mutating func remove(_ connection: ConnectionID) { self.peers.removeValue(forKey: connection) }
}
