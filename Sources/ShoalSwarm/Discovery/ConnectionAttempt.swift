import ShoalCore

/// A connection that is not open yet.
struct ConnectionAttempt: Sendable {
    /// When it was begun, or its offer was answered.
    var startedAt: Instant
    /// When it is given up. Nil while an offer of ours waits for its answer, because the offer book decides how long, and
    /// once it is closing.
    var deadline: Instant?
    /// It is given up: what still comes of it means nothing, until `closed` does.
    var isClosing = false
    /// Whoever made the SDP that a tracker brought has shown that it is in the swarm (``MemberNote``).
    var isMembers = false
    /// For an answer of ours: where it goes.
    var answerTo: AnswerRoute?

    /// How an offer came, and the way back for the answer.
    struct AnswerRoute: Sendable {
        enum Way: Sendable {
            case tracker(TrackerIndex, peer: PeerID)
            case neighbour(ConnectionID, node: NodeID)
        }

        var way: Way
        var swarm: SwarmHandle
        var offerID: OfferID
    }

    /// The neighbour through which its offer came.
    var relay: ConnectionID? {
        if case .neighbour(let relay, _) = self.answerTo?.way { relay } else { nil }
    }
}
