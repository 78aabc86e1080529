import ShoalCore

/// How many connections may be on their way, so that those that never open keep nobody out for long.
///
/// Four kinds are counted apart: those that trackers brought from members of the swarm, and from anybody; those that
/// neighbours brought; and those that we seek by name (bounded where they are begun). So whoever fills one kind leaves the
/// others alone.
extension MeshMachine {
    /// Whether one more connection may be begun that a tracker brought, from a member or from anybody. When there are too
    /// many, the oldest that had its time makes place.
    mutating func admitsTracked(ofMember isMembers: Bool, at now: Instant, into effects: inout [MeshEffect]) -> Bool {
        let handshakes = self.peers.count {
            $0.value.swarms.isEmpty && $0.value.isMembers == isMembers && self.contacts.expected(on: $0.key) == nil
        }
        let waiting = self.attempts.filter { connection, attempt in
            attempt.deadline != nil && attempt.isMembers == isMembers && self.contacts.expected(on: connection) == nil
        }
        return self.admits(waiting, besides: handshakes, limit: self.configuration.maximumHandshakes, now, &effects)
    }

    /// Likewise one that a neighbour brought, and that one neighbour not too many.
    mutating func admitsRelayed(
        through relay: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) -> Bool {
        let waiting = self.attempts.filter { $0.value.deadline != nil && $0.value.relay != nil }
        let ofRelay = waiting.filter { $0.value.relay == relay }
        let handshakes = self.peers.count {
            $0.value.identity == nil && self.contacts.expected(on: $0.key) != nil
                && self.contacts.outgoing[$0.key] == nil
        }
        return self.admits(ofRelay, besides: 0, limit: self.configuration.gossip.offersPerRelay, now, &effects)
            && self.admits(waiting, besides: handshakes, limit: self.configuration.maximumHandshakes, now, &effects)
    }

    private mutating func admits(
        _ waiting: [(key: ConnectionID, value: ConnectionAttempt)],
        besides others: Int,
        limit: Int,
        _ now: Instant,
        _ effects: inout [MeshEffect]
    ) -> Bool {
        guard waiting.count + others >= limit else { return true }
        let oldest = waiting.min { ($0.value.startedAt, $0.key) < ($1.value.startedAt, $1.key) }
        guard let oldest, now - oldest.value.startedAt >= self.configuration.gossip.attemptGrace else { return false }
        self.disconnect(oldest.key, reason: "it does not open, and others wait", into: &effects)
        return true
    }
}
