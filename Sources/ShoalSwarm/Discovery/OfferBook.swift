import ShoalCore

/// Our SDP offers that nobody has answered yet. An offer costs a connection, so it is offered again until it is taken or
/// stale.
struct OfferBook: Sendable {
    struct Offer: Sendable {
        let id: OfferID
        let madeAt: Instant
        /// Nil while candidates are being gathered.
        var sdp: String?
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

    /// Up to `limit` offers that can be sent now.
    func ready(limit: Int) -> [TrackerOffer] {
        self.offers.values.compactMap { offer in offer.sdp.map { TrackerOffer(offerID: offer.id, sdp: $0) } }
            .prefix(limit).map { $0 }
    }

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
