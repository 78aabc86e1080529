package import ShoalCore
package import ShoalSwarm

/// What a tracker knows and how it answers, as a value: told what came over which socket and when, it says what to send.
///
/// It behaves as the reference server of WebTorrent where that is sound: as many random peers as the announce has
/// offers, the i-th offer to the i-th of them; a reply to every announce, `stopped` included; none to an answer. It
/// differs on purpose:
///
/// - An answer reaches who made the offer only from who got the offer, in time, and only the first one does. Others are
///   dropped in silence: nodes make an offer again until it is answered, so that late answers are no fault.
/// - A peer ID that shows up on a newer socket of its address belongs to that one, on one of another address when it was
///   silent for a while; the end of the older socket does not remove it.
/// - Only the socket that announced a peer ID can answer in its name or stop it.
/// - The end of a socket is `stopped` for all its peers, not for the first.
/// - Every table has a bound, and everything is decided by inputs and seed.
package struct TrackerRegistry: Sendable {
    package struct Configuration: Hashable, Sendable {
        /// What announcing peers are told to wait. Short, because it is how long a swarm takes to heal.
        package var interval: Duration = .seconds(30)
        /// How long a peer is remembered without an announce: six intervals.
        package var peerLifetime: Duration = .seconds(180)
        /// How long another address cannot announce a peer's ID, which whoever got an offer of the peer knows: three intervals. A
        /// client that moved to another address is back after that.
        package var takeoverDelay: Duration = .seconds(90)
        /// Connections, whether they announced or not. Beyond it new ones are closed.
        package var maximumSockets = 20_000
        /// Swarms. Beyond it announces of others are refused.
        package var maximumSwarms = 10_000
        /// Peers of a swarm. Beyond it one of the address that has the most makes room, the one that was silent for longest,
        /// and is back with its next announce.
        package var maximumPeersPerSwarm = 1000
        /// Peers that one socket stands for, over all swarms. Beyond it announces of others are refused.
        package var maximumPeersPerSocket = 1000
        /// Peers over all swarms, about 200 bytes each. Beyond it announces of others are refused.
        package var maximumPeers = 200_000
        /// Offers that are handed on for one announce. What is beyond is dropped, as every tracker does.
        package var maximumRelayedOffers = 10
        /// How long an offer may be answered: as long as any client waits (libtorrent, 120 s).
        package var offerLifetime: Duration = .seconds(120)
        /// Offers that may be answered, about 250 bytes each. Beyond it the oldest cannot be any more: at 5,000 offers a
        /// second that is after 20 s, and answers take one or two.
        package var maximumOpenOffers = 100_000

        package init() {}
    }

    /// What happened.
    package enum Input: Hashable, Sendable {
        /// A connection was accepted.
        case socketOpened(SocketID, from: TrackerAddress)
        /// A request came.
        case received(TrackerRequest, from: SocketID)
        /// Something came that is no request.
        case garbled(TrackerCodecError, from: SocketID)
        /// The connection ended, for whatever reason.
        case socketClosed(SocketID)
        /// ``nextDeadline`` has come, or it may have.
        case deadline
    }

    /// What to do.
    package enum Effect: Hashable, Sendable {
        case send(TrackerResponse, to: SocketID)
        /// The scrape is refused; which swarm it named, if it was one.
        case refuseScrape(reason: String, infoHash: InfoHash?, to: SocketID)
        /// There is no room for it.
        case close(SocketID)
    }

    /// How much there is.
    package struct Totals: Hashable, Sendable {
        package var sockets = 0
        package var swarms = 0
        package var peers = 0
        package var seeders = 0

        package init(sockets: Int = 0, swarms: Int = 0, peers: Int = 0, seeders: Int = 0) {
            self.sockets = sockets
            self.swarms = swarms
            self.peers = peers
            self.seeders = seeders
        }
    }

    /// What happened since the beginning.
    package struct Counters: Hashable, Sendable {
        package var announces = 0
        package var scrapes = 0
        /// Announces and scrapes that were answered with a failure, and what was no request.
        package var refusals = 0
        /// Offers that were handed to a peer.
        package var offers = 0
        /// Answers that were handed to who made the offer.
        package var answers = 0
        /// Answers that fit no offer, or came too late.
        package var droppedAnswers = 0
        /// How often a peer said `completed` for the first time.
        package var completed = 0
    }

    /// A peer ID in a swarm.
    struct Membership: Hashable, Sendable {
        let infoHash: InfoHash
        let peerID: PeerID
    }

    struct Socket: Sendable {
        let address: TrackerAddress
        /// The peers that it stands for.
        var peers = IndexedTable<Membership, Void>()
    }

    let configuration: Configuration
    var generator: SeededGenerator
    var swarms = IndexedTable<InfoHash, TrackerSwarm>()
    var sockets: [SocketID: Socket] = [:]
    var offers: RelayedOffers
    var peerCount = 0
    package internal(set) var counters = Counters()
    /// When to look through all swarms for silent peers; nil while there is none.
    private var nextSweep: Instant?

    package init(configuration: Configuration = Configuration(), seed: UInt64) {
        self.configuration = configuration
        self.generator = SeededGenerator(seed: seed)
        self.offers = RelayedOffers(capacity: configuration.maximumOpenOffers, lifetime: configuration.offerLifetime)
    }

    /// Whether the socket was let in and has not ended.
    package func isOpen(_ socket: SocketID) -> Bool { self.sockets[socket] != nil }

    /// When the registry wants to hear ``Input/deadline``; calls that come early or twice are harmless.
    package var nextDeadline: Instant? { self.nextSweep }

    package var totals: Totals {
        Totals(
            sockets: self.sockets.count,
            swarms: self.swarms.count,
            peers: self.peerCount,
            seeders: (0..<self.swarms.count).reduce(0) { $0 + self.swarms[$1].complete }
        )
    }

    package mutating func handle(_ input: Input, at now: Instant, into effects: inout [Effect]) {
        switch input {
        case .socketOpened(let socket, let address): self.open(socket, from: address, into: &effects)
        case .received(let request, let socket):
            guard self.sockets[socket] != nil else { return }
            switch request {
            case .announce(let announce): self.announce(announce, from: socket, at: now, into: &effects)
            case .answer(let answer): self.answer(answer, from: socket, at: now, into: &effects)
            case .scrape(let infoHashes): self.scrape(infoHashes, from: socket, at: now, into: &effects)
            }
            if self.nextSweep == nil, self.peerCount > 0 { self.nextSweep = now + self.sweepInterval }
        case .garbled(let error, let socket):
            guard self.sockets[socket] != nil else { return }
            self.refuse(error, from: socket, into: &effects)
        case .socketClosed(let socket):
            for membership in self.sockets[socket]?.peers.keys ?? [] { self.remove(membership) }
            self.sockets[socket] = nil
        case .deadline:
            guard let nextSweep, now >= nextSweep else { return }
            self.sweep(at: now)
            self.nextSweep = self.peerCount > 0 ? now + self.sweepInterval : nil
        }
    }

    private mutating func refuse(_ error: TrackerCodecError, from socket: SocketID, into effects: inout [Effect]) {
        self.counters.refusals += 1
        let reason = error.description
        effects.append(
            error.isAboutScrape
                ? .refuseScrape(reason: reason, infoHash: error.infoHash, to: socket)
                : .send(.failure(reason: reason, infoHash: error.infoHash), to: socket)
        )
    }

    /// Silent peers of a swarm leave when it is next asked about; the sweep is for swarms that nobody asks about.
    private var sweepInterval: Duration { self.configuration.peerLifetime / 6 }

    private mutating func open(_ socket: SocketID, from address: TrackerAddress, into effects: inout [Effect]) {
        guard self.sockets.count < self.configuration.maximumSockets else {
            effects.append(.close(socket))
            return
        }
        self.sockets[socket] = Socket(address: address)
    }

    private mutating func scrape(
        _ infoHashes: [InfoHash],
        from socket: SocketID,
        at now: Instant,
        into effects: inout [Effect]
    ) {
        self.counters.scrapes += 1
        guard !infoHashes.isEmpty || self.swarms.count <= TrackerCodec.maximumScrapedSwarms else {
            self.counters.refusals += 1
            let reason = "\(self.swarms.count) swarms: name up to \(TrackerCodec.maximumScrapedSwarms) of them"
            effects.append(.refuseScrape(reason: reason, infoHash: nil, to: socket))
            return
        }
        if infoHashes.isEmpty { self.sweep(at: now) }
        var counts: [InfoHash: TrackerCounts] = [:]
        for infoHash in infoHashes.isEmpty ? self.swarms.keys : infoHashes {
            self.removeSilentPeers(of: infoHash, at: now)
            counts[infoHash] = self.counts(of: infoHash)
        }
        effects.append(.send(.scraped(counts), to: socket))
    }

    func counts(of infoHash: InfoHash) -> TrackerCounts {
        self.swarms.position(of: infoHash).map { self.swarms[$0].counts }
            ?? TrackerCounts(complete: 0, incomplete: 0, downloaded: 0)
    }

    private mutating func sweep(at now: Instant) {
        for infoHash in self.swarms.keys { self.removeSilentPeers(of: infoHash, at: now) }
        self.offers.forgetOld(at: now)
    }

    mutating func removeSilentPeers(of infoHash: InfoHash, at now: Instant) {
        guard let position = self.swarms.position(of: infoHash) else { return }
        let lifetime = self.configuration.peerLifetime
        guard now - .zero >= lifetime else { return }
        for peerID in self.swarms[position].silent(since: now + (.zero - lifetime)) {
            self.remove(Membership(infoHash: infoHash, peerID: peerID))
        }
    }

    /// Takes a peer out of its swarm and off its socket; a swarm without peers is forgotten.
    mutating func remove(_ membership: Membership) {
        guard let position = self.swarms.position(of: membership.infoHash) else { return }
        guard let peer = self.swarms.modify(position, { $0.remove(membership.peerID) }) else { return }
        self.peerCount -= 1
        self.sockets[peer.socket]?.peers.remove(membership)
        if self.swarms[position].peers.isEmpty { self.swarms.remove(membership.infoHash) }
    }
}
