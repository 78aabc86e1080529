import ShoalCore

/// Peers that found no upload slot free and are expected back, in the order in which they first came.
///
/// One place for each connection at most, so as many as there are connections.
struct UploadLine: Sendable {
    /// 1.5 s: who was told to come back after one and did not has found what it wanted elsewhere, and keeps nobody waiting.
    static let patience = Duration.milliseconds(1_500)

    /// 5 s: who has waited for so long goes before all that came later; until then whoever asks first gets what is
    /// free, so that a slot is not kept for somebody who has found everything elsewhere.
    static let priorityAge = Duration.seconds(5)

    private struct Place {
        let number: UInt64
        /// It has just had a slot: all that wait go first, however short a time.
        let passesOn: Bool
        let since: Instant
        var askedAt: Instant
    }

    private var places = SortedMap<ConnectionID, Place>()
    private var nextNumber: UInt64 = 0

    var count: Int { self.places.count }

    /// How many go before this peer: those that came before it and have waited for long, or longer than it if it has just
    /// had its turn.
    func ahead(of connection: ConnectionID, at now: Instant) -> Int {
        let own = self.places[connection]
        let number = own?.number ?? self.nextNumber
        return self.places.count {
            $0.value.number < number && (own?.passesOn == true || now - $0.value.since >= Self.priorityAge)
        }
    }

    /// The peer asks; it keeps its place if it has one, else it gets the last.
    mutating func wait(_ connection: ConnectionID, passesOn: Bool = false, at now: Instant) {
        guard self.places.update(connection, { $0.askedAt = now }) == nil else { return }
        self.places[connection] = Place(number: self.nextNumber, passesOn: passesOn, since: now, askedAt: now)
        self.nextNumber += 1
    }

    mutating func leave(_ connection: ConnectionID) { self.places.removeValue(forKey: connection) }

    /// Forgets those that did not come back.
    mutating func expire(at now: Instant) {
        for (connection, place) in self.places where now - place.askedAt >= Self.patience { self.leave(connection) }
    }
}
