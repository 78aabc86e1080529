import ShoalCore

/// Our SDP offers that nobody has answered yet. An offer costs a connection, so it is offered again until it is taken or
/// stale; at one place at a time, because only one of those who answer it can be connected, and the others wait in vain.
struct OfferBook: Sendable {
    /// 25 s without an answer: whoever was offered it has gathered its candidates by then, or does not want to.
    static let answerTime = Duration.seconds(25)

    /// A swarm at a tracker.
    struct Place: Hashable, Sendable {
        let tracker: TrackerIndex
        let swarm: SwarmHandle
    }

    struct Offer: Sendable {
        let id: OfferID
        let madeAt: Instant
        /// Nil while candidates are being gathered.
        var sdp: String?
        /// Where it was offered last, and when.
        var place: Place?
        var offeredAt: Instant?

        func mayBeOffered(at place: Place, _ now: Instant) -> Bool {
            guard let offeredAt, self.place != place else { return true }
            return now - offeredAt >= OfferBook.answerTime
        }
    }

    private var offers = SortedMap<ConnectionID, Offer>()

    var count: Int { self.offers.count }

    /// How many offers are still being gathered.
    var gathering: Int { self.offers.values.count { $0.sdp == nil } }

    mutating func begin(_ connection: ConnectionID, id: OfferID, at now: Instant) {
        self.offers[connection] = Offer(id: id, madeAt: now)
    }

    /// The offer's text is ready. False when the connection is none of ours.
    mutating func described(_ connection: ConnectionID, sdp: String) -> Bool {
        self.offers.update(connection) { $0.sdp = sdp } != nil
    }

    /// Up to `limit` offers for this place: those that were offered there before, and those that nobody else has.
    mutating func take(_ limit: Int, for place: Place, at now: Instant) -> [TrackerOffer] {
        var chosen: [TrackerOffer] = []
        self.offers.updateAll { _, offer in
            guard chosen.count < limit, let sdp = offer.sdp, offer.mayBeOffered(at: place, now) else { return }
            offer.place = place
            offer.offeredAt = now
            chosen.append(TrackerOffer(offerID: offer.id, sdp: sdp))
        }
        return chosen
    }

    /// Nobody was offered what was taken for this place: it may go elsewhere at once.
    mutating func release(_ place: Place) {
        self.offers.updateAll { _, offer in
            guard offer.place == place else { return }
            offer.place = nil
            offer.offeredAt = nil
        }
    }

    /// Removes and returns the offers that were made to this swarm last: whoever answers one shares no other with us.
    mutating func takeAll(of swarm: SwarmHandle) -> [ConnectionID] {
        let offered = self.offers.filter { $0.value.place?.swarm == swarm }.map(\.key)
        for connection in offered { self.offers.removeValue(forKey: connection) }
        return offered
    }

    /// Offers that may be answered at some place of this swarm.
    func waiting(for swarm: SwarmHandle, at now: Instant) -> Int {
        self.offers.values.count { offer in
            guard let offeredAt = offer.offeredAt, offer.place?.swarm == swarm else { return false }
            return now - offeredAt < Self.answerTime
        }
    }

    /// Whether an answer that names this offer connects.
    func mayBeAnswered(_ id: OfferID) -> Bool { self.offers.values.contains { $0.id == id && $0.sdp != nil } }

    /// Takes the offer that an answer names: an offer connects once.
    mutating func take(_ id: OfferID) -> ConnectionID? {
        guard let connection = self.offers.first(where: { $0.value.id == id && $0.value.sdp != nil })?.key else {
            return nil
        }
        self.offers.removeValue(forKey: connection)
        return connection
    }

    mutating func remove(_ connection: ConnectionID) { self.offers.removeValue(forKey: connection) }

    /// Removes and returns the offers made at or before `limit`.
    mutating func takeStale(madeBefore limit: Instant) -> [ConnectionID] {
        let stale = self.offers.filter { $0.value.madeAt <= limit }.map(\.key)
        for connection in stale { self.offers.removeValue(forKey: connection) }
        return stale
    }

    var oldest: Instant? { self.offers.values.map(\.madeAt).min() }
}
