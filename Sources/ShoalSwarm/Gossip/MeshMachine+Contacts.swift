import ShoalCore
import ShoalWire

/// Whom to connect to, of the nodes that gossip knows: whoever has shards that no peer of ours has, and as many others as
/// keep the swarm together. Trackers are not needed for it.
extension MeshMachine {
    private var numbers: GossipConfiguration { self.configuration.gossip }

    /// Looks for somebody to connect to, in every swarm.
    mutating func runContacts(at now: Instant, into effects: inout [MeshEffect]) {
        guard self.contacts.takeRound(at: now) else { return }
        for handle in self.gossip.sessions.keys { self.seekNodes(handle, at: now, into: &effects) }
        guard self.gossip.sessions.values.contains(where: { !$0.table.entries.isEmpty }) else { return }
        let round = self.numbers.meshRound.wholeNanoseconds
        let delay = Int64.random(in: round * 3 / 4...round * 5 / 4, using: &self.generator)
        self.contacts.scheduleRound(at: now + .nanoseconds(delay))
    }

    private mutating func seekNodes(_ handle: SwarmHandle, at now: Instant, into effects: inout [MeshEffect]) {
        guard let swarm = self.swarms[handle], !swarm.hasFailed, let session = self.gossip.sessions[handle] else {
            return
        }
        var candidates = self.candidates(in: session, at: now)
        while self.contacts.outgoing.count < self.numbers.contactsAtOnce, !candidates.isEmpty {
            let choice: Candidate
            if let source = self.source(ofUnreachableIn: swarm, session, among: candidates) {
                guard self.hasPlace(for: source, handle, at: now, into: &effects) else { return }
                choice = source
            } else {
                let sought = self.contacts.outgoing.values.count { $0.swarm == handle }
                guard session.neighbours.count + sought < self.numbers.targetNeighbours,
                    self.openConnections < self.configuration.maximumConnections,
                    let any = candidates.randomElement(using: &self.generator)
                else { return }
                choice = any
            }
            candidates.removeAll { $0.inventory.node == choice.inventory.node }
            self.seek(choice, handle, at: now, into: &effects)
        }
    }

    // MARK: Whom

    /// A node that could be connected to.
    private struct Candidate {
        let inventory: Inventory
        /// Neighbours that can carry an offer to it; not empty.
        let relays: [ConnectionID]
    }

    private func candidates(in session: GossipSession, at now: Instant) -> [Candidate] {
        var connected: Set<NodeID> = []
        self.peers.forEachValue { _, peer in
            if let node = peer.nodeID { connected.insert(node) }
        }
        var candidates: [Candidate] = []
        session.table.entries.forEachValue { prefix, entry in
            let node = entry.inventory.node
            guard !connected.contains(node), !self.nodes.isBanned(node), entry.expiresAt > now else { return }
            guard !self.contacts.isSought(node), !self.contacts.isAnswered(node) else { return }
            guard self.contacts.mayTry(prefix, at: now) else { return }
            let relays = entry.relays.filter { self.peers.read($0) { $0.isClosing } == false }
            if !relays.isEmpty { candidates.append(Candidate(inventory: entry.inventory, relays: relays)) }
        }
        return candidates
    }

    /// A node with a shard that we want and that neither a peer nor a node that we are seeking has. One such shard is
    /// chosen at random, and then one of those that have it: who claims to have everything is chosen no more often than
    /// others for each.
    private mutating func source(
        ofUnreachableIn swarm: Swarm,
        _ session: GossipSession,
        among candidates: [Candidate]
    ) -> Candidate? {
        let coming = self.contacts.outgoing.values.filter { $0.swarm == swarm.handle }
            .compactMap { session.table[$0.node.prefix]?.inventory.holdings }
        let unreachable = self.unreachable(in: swarm).filter { shard in !coming.contains { $0[shard.position] } }
        // Where nobody has any, eight tries find that out; where few have few, a later round finds them.
        for _ in 0..<8 {
            guard let shard = unreachable.randomElement(using: &self.generator) else { return nil }
            let holders = candidates.filter { $0.inventory.holdings[shard.position] }
            if let holder = holders.randomElement(using: &self.generator) { return holder }
        }
        return nil
    }

    /// Shards that we want and no peer can serve, not even in part.
    private func unreachable(in swarm: Swarm) -> [ShardIndex] {
        guard swarm.isHungry, let holdings = swarm.holdings else { return [] }
        return swarm.wantedShards.filter { shard in
            holdings.availability[shard.position] == 0
                && !self.peers.values.contains { $0.swarms[swarm.handle]?.canServeSome(of: shard) == true }
        }
    }

    private mutating func seek(
        _ candidate: Candidate,
        _ handle: SwarmHandle,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard let relay = candidate.relays.randomElement(using: &self.generator) else { return }
        let connection = self.newConnection()
        let contact = ContactBook.Contact(
            node: candidate.inventory.node,
            swarm: handle,
            offerID: .random(using: &self.generator),
            relay: relay
        )
        self.contacts.seek(contact, on: connection)
        self.attempts[connection] = ConnectionAttempt(startedAt: now, deadline: now + self.numbers.answerLimit)
        effects.append(.makeOffer(connection))
    }

    // MARK: Place

    /// Whether there is place for a peer that has what no other has. When there is none, the peer that was of least use
    /// leaves, unless we need it more.
    private mutating func hasPlace(
        for candidate: Candidate,
        _ handle: SwarmHandle,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) -> Bool {
        if self.openConnections < self.configuration.maximumConnections { return true }
        if let last = self.contacts.lastReplacement, now - last < self.numbers.replacementInterval { return false }
        let dispensable = self.peers.filter {
            self.isDispensable($0.key, $0.value, at: now) && !candidate.relays.contains($0.key)
        }
        let victim = dispensable.min { (self.lastUse(of: $0.value), $0.key) < (self.lastUse(of: $1.value), $1.key) }
        guard let victim else { return false }
        self.contacts.lastReplacement = now
        self.disconnect(victim.key, reason: "its place is needed for shards that no other peer has", into: &effects)
        return true
    }

    /// When a peer last proved useful: what decides who leaves first.
    private func lastUse(of peer: PeerSession) -> Instant { max(peer.openedAt, peer.downloads.lastProgress ?? .zero) }

    /// Whether a peer may leave: it has been here for a while, nothing is under way, and all that it has of what we want
    /// can be had elsewhere.
    private func isDispensable(_ connection: ConnectionID, _ peer: PeerSession, at now: Instant) -> Bool {
        guard peer.identity != nil, !peer.isClosing, now - peer.openedAt >= self.numbers.replacementAge else {
            return false
        }
        guard peer.downloads.inFlight == 0, !self.uploads.isServing(connection) else { return false }
        return peer.swarms.allSatisfy { handle, shared in
            guard let swarm = self.swarms[handle], swarm.isHungry, let holdings = swarm.holdings else { return true }
            return swarm.wantedShards.allSatisfy { shard in
                !shared.hasWhole(shard) || holdings.availability[shard.position] > 1
            }
        }
    }
}
