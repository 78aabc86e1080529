import ShoalCore
import ShoalSwarm

extension TrackerRegistry {
    mutating func announce(
        _ announce: TrackerAnnounce,
        from socket: SocketID,
        at now: Instant,
        into effects: inout [Effect]
    ) {
        self.counters.announces += 1
        let membership = Membership(infoHash: announce.infoHash, peerID: announce.peerID)
        self.removeSilentPeers(of: announce.infoHash, at: now)
        if announce.event == .stopped {
            if self.peer(membership)?.socket == socket { self.remove(membership) }
        } else if let refusal = self.join(announce, membership, socket, at: now) {
            self.counters.refusals += 1
            effects.append(.send(.failure(reason: refusal, infoHash: announce.infoHash), to: socket))
            return
        }
        let counts = self.counts(of: announce.infoHash)
        let statistics = TrackerStatistics(
            infoHash: announce.infoHash,
            complete: counts.complete,
            incomplete: counts.incomplete,
            interval: self.configuration.interval
        )
        effects.append(.send(.announced(statistics), to: socket))
        if announce.event != .stopped { self.relay(announce, at: now, into: &effects) }
    }

    /// Hands an answer to who made the offer, if the sender got it and is the first; the sender is not told.
    mutating func answer(
        _ answer: TrackerAnswer,
        from socket: SocketID,
        at now: Instant,
        into effects: inout [Effect]
    ) {
        self.removeSilentPeers(of: answer.infoHash, at: now)
        let sender = Membership(infoHash: answer.infoHash, peerID: answer.peerID)
        guard var peer = self.peer(sender), peer.socket == socket else {
            self.counters.droppedAnswers += 1
            return
        }
        peer.lastSeen = now
        if let left = answer.left { peer.isComplete = left == 0 }
        self.update(sender, peer, hasJustCompleted: false)
        let offer = RelayedOffers.Key(infoHash: answer.infoHash, from: answer.toPeerID, offerID: answer.offerID)
        guard let receiver = self.peer(Membership(infoHash: answer.infoHash, peerID: answer.toPeerID)),
            self.offers.take(offer, by: answer.peerID, at: now)
        else {
            self.counters.droppedAnswers += 1
            return
        }
        self.counters.answers += 1
        effects.append(
            .send(
                .answer(infoHash: answer.infoHash, from: answer.peerID, offerID: answer.offerID, sdp: answer.sdp),
                to: receiver.socket
            )
        )
    }

    private func peer(_ membership: Membership) -> TrackerSwarm.Peer? {
        guard let swarm = self.swarms.position(of: membership.infoHash) else { return nil }
        return self.swarms[swarm].peers.position(of: membership.peerID).map { self.swarms[swarm].peers[$0] }
    }

    private mutating func update(_ membership: Membership, _ peer: TrackerSwarm.Peer, hasJustCompleted: Bool) {
        let position =
            self.swarms.position(of: membership.infoHash)
            ?? self.swarms.append(membership.infoHash, TrackerSwarm())
        let isCounted = self.swarms.modify(position) {
            $0.update(membership.peerID, peer, hasJustCompleted: hasJustCompleted)
        }
        if isCounted { self.counters.completed += 1 }
    }

    /// Notes the peer as alive on `socket`; why not, when a bound is reached.
    private mutating func join(
        _ announce: TrackerAnnounce,
        _ membership: Membership,
        _ socket: SocketID,
        at now: Instant
    ) -> String? {
        guard let address = self.sockets[socket]?.address else { return nil }
        let known = self.peer(membership)
        if let known, known.address != address, now - known.lastSeen < self.configuration.takeoverDelay {
            return "another address announces this peer ID: use one of your own"
        }
        if known?.socket != socket {
            if let refusal = self.refusal(of: membership, isKnown: known != nil, from: socket) { return refusal }
            if let known {
                self.sockets[known.socket]?.peers.remove(membership)
            } else {
                self.makeRoom(in: membership.infoHash)
                self.peerCount += 1
            }
            self.sockets[socket]?.peers.append(membership, ())
        }
        let hasCompleted = announce.event == .completed
        let isComplete = hasCompleted || (announce.left.map { $0 == 0 } ?? known?.isComplete ?? false)
        self.update(
            membership,
            TrackerSwarm.Peer(socket: socket, address: address, isComplete: isComplete, lastSeen: now),
            hasJustCompleted: hasCompleted
        )
        return nil
    }

    private func refusal(of membership: Membership, isKnown: Bool, from socket: SocketID) -> String? {
        let limits = self.configuration
        if self.sockets[socket]?.peers.count ?? 0 >= limits.maximumPeersPerSocket {
            return "this connection stands for \(limits.maximumPeersPerSocket) peers already: open another"
        }
        if isKnown { return nil }
        if self.peerCount >= limits.maximumPeers { return "this tracker has \(limits.maximumPeers) peers already" }
        if self.swarms.count >= limits.maximumSwarms, self.swarms.position(of: membership.infoHash) == nil {
            return "this tracker has \(limits.maximumSwarms) swarms already"
        }
        return nil
    }

    private mutating func makeRoom(in infoHash: InfoHash) {
        guard let position = self.swarms.position(of: infoHash),
            self.swarms[position].peers.count >= self.configuration.maximumPeersPerSwarm,
            let peerID = self.swarms[position].mostExpendable
        else { return }
        self.remove(Membership(infoHash: infoHash, peerID: peerID))
    }

    private mutating func relay(_ announce: TrackerAnnounce, at now: Instant, into effects: inout [Effect]) {
        let offers = announce.offers.prefix(self.configuration.maximumRelayedOffers)
        guard !offers.isEmpty, let position = self.swarms.position(of: announce.infoHash) else { return }
        let receivers = self.swarms[position].drawn(
            offers.count,
            otherThan: announce.peerID,
            using: &self.generator
        )
        for (offer, receiver) in zip(offers, receivers) {
            let key = RelayedOffers.Key(infoHash: announce.infoHash, from: announce.peerID, offerID: offer.offerID)
            self.offers.handedOn(key, to: receiver.peerID, at: now)
            self.counters.offers += 1
            effects.append(
                .send(.offer(infoHash: announce.infoHash, from: announce.peerID, offer: offer), to: receiver.socket)
            )
        }
    }
}
