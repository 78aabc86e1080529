import ShoalCore
import ShoalWire

/// Offers and answers that neighbours carry: ours, those for us, and those that we carry for others.
extension MeshMachine {
    mutating func receivedSignal(
        _ signal: Signal,
        _ handle: SwarmHandle,
        from connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        switch self.gossip.admitSignal(from: connection, at: now) {
        case .taken: break
        case .ignored: return
        // Who carries the signals of many is not at fault for them.
        case .fault where self.authenticator.nodeID(of: signal.from) == self.node(of: connection):
            return self.malformed(connection, .invalid(field: "rate of signals"), into: &effects)
        case .fault: return
        }
        let author = self.authenticator.nodeID(of: signal.from)
        guard author != self.nodeID, self.gossip.clock.accepts(signal.sentAt, at: now) else { return }
        if signal.to == self.nodeID {
            switch signal.kind {
            case .offer: self.receivedOffer(signal, of: author, handle, through: connection, at: now, into: &effects)
            case .answer: self.receivedAnswer(signal, of: author, handle, from: connection, at: now, into: &effects)
            }
        } else {
            self.relay(signal, of: author, handle, from: connection, at: now, into: &effects)
        }
    }

    private mutating func isSigned(
        _ signal: Signal,
        by author: NodeID,
        _ handle: SwarmHandle,
        from connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) -> Bool {
        guard let secret = self.swarms[handle]?.description.secret, self.gossip.verifications.take(1, at: now) else {
            return false
        }
        let statement = GossipStatement.signal(signal, secret: secret, author: author)
        if self.authenticator.isValid(signal.signature, of: statement, by: signal.from) { return true }
        self.malformed(connection, .invalid(field: "signature"), into: &effects)
        return false
    }

    // MARK: Carrying

    /// Carries a signal of one neighbour to another: one message for one, and nothing that its author has not signed. A
    /// neighbour can speak for itself alone.
    private mutating func relay(
        _ signal: Signal,
        of author: NodeID,
        _ handle: SwarmHandle,
        from connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard signal.hops > 0 else { return }
        guard self.gossip.sessions[handle]?.neighbours[connection]?.node == author else {
            return self.malformed(connection, .invalid(field: "from"), into: &effects)
        }
        guard let target = self.neighbour(signal.to, in: handle) else { return }
        guard self.isSigned(signal, by: author, handle, from: connection, at: now, into: &effects) else { return }
        let mayGo =
            switch signal.kind {
            case .offer: self.relays.carry(signal.offerID, from: author, to: signal.to, at: now)
            case .answer: self.relays.takeAnswer(signal.offerID, from: author, to: signal.to, at: now)
            }
        guard mayGo else { return }
        var carried = signal
        carried.hops -= 1
        effects.append(.send(target, ControlMessage(handle: handle.rawValue, .signal(carried))))
    }

    /// The open connection to a node of the swarm.
    private func neighbour(_ node: NodeID, in handle: SwarmHandle) -> ConnectionID? {
        self.gossip.sessions[handle]?.neighbours
            .first { $0.value.node == node && self.peers[$0.key]?.isClosing == false }?.key
    }

    // MARK: Ours

    /// An offer of ours for one node is ready: a neighbour of both carries it there.
    mutating func sendOffer(
        _ sdp: String,
        on connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard let contact = self.contacts.outgoing[connection] else { return }
        self.send(
            .offer,
            sdp,
            contact.offerID,
            to: contact.node,
            contact.swarm,
            contact.relay,
            connection,
            now,
            &effects
        )
    }

    /// Our answer is ready: it goes back the way the offer came.
    mutating func sendAnswer(
        _ sdp: String,
        to route: ConnectionAttempt.AnswerRoute,
        on connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard case .neighbour(let relay, let node) = route.way else { return }
        self.send(.answer, sdp, route.offerID, to: node, route.swarm, relay, connection, now, &effects)
    }

    private mutating func send(
        _ kind: Signal.Kind,
        _ sdp: String,
        _ offerID: OfferID,
        to node: NodeID,
        _ handle: SwarmHandle,
        _ relay: ConnectionID,
        _ connection: ConnectionID,
        _ now: Instant,
        _ effects: inout [MeshEffect]
    ) {
        guard let secret = self.swarms[handle]?.description.secret, self.peers[relay]?.isClosing == false else {
            return self.disconnect(connection, reason: "the neighbour that was to carry it is gone", into: &effects)
        }
        guard (1...WireLimits.signalText).contains(sdp.utf8.count) else {
            return self.disconnect(connection, reason: "its SDP is longer than neighbours carry", into: &effects)
        }
        var signal = Signal(
            kind: kind,
            hops: WireLimits.signalHops,
            from: self.authenticator.publicKey,
            to: node,
            offerID: offerID,
            sentAt: self.gossip.clock.milliseconds(at: now),
            signature: [],
            sdp: sdp
        )
        let statement = GossipStatement.signal(signal, secret: secret, author: self.nodeID)
        signal.signature = self.authenticator.sign(statement)
        effects.append(.send(relay, ControlMessage(handle: handle.rawValue, .signal(signal))))
    }

    // MARK: For us

    /// Two nodes may seek each other at once: then the offer of the one with the lower ID counts.
    private mutating func receivedOffer(
        _ signal: Signal,
        of author: NodeID,
        _ handle: SwarmHandle,
        through relay: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard !self.isStopping, !self.nodes.isBanned(author), !self.contacts.isAnswered(author) else { return }
        guard !self.peers.values.contains(where: { $0.identity?.nodeID == author && !$0.isClosing }) else { return }
        if self.contacts.isSought(author), self.nodeID < author { return }
        guard self.openConnections < self.configuration.maximumConnections else { return }
        guard self.isSigned(signal, by: author, handle, from: relay, at: now, into: &effects) else { return }
        guard self.contacts.isFirst(signal.offerID), self.admitsRelayed(through: relay, at: now, into: &effects) else {
            return
        }
        for (connection, contact) in self.contacts.outgoing where contact.node == author {
            self.disconnect(connection, reason: "the node has sent an offer itself", into: &effects)
        }
        let connection = self.newConnection()
        self.contacts.answer(author, on: connection)
        let route = ConnectionAttempt.AnswerRoute(
            way: .neighbour(relay, node: author),
            swarm: handle,
            offerID: signal.offerID
        )
        self.attempts[connection] = ConnectionAttempt(
            startedAt: now,
            deadline: now + self.configuration.connectLimit,
            answerTo: route
        )
        effects.append(.makeAnswer(connection, offer: signal.sdp))
    }

    private mutating func receivedAnswer(
        _ signal: Signal,
        of author: NodeID,
        _ handle: SwarmHandle,
        from relay: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard let connection = self.contacts.connection(for: signal.offerID, answeredBy: author),
            self.attempts[connection]?.deadline != nil, self.contacts.isFirst(signal.offerID),
            self.isSigned(signal, by: author, handle, from: relay, at: now, into: &effects)
        else { return }
        let deadline = now + self.configuration.connectLimit
        self.attempts.update(connection) { attempt in
            attempt.startedAt = now
            attempt.deadline = deadline
        }
        effects.append(.acceptAnswer(connection, answer: signal.sdp))
    }
}
