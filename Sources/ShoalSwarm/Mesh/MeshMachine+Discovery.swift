import ShoalCore
import ShoalWire

/// How peers are found: trackers, offers, answers.
extension MeshMachine {
    var openConnections: Int { self.peers.count + self.attempts.count - self.offers.count }

    /// Does what is due at trackers: connects, makes offers, announces.
    mutating func runDiscovery(at now: Instant, into effects: inout [MeshEffect]) {
        guard !self.isStopping else { return }
        for index in self.trackers.keys {
            let isDue = self.trackers.update(index) { $0.connectIfDue(at: now) }
            if isDue == true { effects.append(.connectTracker(index)) }
        }
        for connection in self.offers.takeStale(madeBefore: self.staleOffers(at: now)) {
            self.disconnect(connection, reason: "nobody answered the offer", into: &effects)
        }
        self.makeOffers(at: now, into: &effects)
        for index in self.trackers.keys {
            for handle in self.trackers[index]?.due(at: now) ?? [] {
                self.announce(handle, at: index, now: now, into: &effects)
            }
        }
    }

    private func staleOffers(at now: Instant) -> Instant {
        Instant(nanoseconds: 0) + ((now - .zero) - self.configuration.offerLifetime)
    }

    /// Keeps as many offers ready as swarms want peers at each of their trackers, within bounds.
    private mutating func makeOffers(at now: Instant, into effects: inout [MeshEffect]) {
        var wanted = 0
        for swarm in self.swarms.values {
            let each = min(self.wantedPeers(for: swarm), self.configuration.offersPerAnnounce)
            // A tracker that cannot be reached has no use for them; before any can, one is prepared for.
            wanted += each * max(1, swarm.description.trackers.count { self.trackers[$0]?.peerID != nil })
            // Those that wait for an answer where no more are wanted are of no use to others yet.
            if each == 0 { wanted += self.offers.waiting(for: swarm.handle, at: now) }
        }
        let target = min(wanted, self.configuration.offersAtOnce)
        while self.offers.count < target {
            let connection = self.newConnection()
            self.offers.begin(connection, id: .random(using: &self.generator), at: now)
            self.attempts[connection] = ConnectionAttempt(startedAt: now)
            effects.append(.makeOffer(connection))
        }
    }

    /// How many more peers the swarm could use: none when every peer that its trackers know of is connected.
    private func wantedPeers(for swarm: Swarm) -> Int {
        guard !swarm.description.trackers.isEmpty else { return 0 }
        let connected = self.peers.values.count { $0.swarms[swarm.handle] != nil }
        let free = self.configuration.maximumConnections - self.openConnections
        let sizes = swarm.description.trackers.compactMap { self.trackers[$0]?.announcements[swarm.handle]?.swarmSize }
        // A tracker that has not counted yet may know any number.
        guard sizes.count == swarm.description.trackers.count, let largest = sizes.max() else { return max(0, free) }
        return max(0, min(free, largest - 1 - connected))
    }

    private mutating func announce(
        _ handle: SwarmHandle,
        at index: TrackerIndex,
        now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard let tracker = self.trackers[index], let peerID = tracker.peerID else { return }
        guard let swarm = self.swarms[handle], let announcement = tracker.announcements[handle] else { return }
        let limit = min(self.wantedPeers(for: swarm), self.configuration.offersPerAnnounce)
        let taken = self.offers.take(limit, for: OfferBook.Place(tracker: index, swarm: handle), at: now)
        let announce = TrackerAnnounce(
            infoHash: swarm.description.infoHash,
            peerID: peerID,
            event: announcement.hasStarted ? nil : .started,
            uploaded: self.uploads.chunksServed * Cutting.chunkSize,
            downloaded: swarm.holdings?.verifiedBytes ?? 0,
            left: swarm.bytesLeft,
            offers: taken.map { offer in
                let sdp = self.noted(offer.sdp, .offer, of: offer.offerID, by: peerID, in: swarm, at: now)
                return TrackerOffer(offerID: offer.offerID, sdp: sdp)
            }
        )
        effects.append(.sendToTracker(index, .announce(announce)))
        let isLonely = swarm.wantsCompany && !self.peers.values.contains { $0.swarms[handle] != nil }
        let interval = self.configuration.announceInterval
        self.trackers.update(index) { tracker in
            let delay = isLonely ? tracker.lonelyDelay(handle, limit: interval) : interval
            tracker.announced(handle, next: now + delay, at: now)
        }
    }

    mutating func trackerConnected(_ index: TrackerIndex, at now: Instant, into effects: inout [MeshEffect]) {
        let peerID = PeerID.random(using: &self.generator)
        let wait = self.offers.gathering > 0 ? self.configuration.offerWait : .zero
        self.trackers.update(index) { $0.connected(as: peerID, wait: wait, at: now) }
        guard self.trackers[index]?.peerID == peerID else { return }
        effects.append(.observe(.trackerConnected(index)))
        self.runDiscovery(at: now, into: &effects)
    }

    mutating func trackerClosed(
        _ index: TrackerIndex,
        reason: String,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard !self.isStopping, var tracker = self.trackers[index] else { return }
        let delay = tracker.closed(at: now, using: &self.generator)
        self.trackers[index] = tracker
        guard let delay else { return self.runDiscovery(at: now, into: &effects) }
        effects.append(.observe(.trackerLost(index, reason: reason, retryIn: delay)))
    }

    mutating func trackerReceived(
        _ index: TrackerIndex,
        _ response: TrackerResponse,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard !self.isStopping else { return }
        switch response {
        case .announced(let statistics):
            guard let swarm = self.swarm(statistics.infoHash) else { return }
            self.trackers.update(index) { $0.answered(statistics, handle: swarm.handle) }
            if self.trackers[index]?.announcements[swarm.handle]?.swarmSize ?? 0 <= 1 {
                // Nobody else is there: the offers reached nobody.
                self.offers.release(OfferBook.Place(tracker: index, swarm: swarm.handle))
            }
            effects.append(
                .observe(
                    .trackerAnnounced(
                        index,
                        swarm.handle,
                        seeders: statistics.complete,
                        leechers: statistics.incomplete
                    )
                )
            )
        case .offer(let infoHash, let from, let offer):
            self.receivedOffer(offer, of: from, infoHash, at: index, now: now, into: &effects)
        case .answer(let infoHash, let from, let offerID, let text):
            guard let swarm = self.swarm(infoHash), self.offers.mayBeAnswered(offerID),
                self.openConnections < self.configuration.maximumConnections
            else { return }
            let (sdp, isMembers) = self.read(text, .answer, of: offerID, by: from, in: swarm, at: now)
            guard self.admitsTracked(ofMember: isMembers, at: now, into: &effects),
                let connection = self.offers.take(offerID)
            else { return }
            let deadline = now + self.configuration.connectLimit
            self.attempts.update(connection) { attempt in
                attempt.startedAt = now
                attempt.deadline = deadline
                attempt.isMembers = isMembers
            }
            effects.append(.acceptAnswer(connection, answer: sdp))
            self.runDiscovery(at: now, into: &effects)
        case .failure(let reason, let infoHash):
            if let swarm = infoHash.flatMap({ self.swarm($0) }) {
                self.trackers.update(index) { $0.refused(swarm.handle, at: now) }
            }
            effects.append(.observe(.trackerWarned(index, reason)))
        case .warning(let text): effects.append(.observe(.trackerWarned(index, text)))
        case .scraped: break
        }
    }

    private mutating func receivedOffer(
        _ offer: TrackerOffer,
        of peer: PeerID,
        _ infoHash: InfoHash,
        at index: TrackerIndex,
        now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard let swarm = self.swarm(infoHash), peer != self.trackers[index]?.peerID else { return }
        guard self.openConnections < self.configuration.maximumConnections else { return }
        let (sdp, isNoted) = self.read(offer.sdp, .offer, of: offer.offerID, by: peer, in: swarm, at: now)
        let isMembers = isNoted && self.memberAttempts(of: peer) < MemberNote.attemptsOfAuthor
        guard self.admitsTracked(ofMember: isMembers, at: now, into: &effects) else { return }
        let connection = self.newConnection()
        let route = ConnectionAttempt.AnswerRoute(
            way: .tracker(index, peer: peer),
            swarm: swarm.handle,
            offerID: offer.offerID
        )
        self.attempts[connection] = ConnectionAttempt(
            startedAt: now,
            deadline: now + self.configuration.connectLimit,
            isMembers: isMembers,
            answerTo: route
        )
        effects.append(.makeAnswer(connection, offer: sdp))
    }

    /// A connection's local description is ready: an offer waits for the next announce, an answer goes out now.
    mutating func described(
        _ connection: ConnectionID,
        sdp: String,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard self.attempts[connection]?.isClosing != true else { return }
        if self.offers.described(connection, sdp: sdp) {
            guard self.offers.gathering == 0 else { return }
            for index in self.trackers.keys { self.announceFirst(at: index, now: now) }
            self.runDiscovery(at: now, into: &effects)
            return
        }
        self.sendOffer(sdp, on: connection, at: now, into: &effects)
        guard let route = self.attempts[connection]?.answerTo, let swarm = self.swarms[route.swarm] else { return }
        guard case .tracker(let tracker, let peer) = route.way else {
            return self.sendAnswer(sdp, to: route, on: connection, at: now, into: &effects)
        }
        guard let peerID = self.trackers[tracker]?.peerID else {
            return self.disconnect(connection, reason: "the tracker that relayed the offer is gone", into: &effects)
        }
        let answer = TrackerAnswer(
            infoHash: swarm.description.infoHash,
            peerID: peerID,
            toPeerID: peer,
            offerID: route.offerID,
            sdp: self.noted(sdp, .answer, of: route.offerID, by: peerID, in: swarm, at: now),
            left: swarm.bytesLeft
        )
        effects.append(.sendToTracker(tracker, .answer(answer)))
    }

    /// First announces that waited for offers need not wait longer.
    private mutating func announceFirst(at index: TrackerIndex, now: Instant) {
        self.trackers.update(index) { tracker in
            for (handle, announcement) in tracker.announcements where !announcement.hasStarted {
                tracker.hurry(handle, to: now)
            }
        }
    }

    /// A peer was lost: swarms that want bytes and have nobody ask their trackers soon.
    mutating func seekPeers(at now: Instant, into effects: inout [MeshEffect]) {
        guard !self.isStopping else { return }
        for swarm in self.swarms.values where swarm.wantsCompany {
            guard !self.peers.values.contains(where: { $0.swarms[swarm.handle] != nil }) else { continue }
            for index in swarm.description.trackers {
                let jitter = Duration.milliseconds(Int64.random(in: 100...500, using: &self.generator))
                self.trackers.update(index) { tracker in
                    tracker.hurry(swarm.handle, to: now + jitter)
                    tracker.forgetSize(swarm.handle)
                }
            }
        }
        // The offers are to be ready by then.
        self.makeOffers(at: now, into: &effects)
    }

    /// Tells the trackers that we are a seeder now.
    mutating func announceCompletion(_ handle: SwarmHandle, at now: Instant, into effects: inout [MeshEffect]) {
        // A node that stops has said so to its trackers.
        guard let swarm = self.swarms[handle], !self.isStopping else { return }
        for index in swarm.description.trackers {
            guard let tracker = self.trackers[index], let peerID = tracker.peerID else { continue }
            guard tracker.announcements[handle]?.hasStarted == true else { continue }
            let announce = TrackerAnnounce(
                infoHash: swarm.description.infoHash,
                peerID: peerID,
                event: .completed,
                uploaded: self.uploads.chunksServed * Cutting.chunkSize,
                downloaded: swarm.holdings?.verifiedBytes ?? 0,
                left: 0
            )
            effects.append(.sendToTracker(index, .announce(announce)))
        }
    }

    /// Says goodbye: `stopped` to every tracker, and every connection is closed.
    mutating func stop(into effects: inout [MeshEffect]) {
        guard !self.isStopping else { return }
        self.isStopping = true
        self.gossipDeparture(into: &effects)
        for (index, tracker) in self.trackers {
            for handle in tracker.announcements.keys {
                if let swarm = self.swarms[handle] { self.sayStopped(swarm, at: index, into: &effects) }
            }
            effects.append(.disconnectTracker(index))
        }
        for connection in self.peers.keys + self.attempts.keys {
            self.disconnect(connection, reason: "this node stops", into: &effects)
        }
        effects.append(.observe(.stopped))
    }

    /// Tells a tracker that this node leaves a swarm, if it was told that it is there.
    func sayStopped(_ swarm: Swarm, at index: TrackerIndex, into effects: inout [MeshEffect]) {
        guard let tracker = self.trackers[index], let peerID = tracker.peerID else { return }
        guard tracker.announcements[swarm.handle]?.hasStarted == true else { return }
        let announce = TrackerAnnounce(
            infoHash: swarm.description.infoHash,
            peerID: peerID,
            event: .stopped,
            left: swarm.bytesLeft
        )
        effects.append(.sendToTracker(index, .announce(announce)))
    }

    private func swarm(_ infoHash: InfoHash) -> Swarm? {
        self.swarms.values.first { $0.description.infoHash == infoHash }
    }
}
