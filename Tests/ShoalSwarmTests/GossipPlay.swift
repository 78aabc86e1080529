import ShoalCore
import ShoalSwarm
import ShoalWire

/// What a node of a test says in gossip and signals: signed as it should be, unless a test changes it afterwards.
struct GossipVoice {
    let authenticator: FakeAuthenticator
    var secret = MachineDriver.secret

    init(_ authenticator: FakeAuthenticator) { self.authenticator = authenticator }

    init(index: UInt32) { self.authenticator = FakeAuthenticator(index: index) }

    var node: NodeID { self.authenticator.nodeID(of: self.authenticator.publicKey) }

    func stamp(
        _ holdings: Bitfield,
        sequence: UInt64,
        timeToLive: UInt32 = 120_000,
        age: UInt32 = 0,
        isNeighbour: Bool = false
    ) -> InventoryStamp {
        let statement = GossipStatement.inventory(
            secret: self.secret,
            publicKey: self.authenticator.publicKey,
            sequence: sequence,
            timeToLive: timeToLive,
            holdings: self.authenticator.digest(of: holdings.bytes)
        )
        return InventoryStamp(
            publicKey: self.authenticator.publicKey,
            sequence: sequence,
            timeToLive: timeToLive,
            age: age,
            isNeighbour: isNeighbour,
            signature: self.authenticator.sign(statement)
        )
    }

    func inventory(
        _ holdings: Bitfield,
        sequence: UInt64,
        age: UInt32 = 0,
        isNeighbour: Bool = false
    ) -> ControlMessage.Body {
        .gossip(
            .inventory(self.stamp(holdings, sequence: sequence, age: age, isNeighbour: isNeighbour), holdings)
        )
    }

    func leave(sequence: UInt64) -> ControlMessage.Body {
        let key = self.authenticator.publicKey
        let statement = GossipStatement.departure(secret: self.secret, publicKey: key, sequence: sequence)
        return .gossip(
            .leave(Departure(publicKey: key, sequence: sequence, signature: self.authenticator.sign(statement)))
        )
    }

    func signal(
        _ kind: Signal.Kind,
        to node: NodeID,
        id: OfferID,
        sentAt: UInt64 = 1,
        hops: UInt8 = 1,
        sdp: String = "v=0"
    ) -> Signal {
        var signal = Signal(
            kind: kind,
            hops: hops,
            from: self.authenticator.publicKey,
            to: node,
            offerID: id,
            sentAt: sentAt,
            signature: [],
            sdp: sdp
        )
        let statement = GossipStatement.signal(signal, secret: self.secret, author: self.node)
        signal.signature = self.authenticator.sign(statement)
        return signal
    }
}

extension PlayedPeer {
    var voice: GossipVoice { GossipVoice(self.authenticator) }
}

extension [MeshEffect] {
    /// The gossip that went to this connection.
    func gossip(to connection: ConnectionID) -> [Gossip] {
        self.sent(to: connection).compactMap { body in
            guard case .gossip(let gossip) = body else { return nil }
            return gossip
        }
    }

    /// The signals that went out, and where to.
    var signals: [(connection: ConnectionID, signal: Signal)] {
        self.compactMap { effect in
            guard case .send(let connection, let message) = effect, case .signal(let signal) = message.body else {
                return nil
            }
            return (connection, signal)
        }
    }

    /// Connections that were ordered for offers of ours.
    var soughtConnections: [ConnectionID] {
        self.compactMap { effect in
            guard case .makeOffer(let connection) = effect else { return nil }
            return connection
        }
    }

    /// Connections that were ordered for offers of others.
    var answeredConnections: [ConnectionID] {
        self.compactMap { effect in
            guard case .makeAnswer(let connection, _) = effect else { return nil }
            return connection
        }
    }

    /// Bytes of gossip that went out.
    var gossipBytes: Int {
        self.reduce(0) { sum, effect in
            guard case .send(_, let message) = effect, case .gossip = message.body else { return sum }
            return sum + message.encoded().count
        }
    }
}

extension MachineDriver {
    /// What the machine knows of nodes that gossip told of.
    var knownNodes: [NodeID: Bitfield] {
        self.machine.knownNodes(of: Self.swarm).reduce(into: [:]) { $0[$1.node] = $1.holdings }
    }
}
