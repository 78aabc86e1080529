import ShoalCore

/// Offers that we carried from one neighbour to another, so that each one's answer can return: one, and only from the
/// node that the offer was for to the node that made it.
struct RelayBook: Sendable {
    /// 256 offers; the oldest is forgotten.
    static let limit = 256
    /// 30 s: who has not answered by then will not be waited for.
    static let patience = Duration.seconds(30)

    private struct Relayed: Sendable {
        let id: OfferID
        let from: NodeID
        let to: NodeID
        let carriedAt: Instant
    }

    private var offers: [Relayed] = []

    /// Enters an offer. False when the same one was carried already.
    mutating func carry(_ id: OfferID, from: NodeID, to: NodeID, at now: Instant) -> Bool {
        self.offers.removeAll { now - $0.carriedAt >= Self.patience }
        guard !self.offers.contains(where: { $0.id == id && $0.from == from }) else { return false }
        if self.offers.count == Self.limit { self.offers.removeFirst() }
        self.offers.append(Relayed(id: id, from: from, to: to, carriedAt: now))
        return true
    }

    /// Whether an answer may go back; then no other may.
    mutating func takeAnswer(_ id: OfferID, from responder: NodeID, to initiator: NodeID, at now: Instant) -> Bool {
        let position = self.offers.firstIndex {
            $0.id == id && $0.from == initiator && $0.to == responder && now - $0.carriedAt < Self.patience
        }
        guard let position else { return false }
        self.offers.remove(at: position)
        return true
    }
}
