import ShoalCore
import ShoalSwarm

/// Which offers were handed to whom: an answer counts only from somebody who got the offer, and only the first one.
///
/// Without it anybody could send anything to anybody whose peer ID it has seen.
struct RelayedOffers: Sendable {
    /// An offer: its ID is chosen by who made it, and means nothing elsewhere.
    struct Key: Hashable, Sendable {
        let infoHash: InfoHash
        let from: PeerID
        let offerID: OfferID
    }

    private struct Entry: Sendable {
        var receivers: [PeerID]
        var lastHandedOn: Instant
    }

    /// 8: receivers of one offer that may answer, the last ones. Nodes announce an offer again until it is answered.
    private static let maximumReceivers = 8

    private let capacity: Int
    private let lifetime: Duration
    private var entries: [Key: Entry] = [:]
    /// What was handed on when, oldest first; what lies before `first` is gone.
    private var log: [(key: Key, at: Instant)] = []
    private var first = 0

    init(capacity: Int, lifetime: Duration) {
        self.capacity = capacity
        self.lifetime = lifetime
    }

    var count: Int { self.entries.count }

    mutating func handedOn(_ key: Key, to receiver: PeerID, at now: Instant) {
        self.forgetOld(at: now)
        while self.log.count - self.first >= self.capacity { self.forgetFirst() }
        self.log.append((key, now))
        var entry = self.entries[key] ?? Entry(receivers: [], lastHandedOn: now)
        if !entry.receivers.contains(receiver) { entry.receivers.append(receiver) }
        if entry.receivers.count > Self.maximumReceivers { entry.receivers.removeFirst() }
        entry.lastHandedOn = now
        self.entries[key] = entry
    }

    /// Whether `receiver` may answer; then nobody may any more.
    mutating func take(_ key: Key, by receiver: PeerID, at now: Instant) -> Bool {
        self.forgetOld(at: now)
        guard self.entries[key]?.receivers.contains(receiver) == true else { return false }
        self.entries[key] = nil
        return true
    }

    mutating func forgetOld(at now: Instant) {
        while self.first < self.log.count, now - self.log[self.first].at >= self.lifetime { self.forgetFirst() }
    }

    private mutating func forgetFirst() {
        let (key, at) = self.log[self.first]
        self.first += 1
        // Else it was handed on again since, and stands in the log a second time.
        if let entry = self.entries[key], entry.lastHandedOn <= at { self.entries[key] = nil }
        if self.first > self.log.count / 2 {
            self.log.removeFirst(self.first)
            self.first = 0
        }
    }
}
