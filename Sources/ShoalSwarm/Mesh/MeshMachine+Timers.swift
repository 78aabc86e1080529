package import ShoalCore
import ShoalWire

/// Everything that happens because time has passed.
extension MeshMachine {
    /// When ``MeshInput/deadline`` is wanted next; nil when nothing waits for time.
    package var nextDeadline: Instant? {
        guard !self.isStopping else { return nil }
        return self.needsFilling || self.needsServing ? self.lastInput : self.nextTimer
    }

    /// The earliest moment at which time alone makes something due.
    private var nextTimer: Instant? {
        var earliest = Earliest()
        earliest.consider(self.nextPartialNotice)
        earliest.consider(self.nextReplication)
        earliest.consider(self.nextAllowance)
        earliest.consider(self.resting.nextEnd)
        earliest.consider(self.uploads.nextDeadline)
        earliest.consider(self.gossip.nextDeadline)
        earliest.consider(self.contacts.nextRound)
        for tracker in self.trackers.values { earliest.consider(tracker.nextDeadline) }
        for attempt in self.attempts.values { earliest.consider(attempt.deadline) }
        earliest.consider(self.offers.oldest.map { $0 + self.configuration.offerLifetime })
        for swarm in self.swarms.values {
            if let fetch = swarm.manifestFetch, !fetch.isBeingChecked {
                earliest.consider(fetch.lastPart + ManifestFetch.patience)
            }
            guard let holdings = swarm.holdings else { continue }
            holdings.receiving.forEachValue { earliest.consider($1.hashesAsked?.until) }
        }
        earliest.consider(self.peers.nextTimer)
        return earliest.moment
    }

    /// Computes again what time does to the peers that the last input concerned.
    mutating func refreshTimers() {
        // Taken out, because a timer depends on the rest of the machine as well.
        var peers = self.peers
        self.peers = PeerTable()
        peers.refreshTimers { connection, peer in self.timer(of: connection, peer) }
        self.peers = peers
    }

    mutating func runTimers(at now: Instant, into effects: inout [MeshEffect]) {
        guard !self.isStopping else { return }
        if let due = self.nextTimer, now >= due { self.runDueTimers(at: now, into: &effects) }
        if self.needsFilling { self.fillWindows(at: now, into: &effects) }
        self.serveMore(at: now, into: &effects)
    }

    private mutating func runDueTimers(at now: Instant, into effects: inout [MeshEffect]) {
        self.excuseOwnSleep(at: now)
        for (connection, attempt) in self.attempts {
            guard let deadline = attempt.deadline, now >= deadline else { continue }
            self.disconnect(connection, reason: "it did not open in time", into: &effects)
        }
        for connection in self.peers.takeDue(at: now) { self.runTimers(of: connection, at: now, into: &effects) }
        for connection in self.uploads.stalled(at: now) {
            self.disconnect(connection, reason: "it asks for chunks and does not take them", into: &effects)
        }
        for (handle, swarm) in self.swarms {
            guard let fetch = swarm.manifestFetch, !fetch.isBeingChecked else { continue }
            guard now - fetch.lastPart >= ManifestFetch.patience else { continue }
            self.changeManifestSource(handle, from: fetch.source, at: now, into: &effects)
        }
        for handle in self.swarms.keys { self.giveUpHashes(handle, at: now) }
        self.endRests(at: now)
        if let moment = self.nextAllowance, now >= moment { self.needsFilling = true }
        if let notice = self.nextPartialNotice, now >= notice { self.tellPartials(at: now, into: &effects) }
        if let moment = self.nextReplication, now >= moment { self.planReplication(at: now) }
        self.runDiscovery(at: now, into: &effects)
        self.runGossip(at: now, into: &effects)
        self.runContacts(at: now, into: &effects)
    }

    /// When this node was not awake (a laptop that was closed, a loop that was starved), the silence was not its peers'.
    private mutating func excuseOwnSleep(at now: Instant) {
        guard let due = self.peers.nextTimer else { return }
        // A timer of a moment at which this node was awake was not due then: its peer has got work since.
        let slept = now - max(due, self.inputBefore)
        guard slept >= self.configuration.oversleep else { return }
        for connection in self.peers.keys {
            self.peers.update(connection) { peer in
                peer.liveness.excuse(slept, at: now)
                peer.downloads.excuse(slept, at: now)
            }
        }
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
        self.abandonManifest(handle)
        self.swarms.update(handle) { $0.manifestFetch = ManifestFetch(source: next, at: now) }
        self.requestManifest(handle, at: now, into: &effects)
    }
}

/// The least of some moments.
struct Earliest {
    private(set) var moment: Instant?

    mutating func consider(_ other: Instant?) {
        guard let other else { return }
        self.moment = min(self.moment ?? other, other)
    }
}
