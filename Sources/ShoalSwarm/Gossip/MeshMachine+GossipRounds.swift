import ShoalCore
import ShoalWire

/// What neighbours are told: our own changes first, then the freshest of what others said, then digests; each within its
/// share of bytes, so that a node says no more in a swarm of thousands than in one of ten.
extension MeshMachine {
    private var numbers: GossipConfiguration { self.configuration.gossip }

    mutating func runGossip(at now: Instant, into effects: inout [MeshEffect]) {
        for handle in self.gossip.sessions.keys {
            if self.gossip.sessions.update(handle, { $0.takeOwnDue(at: now) }) == true {
                self.tellOwn(handle, at: now, into: &effects)
            }
            if self.gossip.sessions.update(handle, { $0.takeNewsDue(at: now) }) == true {
                self.tellNews(handle, at: now, into: &effects)
            }
            if self.gossip.sessions.update(handle, { $0.takeDigestDue(at: now) }) == true {
                self.tellDigests(handle, at: now, into: &effects)
            }
            self.gossip.sessions.update(handle) { $0.table.expire(at: now) }
        }
    }

    // MARK: Ours

    private mutating func tellOwn(_ handle: SwarmHandle, at now: Instant, into effects: inout [MeshEffect]) {
        self.signOwn(handle, at: now)
        guard let session = self.gossip.sessions[handle], let own = session.own else { return }
        let renewal = (session.ownSignedAt ?? now) + self.numbers.renewal
        self.gossip.sessions.update(handle) { $0.scheduleOwn(at: renewal) }
        for connection in self.listeners(to: own, in: session) {
            guard self.gossip.ownCredit.isOpen(at: now) else {
                let moment = self.gossip.ownCredit.opensAt
                self.gossip.sessions.update(handle) { $0.scheduleOwn(at: moment) }
                return
            }
            // Whom we never told gets the whole: there is nothing that it could build on.
            let base = session.neighbours[connection]?.ownSequence ?? 0
            let age = now - (session.ownSignedAt ?? now)
            let message = ControlMessage(
                handle: handle.rawValue,
                .gossip(own.gossip(since: base, age: age, isNeighbour: true))
            )
            self.gossip.ownCredit.spend(message.encoded().count, at: now)
            self.gossip.sessions.update(handle) { session in
                session.neighbours.update(connection) { $0.ownSequence = own.sequence }
            }
            effects.append(.send(connection, message))
        }
    }

    /// Neighbours that have not been told of our latest version: those that never heard of us, and some of the others.
    /// The rest hears of it from them, or from a digest.
    private mutating func listeners(to own: Inventory, in session: GossipSession) -> [ConnectionID] {
        let behind = session.neighbours.filter { $0.value.ownSequence != own.sequence }
        let new = behind.filter { $0.value.ownSequence == nil }.map(\.key)
        let others = behind.filter { $0.value.ownSequence != nil }.map(\.key)
        return new + self.some(self.numbers.ownFanout, of: others)
    }

    /// Up to `count` of `connections`, from a random one on.
    private mutating func some(_ count: Int, of connections: [ConnectionID]) -> [ConnectionID] {
        guard connections.count > count else { return connections }
        let start = Int.random(in: 0..<connections.count, using: &self.generator)
        return Array((connections[start...] + connections[..<start]).prefix(count))
    }

    /// Signs a new version of our inventory if it is different, or old.
    private mutating func signOwn(_ handle: SwarmHandle, at now: Instant) {
        guard let swarm = self.swarms[handle], let holdings = swarm.holdings?.complete else { return }
        guard let session = self.gossip.sessions[handle] else { return }
        if let own = session.own, let signedAt = session.ownSignedAt, own.holdings == holdings,
            now < signedAt + self.numbers.renewal
        {
            return
        }
        let sequence = max((session.own?.sequence ?? 0) + 1, self.gossip.clock.milliseconds(at: now))
        let statement = GossipStatement.inventory(
            secret: swarm.description.secret,
            publicKey: self.authenticator.publicKey,
            sequence: sequence,
            timeToLive: self.numbers.timeToLive.wireMilliseconds,
            holdings: self.authenticator.digest(of: holdings.bytes)
        )
        let signature = self.authenticator.sign(statement)
        let (publicKey, node, timeToLive) = (self.authenticator.publicKey, self.nodeID, self.numbers.timeToLive)
        self.gossip.sessions.update(handle) { session in
            session.ownSignedAt = now
            guard session.own == nil else {
                session.own?.replace(
                    sequence: sequence,
                    timeToLive: timeToLive,
                    signature: signature,
                    holdings: holdings
                )
                return
            }
            session.own = Inventory(
                publicKey: publicKey,
                node: node,
                sequence: sequence,
                timeToLive: timeToLive,
                signature: signature,
                holdings: holdings
            )
        }
    }

    // MARK: Others'

    private mutating func tellNews(_ handle: SwarmHandle, at now: Instant, into effects: inout [MeshEffect]) {
        self.gossip.sessions.update(handle) { $0.table.expire(at: now) }
        guard let session = self.gossip.sessions[handle] else { return }
        for (departure, heardFrom) in session.departures {
            let others = session.neighbours.keys.filter { $0 != heardFrom }
            let message = ControlMessage(handle: handle.rawValue, .gossip(.leave(departure)))
            for connection in self.some(self.numbers.relayFanout, of: others) {
                self.gossip.relayCredit.spend(message.encoded().count, at: now)
                effects.append(.send(connection, message))
            }
        }
        self.gossip.sessions.update(handle) { $0.departures = [] }
        for prefix in session.table.news(at: now) {
            guard let entry = session.table[prefix] else { continue }
            guard self.gossip.relayCredit.isOpen(at: now) else {
                let moment = self.gossip.relayCredit.opensAt
                self.gossip.sessions.update(handle) { $0.scheduleNews(at: moment) }
                return
            }
            let isNeighbour = session.isNeighbour(entry.inventory.node)
            let gossip = entry.inventory.gossip(since: nil, age: entry.age(at: now), isNeighbour: isNeighbour)
            let message = ControlMessage(handle: handle.rawValue, .gossip(gossip))
            let listeners = session.neighbours
                .filter { !entry.heardFrom.contains($0.key) && $0.value.node != entry.inventory.node }
                .map(\.key)
            for connection in self.some(self.numbers.relayFanout, of: listeners) {
                self.gossip.relayCredit.spend(message.encoded().count, at: now)
                effects.append(.send(connection, message))
            }
            self.gossip.sessions.update(handle) { session in session.table.update(prefix) { $0.isNews = false } }
        }
    }

    /// Tells every new neighbour what we know of, or, when none is new, the one whose turn it is.
    private mutating func tellDigests(_ handle: SwarmHandle, at now: Instant, into effects: inout [MeshEffect]) {
        var isDue = true
        while isDue, let session = self.gossip.sessions[handle], session.own != nil,
            let connection = session.nextDigested()
        {
            guard self.gossip.relayCredit.isOpen(at: now) else {
                let moment = self.gossip.relayCredit.opensAt
                self.gossip.sessions.update(handle) { $0.scheduleDigest(at: moment) }
                return
            }
            self.tellDigest(session, to: connection, handle, at: now, into: &effects)
            isDue = self.gossip.sessions[handle]?.neighbours.hasValue { $1.wantsDigest } == true
        }
    }

    private mutating func tellDigest(
        _ session: GossipSession,
        to connection: ConnectionID,
        _ handle: SwarmHandle,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        let digest = session.digest(limit: self.numbers.digestItems, using: &self.generator)
        let message = ControlMessage(handle: handle.rawValue, .gossip(.digest(digest)))
        self.gossip.relayCredit.spend(message.encoded().count, at: now)
        effects.append(.send(connection, message))
        let interval = self.numbers.digestInterval
        self.gossip.sessions.update(handle) { session in
            session.lastDigest = connection
            session.neighbours.update(connection) { $0.wantsDigest = false }
            session.scheduleDigest(at: now + interval)
        }
    }

    // MARK: Answers

    /// Sends what we know of a node to a neighbour that has its version `base`, 0 for none, unless too much was said
    /// already.
    mutating func answer(
        _ prefix: NodePrefix,
        since base: UInt64,
        _ handle: SwarmHandle,
        _ connection: ConnectionID,
        _ now: Instant,
        _ effects: inout [MeshEffect]
    ) {
        guard self.gossip.answerCredit.isOpen(at: now), let session = self.gossip.sessions[handle] else { return }
        let gossip: Gossip
        if let own = session.own, own.node.prefix == prefix, let signedAt = session.ownSignedAt {
            guard own.sequence > base, now - signedAt < own.timeToLive else { return }
            gossip = own.gossip(since: base, age: now - signedAt, isNeighbour: true)
        } else {
            guard let entry = session.table[prefix], entry.inventory.sequence > base else { return }
            let isNeighbour = session.isNeighbour(entry.inventory.node)
            gossip = entry.inventory.gossip(since: base, age: entry.age(at: now), isNeighbour: isNeighbour)
        }
        let message = ControlMessage(handle: handle.rawValue, .gossip(gossip))
        self.gossip.answerCredit.spend(message.encoded().count, at: now)
        effects.append(.send(connection, message))
    }

    // MARK: Going

    /// Tells all neighbours that this node goes, so that nobody looks for it.
    func gossipDeparture(into effects: inout [MeshEffect]) {
        for handle in self.gossip.sessions.keys { self.gossipDeparture(of: handle, into: &effects) }
    }

    /// Tells the neighbours of one swarm.
    func gossipDeparture(of handle: SwarmHandle, into effects: inout [MeshEffect]) {
        guard let session = self.gossip.sessions[handle], let own = session.own else { return }
        guard let secret = self.swarms[handle]?.description.secret else { return }
        let statement = GossipStatement.departure(
            secret: secret,
            publicKey: own.publicKey,
            sequence: own.sequence + 1
        )
        let departure = Departure(
            publicKey: own.publicKey,
            sequence: own.sequence + 1,
            signature: self.authenticator.sign(statement)
        )
        for connection in session.neighbours.keys {
            effects.append(.send(connection, ControlMessage(handle: handle.rawValue, .gossip(.leave(departure)))))
        }
    }
}
