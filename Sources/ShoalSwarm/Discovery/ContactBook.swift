import ShoalCore

/// Connections to nodes that we know by name: those that we seek through neighbours, and those that seek us.
///
/// Offers of ours for one node are kept here and not in the ``OfferBook``: they are made for that node, no other's answer
/// counts, and nobody else is offered them later.
struct ContactBook: Sendable {
    /// 256 nodes whose failures are remembered; the one whose time is up first is forgotten.
    static let failureLimit = 256
    /// 128 offers that were answered or refused lately: a recording of one is not answered again.
    static let seenLimit = 128

    /// A node that we made an offer for.
    struct Contact: Sendable {
        let node: NodeID
        let swarm: SwarmHandle
        let offerID: OfferID
        /// The neighbour that carries the offer.
        let relay: ConnectionID
    }

    private struct Failure: Sendable {
        var count: Int
        var until: Instant
    }

    /// From our offer until the node has proved who it is.
    private(set) var outgoing = SortedMap<ConnectionID, Contact>()
    /// Who is to be at the other end, until it has proved it; of offers that we answered.
    private var incoming = SortedMap<ConnectionID, NodeID>()
    private var failures = SortedMap<NodePrefix, Failure>()
    private var seen: [OfferID] = []
    /// When we look for somebody to connect to.
    private(set) var nextRound: Instant?
    var lastReplacement: Instant?

    mutating func scheduleRound(at moment: Instant) { self.nextRound = min(self.nextRound ?? moment, moment) }

    /// Whether a round is due, which it is then no longer.
    mutating func takeRound(at now: Instant) -> Bool {
        guard let moment = self.nextRound, now >= moment else { return false }
        self.nextRound = nil
        return true
    }

    /// Who is to be at the other end of a connection; nil when anybody may be.
    func expected(on connection: ConnectionID) -> NodeID? {
        self.outgoing[connection]?.node ?? self.incoming[connection]
    }

    func isSought(_ node: NodeID) -> Bool { self.outgoing.values.contains { $0.node == node } }

    func isAnswered(_ node: NodeID) -> Bool { self.incoming.values.contains(node) }

    mutating func seek(_ contact: Contact, on connection: ConnectionID) { self.outgoing[connection] = contact }

    mutating func answer(_ node: NodeID, on connection: ConnectionID) { self.incoming[connection] = node }

    /// The connection that an answer of `node` to the offer `id` is for.
    func connection(for id: OfferID, answeredBy node: NodeID) -> ConnectionID? {
        self.outgoing.first { $0.value.offerID == id && $0.value.node == node }?.key
    }

    /// Enters an offer. False when it was entered before.
    mutating func isFirst(_ id: OfferID) -> Bool {
        guard !self.seen.contains(id) else { return false }
        if self.seen.count == Self.seenLimit { self.seen.removeFirst() }
        self.seen.append(id)
        return true
    }

    // MARK: Success and failure

    func mayTry(_ node: NodePrefix, at now: Instant) -> Bool { self.failures[node].map { now >= $0.until } ?? true }

    /// The node is who it was expected to be.
    mutating func proved(_ connection: ConnectionID) {
        if let contact = self.outgoing.removeValue(forKey: connection) {
            self.failures.removeValue(forKey: contact.node.prefix)
        }
        self.incoming.removeValue(forKey: connection)
    }

    /// The connection has ended. If it never came to the node that we sought, that node is left alone for a while.
    mutating func closed(
        _ connection: ConnectionID,
        backoff: ClosedRange<Duration>,
        at now: Instant,
        using generator: inout SeededGenerator
    ) {
        self.incoming.removeValue(forKey: connection)
        guard let contact = self.outgoing.removeValue(forKey: connection) else { return }
        let prefix = contact.node.prefix
        if self.failures[prefix] == nil, self.failures.count >= Self.failureLimit {
            let oldest = self.failures.min { ($0.value.until, $0.key) < ($1.value.until, $1.key) }
            if let oldest { self.failures.removeValue(forKey: oldest.key) }
        }
        let count = (self.failures[prefix]?.count ?? 0) + 1
        let delay = min(backoff.lowerBound * (1 << min(count - 1, 16)), backoff.upperBound)
        let jitter = Int64.random(in: 0...delay.wholeNanoseconds / 2, using: &generator)
        self.failures[prefix] = Failure(count: count, until: now + delay + .nanoseconds(jitter))
    }
}
