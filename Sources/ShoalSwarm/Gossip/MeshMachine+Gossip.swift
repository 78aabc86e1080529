import ShoalCore
import ShoalWire

/// What neighbours tell about nodes, and what is made of it. What goes out is in `MeshMachine+GossipRounds`.
extension MeshMachine {
    private var numbers: GossipConfiguration { self.configuration.gossip }

    /// A swarm is open with a neighbour: both tell each other what they have and know.
    mutating func gossipOpened(_ handle: SwarmHandle, with connection: ConnectionID, _ node: NodeID, at now: Instant) {
        if self.gossip.sessions[handle] == nil { self.gossip.sessions[handle] = GossipSession() }
        let moment = now + self.groupingDelay()
        self.gossip.sessions.update(handle) { session in
            session.neighbours[connection] = GossipSession.Neighbour(node: node)
            session.scheduleOwn(at: moment)
            session.scheduleDigest(at: moment)
        }
    }

    /// What we can serve whole may be different now.
    mutating func inventoryChanged(_ handle: SwarmHandle, at now: Instant) {
        guard let complete = self.swarms[handle]?.holdings?.complete else { return }
        guard let session = self.gossip.sessions[handle], session.own?.holdings != complete else { return }
        let moment = now + self.groupingDelay()
        self.gossip.sessions.update(handle) { $0.scheduleOwn(at: moment) }
        if session.own == nil {
            // The manifest has come: now we can say what we have, and understand what others say.
            self.gossip.sessions.update(handle) { session in
                for connection in session.neighbours.keys {
                    session.neighbours.update(connection) { $0.wantsDigest = true }
                }
                session.scheduleDigest(at: moment)
            }
        }
    }

    mutating func groupingDelay() -> Duration {
        let range = self.numbers.grouping
        let nanoseconds = range.lowerBound.wholeNanoseconds...range.upperBound.wholeNanoseconds
        return .nanoseconds(Int64.random(in: nanoseconds, using: &self.generator))
    }

    mutating func receivedGossip(
        _ gossip: Gossip,
        _ handle: SwarmHandle,
        from connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        switch self.gossip.admitGossip(from: connection, at: now) {
        case .taken: break
        case .ignored: return
        case .fault: return self.malformed(connection, .invalid(field: "rate of gossip"), into: &effects)
        }
        // Without the manifest nothing of it can be checked.
        guard self.swarms[handle]?.holdings != nil else { return }
        self.gossip.sessions.update(handle) { $0.table.expire(at: now) }
        switch gossip {
        case .inventory(let stamp, let holdings):
            let news = InventoryNews(handle: handle, connection: connection, stamp: stamp, content: .whole(holdings))
            self.receivedInventory(news, at: now, into: &effects)
        case .delta(let stamp, let change):
            let news = InventoryNews(handle: handle, connection: connection, stamp: stamp, content: .change(change))
            self.receivedInventory(news, at: now, into: &effects)
        case .digest(let digest): self.receivedDigest(digest, handle, from: connection, at: now, into: &effects)
        case .wants(let versions): self.receivedWants(versions, handle, from: connection, at: now, into: &effects)
        case .leave(let departure):
            self.receivedDeparture(departure, handle, from: connection, at: now, into: &effects)
        }
    }

    // MARK: Inventories

    /// A version of some node's inventory, as a neighbour told it.
    private struct InventoryNews {
        enum Content {
            case whole(Bitfield)
            case change(InventoryChange)
        }

        let handle: SwarmHandle
        let connection: ConnectionID
        let stamp: InventoryStamp
        let content: Content

        func fits(shards count: Int) -> Bool {
            switch self.content {
            case .whole(let holdings): holdings.count == count
            case .change(let change): [change.set.last, change.cleared.last].allSatisfy { $0?.position ?? 0 < count }
            }
        }
    }

    private mutating func receivedInventory(
        _ news: InventoryNews,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        let stamp = news.stamp
        guard let count = self.swarms[news.handle]?.holdings?.shardSizes.count else { return }
        guard news.fits(shards: count) else {
            return self.malformed(news.connection, .invalid(field: "shards"), into: &effects)
        }
        let node = self.authenticator.nodeID(of: stamp.publicKey)
        guard !self.nodes.isBanned(node), self.gossip.clock.accepts(stamp.sequence, at: now) else { return }
        guard self.isNewer(stamp, of: node, news) else { return }
        guard let holdings = self.holdings(in: news, of: node) else {
            return self.want(node.prefix, news.handle, from: news.connection, at: now, into: &effects)
        }
        guard self.gossip.verifications.take(1, at: now) else { return }
        guard self.isSigned(stamp, holdings, in: news.handle) else {
            return self.rejectForged(news, node, at: now, into: &effects)
        }
        guard node != self.nodeID else { return self.overtaken(by: stamp, news.handle, at: now) }
        self.enter(stamp, holdings, node, news, at: now)
    }

    /// Whether it says something that we do not know. What it says of the way to the node is taken in anyway.
    private mutating func isNewer(_ stamp: InventoryStamp, of node: NodeID, _ news: InventoryNews) -> Bool {
        if node == self.nodeID {
            return stamp.sequence > self.gossip.sessions[news.handle]?.own?.sequence ?? .max
        }
        guard let latest = self.gossip.sessions[news.handle]?.table.latestSequence(of: node.prefix) else { return true }
        if latest == stamp.sequence {
            self.gossip.sessions.update(news.handle) { session in
                session.table.update(node.prefix) { entry in
                    entry.heard(from: news.connection)
                    entry.setRelay(news.connection, stamp.isNeighbour)
                }
            }
        }
        return latest < stamp.sequence
    }

    /// What the node can serve, by this news; nil when we lack the version that it builds on.
    private func holdings(in news: InventoryNews, of node: NodeID) -> Bitfield? {
        switch news.content {
        case .whole(let holdings): holdings
        case .change(let change):
            self.gossip.sessions[news.handle]?.table[node.prefix]?.inventory.holdings(after: change)
        }
    }

    private func isSigned(_ stamp: InventoryStamp, _ holdings: Bitfield, in handle: SwarmHandle) -> Bool {
        guard let secret = self.swarms[handle]?.description.secret else { return false }
        let statement = GossipStatement.inventory(
            secret: secret,
            publicKey: stamp.publicKey,
            sequence: stamp.sequence,
            timeToLive: stamp.timeToLive,
            holdings: self.authenticator.digest(of: holdings.bytes)
        )
        return self.authenticator.isValid(stamp.signature, of: statement, by: stamp.publicKey)
    }

    /// A whole inventory that its node has not signed is its bringer's lie. A difference may be honest: its node may have
    /// told us and others two things under one number. Then the whole is asked for.
    private mutating func rejectForged(
        _ news: InventoryNews,
        _ node: NodeID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        switch news.content {
        case .whole: self.malformed(news.connection, .invalid(field: "signature"), into: &effects)
        case .change:
            self.want(node.prefix, news.handle, from: news.connection, whole: true, at: now, into: &effects)
        }
    }

    /// An earlier run of this node has said more than we have: ours must be later to count.
    private mutating func overtaken(by stamp: InventoryStamp, _ handle: SwarmHandle, at now: Instant) {
        self.gossip.sessions.update(handle) { session in
            guard let own = session.own else { return }
            session.own?.replace(
                sequence: stamp.sequence,
                timeToLive: own.timeToLive,
                signature: own.signature,
                holdings: own.holdings
            )
            // What was signed under the smaller number is signed anew.
            session.ownSignedAt = nil
        }
        let moment = now + self.groupingDelay()
        self.gossip.sessions.update(handle) { $0.scheduleOwn(at: moment) }
    }

    private mutating func enter(
        _ stamp: InventoryStamp,
        _ holdings: Bitfield,
        _ node: NodeID,
        _ news: InventoryNews,
        at now: Instant
    ) {
        guard let source = self.peers[news.connection]?.identity?.nodeID else { return }
        let known = self.gossip.sessions[news.handle]?.table[node.prefix]
        let timeToLive = Duration.milliseconds(Int64(stamp.timeToLive))
        var inventory =
            known?.inventory
            ?? Inventory(
                publicKey: stamp.publicKey,
                node: node,
                sequence: stamp.sequence,
                timeToLive: timeToLive,
                signature: stamp.signature,
                holdings: holdings
            )
        if known != nil {
            inventory.replace(
                sequence: stamp.sequence,
                timeToLive: timeToLive,
                signature: stamp.signature,
                holdings: holdings
            )
        }
        var entry = InventoryTable.Entry(
            inventory,
            expiresAt: now + .milliseconds(Int64(stamp.timeToLive - stamp.age)),
            source: known?.source ?? source,
            heardFrom: news.connection,
            relays: known?.relays ?? []
        )
        entry.setRelay(news.connection, stamp.isNeighbour)
        let moment = now + self.groupingDelay()
        self.gossip.sessions.update(news.handle) { session in
            session.table.insert(entry)
            session.arrived(node.prefix)
            session.scheduleNews(at: moment)
        }
        self.contacts.scheduleRound(at: moment)
    }

    // MARK: Digests, wants, departures

    private mutating func receivedDigest(
        _ digest: InventoryDigest,
        _ handle: SwarmHandle,
        from connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        var wanted: [InventoryVersion] = []
        for item in digest.items where wanted.count < WireLimits.wants {
            let node = item.version.node
            self.gossip.sessions.update(handle) { session in
                session.table.update(node) { $0.setRelay(connection, item.isNeighbour) }
            }
            let known = self.latestKnown(node, handle) ?? 0
            guard known < item.version.sequence, self.gossip.clock.accepts(item.version.sequence, at: now) else {
                continue
            }
            let mayAsk = self.gossip.sessions.update(handle) { $0.mayAsk(connection, for: node, at: now) }
            if mayAsk == true { wanted.append(InventoryVersion(node: node, sequence: known)) }
        }
        if !wanted.isEmpty {
            effects.append(.send(connection, ControlMessage(handle: handle.rawValue, .gossip(.wants(wanted)))))
        }
        guard let session = self.gossip.sessions[handle] else { return }
        if let own = session.own, digest.range.contains(own.node.prefix) {
            let theirs = digest.items.first { $0.version.node == own.node.prefix }?.version.sequence ?? 0
            if theirs < own.sequence { self.answer(own.node.prefix, since: theirs, handle, connection, now, &effects) }
        }
        for prefix in session.missing(in: digest, of: connection).prefix(self.numbers.answersToDigest) {
            let theirs = digest.items.first { $0.version.node == prefix }?.version.sequence ?? 0
            self.answer(prefix, since: theirs, handle, connection, now, &effects)
        }
    }

    private func latestKnown(_ node: NodePrefix, _ handle: SwarmHandle) -> UInt64? {
        guard let session = self.gossip.sessions[handle] else { return nil }
        return session.own?.node.prefix == node ? session.own?.sequence : session.table.latestSequence(of: node)
    }

    private mutating func receivedWants(
        _ versions: [InventoryVersion],
        _ handle: SwarmHandle,
        from connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        for version in versions {
            self.answer(version.node, since: version.sequence, handle, connection, now, &effects)
        }
    }

    /// Asks for an inventory, the whole of it if what we have is of no use.
    private mutating func want(
        _ prefix: NodePrefix,
        _ handle: SwarmHandle,
        from connection: ConnectionID,
        whole: Bool = false,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard self.gossip.sessions.update(handle, { $0.mayAsk(connection, for: prefix, at: now) }) == true else {
            return
        }
        let known = whole ? nil : self.gossip.sessions[handle]?.table[prefix]?.inventory.sequence
        let wants = Gossip.wants([InventoryVersion(node: prefix, sequence: known ?? 0)])
        effects.append(.send(connection, ControlMessage(handle: handle.rawValue, .gossip(wants))))
    }

    private mutating func receivedDeparture(
        _ departure: Departure,
        _ handle: SwarmHandle,
        from connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        let node = self.authenticator.nodeID(of: departure.publicKey)
        guard node != self.nodeID, self.gossip.clock.accepts(departure.sequence, at: now) else { return }
        guard let session = self.gossip.sessions[handle], let secret = self.swarms[handle]?.description.secret else {
            return
        }
        // Of a node that we do not know it is no news.
        guard let latest = session.table.latestSequence(of: node.prefix), latest < departure.sequence else { return }
        guard self.gossip.verifications.take(1, at: now) else { return }
        let statement = GossipStatement.departure(
            secret: secret,
            publicKey: departure.publicKey,
            sequence: departure.sequence
        )
        guard self.authenticator.isValid(departure.signature, of: statement, by: departure.publicKey) else {
            return self.malformed(connection, .invalid(field: "signature"), into: &effects)
        }
        let moment = now + self.groupingDelay()
        self.gossip.sessions.update(handle) { session in
            session.table.depart(node.prefix, sequence: departure.sequence, at: now)
            guard session.departures.count < GossipSession.departureLimit else { return }
            session.departures.append((departure, heardFrom: connection))
            session.scheduleNews(at: moment)
        }
    }
}
