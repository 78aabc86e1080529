import ShoalCore
import ShoalSwarm

/// Offers, answers, and what becomes of them.
extension Simulation {
    /// 30 ms: what it takes to gather host candidates and make a description.
    private static let gathering = Duration.milliseconds(30)

    mutating func makeOffer(_ connection: ConnectionID, of node: Int) {
        self.nodes[node].connections[connection] = .described
        let sdp = self.describe(connection, of: node) + "\n"
        self.post(.described(connection, sdp: sdp), to: node, after: Self.gathering)
    }

    mutating func makeAnswer(_ connection: ConnectionID, to offer: String, of node: Int) {
        guard let initiator = self.side(describedBy: offer) else {
            return self.post(.closed(connection, reason: "the offer makes no sense"), to: node)
        }
        self.nodes[node].connections[connection] = .described
        // The answer says whom it answers, as candidates and fingerprints do.
        let sdp = self.describe(connection, of: node) + " to " + Self.describe(initiator) + "\n"
        self.post(.described(connection, sdp: sdp), to: node, after: Self.gathering)
    }

    mutating func acceptAnswer(_ answer: String, for connection: ConnectionID, of node: Int) {
        let initiator = Introduction.Side(life: self.nodes[node].current, connection: connection)
        guard case .described? = self.nodes[node].connections[connection],
            let responder = self.side(describedBy: answer)
        else { return }
        self.nodes[node].connections[connection] = .connecting
        // ICE, DTLS and SCTP take four round trips.
        let delay = self.latency(node, responder.life.node) * 8
        self.queue.push(.open(Introduction(initiator: initiator, responder: responder)), at: self.now + delay)
    }

    private func describe(_ connection: ConnectionID, of node: Int) -> String {
        Self.describe(Introduction.Side(life: self.nodes[node].current, connection: connection))
    }

    private static func describe(_ side: Introduction.Side) -> String {
        "node \(side.life.node) life \(side.life.life) connection \(side.connection.rawValue)"
    }

    /// Who made a description; nil when nobody did.
    private func side(describedBy text: String) -> Introduction.Side? {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count >= 6, let node = Int(words[1]), self.nodes.indices.contains(node), let life = Int(words[3]),
            let connection = UInt64(words[5])
        else { return nil }
        return Introduction.Side(
            life: NodeLife(node: node, life: life),
            connection: ConnectionID(connection)
        )
    }

    /// Both sides know each other: the connection opens, unless one of them has given it up or the network is cut. Then
    /// nothing comes, and the machines have their limits for that.
    mutating func open(_ introduction: Introduction) {
        let sides = [introduction.initiator, introduction.responder]
        for side in sides {
            guard self.isCurrent(side.life), let state = self.nodes[side.life.node].connections[side.connection] else {
                return
            }
            if case .open = state { return }
        }
        let numbers = sides.map(\.life.node)
        guard !self.areApart(numbers[0], numbers[1]) else {
            return
        }
        let first = self.ends.count
        for side in sides { self.ends.append(LinkEnd(owner: side.life, connection: side.connection)) }
        for (position, side) in sides.enumerated() {
            let node = side.life.node
            self.nodes[node].connections.update(side.connection) { $0 = .open(end: first + position) }
            self.nodes[node].record.connectionsOpened += 1
            let path = PeerPath(
                role: position == 0 ? .initiator : .responder,
                localFingerprint: Self.fingerprint(of: side.life),
                remoteFingerprint: Self.fingerprint(of: sides[1 - position].life)
            )
            self.give(.opened(side.connection, path), to: node)
        }
    }

    private static func fingerprint(of life: NodeLife) -> Digest {
        SimulatedAuthenticator.value(
            of: SimulatedAuthenticator.bytes(of: UInt64(life.node)),
            SimulatedAuthenticator.bytes(of: UInt64(life.life))
        )
    }

    /// The machine wants no more of a connection.
    mutating func disconnect(_ connection: ConnectionID, _ reason: String, of node: Int) {
        guard let state = self.nodes[node].connections[connection] else { return }
        guard case .open(let end) = state else {
            self.nodes[node].connections.removeValue(forKey: connection)
            return self.post(.closed(connection, reason: reason), to: node)
        }
        let other = self.ends[end ^ 1].owner.node
        if !self.areApart(node, other) {
            let arrival = max(self.now + self.latency(node, other), self.ends[end].controlArrival)
            let goodbye = Packet.goodbye(reason: "the peer has closed the connection")
            self.queue.push(.arrival(end: end ^ 1, goodbye, isQueued: false), at: arrival)
        } else {
            self.queue.push(.giveUp(end: end ^ 1, since: self.now), at: self.now + Self.patience)
        }
        self.close(end, reason: reason)
    }

    /// One side of a connection is over: room comes back, then the machine is told.
    mutating func close(_ end: Int, reason: String) {
        guard self.ends[end].isOpen else { return }
        self.ends[end].isOpen = false
        let node = self.ends[end].owner.node
        let connection = self.ends[end].connection
        self.release(self.ends[end].ledger.closed(), at: node)
        for chunk in self.ends[end].abandon() {
            self.post(.chunkUnreadable(connection, request: chunk.request, chunk: chunk.chunk), to: node)
        }
        self.nodes[node].connections.removeValue(forKey: connection)
        self.post(.closed(connection, reason: reason), to: node)
    }

    /// The channel has had no answer for too long. `since` tells whether that still holds.
    mutating func giveUp(_ end: Int, since: Instant) {
        guard self.ends[end].isOpen, self.isCurrent(self.ends[end].owner) else { return }
        let isHeld = self.ends[end].heldSince == since
        let isAlone = !self.ends[end ^ 1].isOpen
        var sleeps = false
        if case .asleep = self.nodes[self.ends[end ^ 1].owner.node].state { sleeps = true }
        guard isHeld || isAlone || sleeps else { return }
        self.close(end, reason: "the channel gave up: no answer")
        if !isAlone, sleeps {
            let goodbye = Packet.goodbye(reason: "the peer has given the connection up")
            self.queue.push(.arrival(end: end ^ 1, goodbye, isQueued: false), at: self.now + Self.turn)
        } else if !isAlone {
            self.queue.push(.giveUp(end: end ^ 1, since: self.now), at: self.now + Self.turn)
        }
    }
}
