package import ShoalCore
import ShoalWire

/// Everything that happens because time has passed.
extension MeshMachine {
    /// When ``MeshInput/deadline`` is wanted next; nil when nothing waits for time.
    package var nextDeadline: Instant? {
        guard !self.isStopping else { return nil }
        if self.needsFilling || self.needsServing { return self.lastInput }
        var moments: [Instant] = []
        if let moment = self.uploads.nextDeadline { moments.append(moment) }
        if let notice = self.nextPartialNotice { moments.append(notice) }
        moments += self.trackers.values.compactMap(\.nextDeadline)
        moments += self.attempts.values.compactMap(\.deadline)
        if let oldest = self.offers.oldest { moments.append(oldest + self.configuration.offerLifetime) }
        moments += self.swarms.values.compactMap { swarm in
            guard let fetch = swarm.manifestFetch, !fetch.isBeingChecked else { return nil }
            return fetch.lastPart + ManifestFetch.patience
        }
        for (connection, peer) in self.peers { moments += self.deadlines(of: connection, peer) }
        for swarm in self.swarms.values {
            moments += swarm.holdings?.receiving.values.compactMap(\.hashesAsked?.until) ?? []
        }
        return moments.min()
    }

    private func deadlines(of connection: ConnectionID, _ peer: PeerSession) -> [Instant] {
        guard !peer.isClosing else { return [] }
        guard peer.identity != nil else { return [peer.openedAt + self.configuration.handshakeLimit] }
        let (ping, silence) = self.pace(of: connection, peer)
        var moments = [peer.liveness.nextDeadline(ping: ping), self.lastSign(of: peer) + silence]
        moments += peer.downloads.requests.values.filter { !$0.isOverdue }.map(\.deadline)
        if peer.downloads.inFlight > 0, let progress = peer.downloads.lastProgress {
            moments.append(progress + self.configuration.stallLimit)
        }
        if let busyUntil = peer.busyUntil { moments.append(busyUntil) }
        return moments
    }

    /// The last moment at which nothing spoke against the peer: it was heard, or got work after a time of rest.
    private func lastSign(of peer: PeerSession) -> Instant {
        guard peer.downloads.inFlight > 0, let progress = peer.downloads.lastProgress else {
            return peer.liveness.lastHeard
        }
        return max(peer.liveness.lastHeard, progress)
    }

    /// How often a peer is pinged and how long it may be silent: peers with work are watched closely.
    private func pace(of connection: ConnectionID, _ peer: PeerSession) -> (ping: Duration, silence: Duration) {
        let isBusy = peer.downloads.inFlight > 0 || self.uploads.isServing(connection)
        return isBusy
            ? (self.configuration.busyPing, self.configuration.busySilence)
            : (self.configuration.idlePing, self.configuration.idleSilence)
    }

    mutating func runTimers(at now: Instant, into effects: inout [MeshEffect]) {
        guard !self.isStopping else { return }
        for (connection, attempt) in self.attempts {
            guard let deadline = attempt.deadline, now >= deadline else { continue }
            self.disconnect(connection, reason: "it did not open in time", into: &effects)
        }
        for connection in self.peers.keys { self.runTimers(of: connection, at: now, into: &effects) }
        for connection in self.uploads.stalled(at: now) {
            self.disconnect(connection, reason: "it asks for chunks and does not take them", into: &effects)
        }
        for (handle, swarm) in self.swarms {
            guard let fetch = swarm.manifestFetch, !fetch.isBeingChecked else { continue }
            guard now - fetch.lastPart >= ManifestFetch.patience else { continue }
            self.changeManifestSource(handle, from: fetch.source, at: now, into: &effects)
        }
        for handle in self.swarms.keys { self.giveUpHashes(handle, at: now) }
        if let notice = self.nextPartialNotice, now >= notice { self.tellPartials(into: &effects) }
        self.runDiscovery(at: now, into: &effects)
        if self.needsFilling { self.fillWindows(at: now, into: &effects) }
        self.serveMore(at: now, into: &effects)
    }

    private mutating func runTimers(of connection: ConnectionID, at now: Instant, into effects: inout [MeshEffect]) {
        guard let peer = self.peers[connection], !peer.isClosing else { return }
        guard peer.identity != nil else {
            if now - peer.openedAt >= self.configuration.handshakeLimit {
                self.disconnect(connection, reason: "it did not say who it is in time", into: &effects)
            }
            return
        }
        let (ping, silence) = self.pace(of: connection, peer)
        if now - self.lastSign(of: peer) >= silence {
            return self.disconnect(connection, reason: "it is silent", into: &effects)
        }
        if let progress = peer.downloads.lastProgress, peer.downloads.inFlight > 0,
            now - progress >= self.configuration.stallLimit
        {
            return self.disconnect(connection, reason: "it owes chunks and sends none", into: &effects)
        }
        let token = self.peers.update(connection) { $0.liveness.pingDue(every: ping, at: now) }
        if let token = token ?? nil { effects.append(.send(connection, ControlMessage(.ping(token: token)))) }
        if let busyUntil = peer.busyUntil, now >= busyUntil {
            self.peers.update(connection) { $0.busyUntil = nil }
            self.needsFilling = true
        }
        for (id, request) in peer.downloads.requests where !request.isOverdue && now >= request.deadline {
            self.markOverdue(id, request, of: connection, into: &effects)
        }
    }

    /// What is late may be asked of somebody else as well; the first good copy wins. When that has used up our room, the
    /// late request gives its part back: slow peers must not keep quick ones from being asked.
    private mutating func markOverdue(
        _ id: UInt32,
        _ request: OutstandingRequest,
        of connection: ConnectionID,
        into effects: inout [MeshEffect]
    ) {
        self.peers.update(connection) { $0.downloads.markOverdue(id) }
        self.swarms.update(request.swarm) { swarm in
            swarm.holdings?.update(request.request.shard) { receiving in
                for chunk in request.missing where !receiving.verified[chunk] { receiving.overdue[chunk] = true }
            }
        }
        if self.room < self.configuration.chunksPerRequest, self.peers.count > 1, !request.isCancelled {
            self.peers.update(connection) { peer in
                peer.downloads.markCancelled(id)
                peer.downloads.shrinkWindow()
            }
            effects.append(.send(connection, ControlMessage(handle: request.swarm.rawValue, .cancel(id: id))))
            effects.append(.discard(connection, request: id))
        }
        self.needsFilling = true
    }

    private mutating func changeManifestSource(
        _ handle: SwarmHandle,
        from source: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        let sources = self.manifestSources(handle)
        let position = sources.firstIndex(of: source).map { $0 + 1 } ?? 0
        guard let next = (sources[position...] + sources[..<position]).first(where: { $0 != source }) else {
            // There is nobody else: what it still owes may come.
            self.swarms.update(handle) { $0.manifestFetch?.waitLonger(at: now) }
            return
        }
        self.swarms.update(handle) { $0.manifestFetch = ManifestFetch(source: next, at: now) }
        self.requestManifest(handle, at: now, into: &effects)
    }

    /// Tells peers of chunks verified since the last time, so that they can share a shard while it arrives.
    private mutating func tellPartials(into effects: inout [MeshEffect]) {
        self.nextPartialNotice = nil
        for (handle, swarm) in self.swarms {
            for (shard, receiving) in swarm.holdings?.receiving ?? SortedMap() where receiving.hasNews {
                self.swarms.update(handle) { swarm in
                    _ = swarm.holdings?.update(shard) { $0.hasNews = false }
                }
                let notice = ControlMessage.Body.partial(shard: shard, chunks: receiving.verified)
                for (connection, peer) in self.peers {
                    guard let shared = peer.swarms[handle], !shared.hasWhole(shard) else { continue }
                    effects.append(.send(connection, ControlMessage(handle: handle.rawValue, notice)))
                }
            }
        }
    }
}
