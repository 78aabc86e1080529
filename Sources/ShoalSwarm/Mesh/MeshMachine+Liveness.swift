import ShoalCore
import ShoalWire

/// Silence, lateness and death of peers: what moves work away from them.
extension MeshMachine {
    /// The peer sent something, whatever it was.
    mutating func heard(_ connection: ConnectionID, at now: Instant) {
        let isBack = self.peers.update(connection) { $0.liveness.heard(at: now) }
        if isBack == true { self.needsFilling = true }
    }

    mutating func receivedPong(_ token: UInt64, from connection: ConnectionID, at now: Instant) {
        let isServing = self.uploads.isServing(connection)
        self.peers.update(connection) { peer in
            peer.liveness.answered(token, isIdle: !isServing && !peer.downloads.isOwing, at: now)
        }
    }

    /// How closely a peer is watched.
    private enum Watch {
        /// It owes us chunks, or was silent when it did.
        case owing
        /// We are serving it.
        case served
        case idle
    }

    private func watch(_ connection: ConnectionID, _ peer: borrowing PeerSession) -> Watch {
        if peer.downloads.isOwing || peer.liveness.standing != .fine { return .owing }
        return self.uploads.isServing(connection) ? .served : .idle
    }

    private func pinging(_ watch: Watch) -> Liveness.Pinging {
        switch watch {
        case .owing: .inSilence(of: self.configuration.owingPing)
        case .served: .inSilence(of: self.configuration.busyPing)
        case .idle: .always(every: self.configuration.idlePing)
        }
    }

    /// After how much silence the connection ends.
    private func patience(_ watch: Watch) -> Duration {
        watch == .idle ? self.configuration.idleSilence : self.configuration.busySilence
    }

    /// The last moment at which nothing spoke against the peer: it was heard, or got work after a time of rest.
    private func lastSign(of peer: borrowing PeerSession) -> Instant {
        max(peer.liveness.lastHeard, peer.downloads.lastProgress ?? .zero)
    }

    /// When time alone makes something due for a peer; nil for one that is being closed.
    func timer(of connection: ConnectionID, _ peer: borrowing PeerSession) -> Instant? {
        guard !peer.isClosing else { return nil }
        guard peer.isIdentified else { return peer.openedAt + self.configuration.handshakeLimit }
        var earliest = Earliest()
        let watch = self.watch(connection, peer)
        let lastSign = self.lastSign(of: peer)
        earliest.consider(peer.liveness.nextPing(self.pinging(watch)))
        earliest.consider(lastSign + self.patience(watch))
        if peer.swarms.isEmpty { earliest.consider(peer.aloneSince + self.configuration.joinLimit) }
        earliest.consider(peer.busyUntil)
        if case .until(let moment) = peer.courtesy { earliest.consider(moment) }
        guard watch == .owing else { return earliest.moment }
        switch peer.liveness.standing {
        case .fine: earliest.consider(lastSign + self.configuration.quietLimit)
        case .quiet: earliest.consider(lastSign + self.configuration.suspectLimit)
        case .suspect: break
        }
        peer.downloads.requests.forEachValue { if !$1.isOverdue { earliest.consider($1.deadline) } }
        if peer.downloads.isOwing, let progress = peer.downloads.lastProgress {
            earliest.consider(progress + self.configuration.stallLimit)
        }
        return earliest.moment
    }

    mutating func runTimers(of connection: ConnectionID, at now: Instant, into effects: inout [MeshEffect]) {
        guard let peer = self.peers[connection], !peer.isClosing else { return }
        guard peer.identity != nil else {
            if now - peer.openedAt >= self.configuration.handshakeLimit {
                self.disconnect(connection, reason: "it did not say who it is in time", into: &effects)
            }
            return
        }
        let watch = self.watch(connection, peer)
        let silence = now - self.lastSign(of: peer)
        if silence >= self.patience(watch) {
            return self.disconnect(connection, reason: "it is silent", into: &effects)
        }
        if peer.swarms.isEmpty, now - peer.aloneSince >= self.configuration.joinLimit {
            return self.disconnect(connection, reason: "it shares no swarm", into: &effects)
        }
        if watch == .owing, self.hasStalled(peer, at: now) {
            return self.disconnect(connection, reason: "it owes chunks and sends none", into: &effects)
        }
        if watch == .owing { self.judgeSilence(silence, of: peer, into: &effects) }
        let pinging = self.pinging(watch)
        let token = self.peers.update(connection) { $0.liveness.pingDue(pinging, at: now) }
        if let token = token ?? nil { effects.append(.send(connection, ControlMessage(.ping(token: token)))) }
        if let busyUntil = peer.busyUntil, now >= busyUntil {
            self.peers.update(connection) { $0.busyUntil = nil }
            self.needsFilling = true
        }
        if case .until(let moment) = peer.courtesy, now >= moment {
            self.peers.update(connection) { $0.courtesy = .over }
            self.needsFilling = true
        }
        for (id, request) in peer.downloads.requests where !request.isOverdue && now >= request.deadline {
            self.markOverdue(id, request, of: connection, into: &effects)
        }
    }

    private func hasStalled(_ peer: PeerSession, at now: Instant) -> Bool {
        guard peer.downloads.isOwing, let progress = peer.downloads.lastProgress else { return false }
        return now - progress >= self.configuration.stallLimit
    }

    /// What a silent peer owes is asked of others as well after a while, and of others alone after a longer one.
    private mutating func judgeSilence(_ silence: Duration, of peer: PeerSession, into effects: inout [MeshEffect]) {
        let connection = peer.connection
        switch peer.liveness.standing {
        case .fine where silence >= self.configuration.quietLimit:
            self.peers.update(connection) { $0.liveness.silent(.quiet) }
            // Also those that were late before: whoever was asked instead may have failed as well.
            for (id, request) in peer.downloads.requests {
                self.markOverdue(id, request, of: connection, into: &effects)
            }
        case .quiet where silence >= self.configuration.suspectLimit:
            self.peers.update(connection) { $0.liveness.silent(.suspect) }
            if let node = peer.identity?.nodeID { effects.append(.observe(.peerSuspected(connection, node))) }
            self.cancelAll(of: connection, into: &effects)
        default: break
        }
    }

    /// What is late may be asked of somebody else as well; the first good copy wins.
    private mutating func markOverdue(
        _ id: UInt32,
        _ request: OutstandingRequest,
        of connection: ConnectionID,
        into effects: inout [MeshEffect]
    ) {
        // What has come and waits for our disk is not late.
        let isOwed = !request.missing.isEmpty
        self.peers.update(connection) { peer in
            guard !request.isOverdue else { return }
            peer.downloads.markOverdue(id, isOwed: isOwed)
            if isOwed, !request.isCancelled { peer.score.chunkFailed() }
        }
        guard isOwed else { return }
        self.swarms.update(request.swarm) { swarm in
            swarm.holdings?.update(request.request.shard) { receiving in
                for chunk in request.missing where !receiving.verified[chunk] { receiving.overdue[chunk] = true }
            }
        }
        self.needsFilling = true
    }
}
