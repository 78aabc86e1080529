import ShoalCore
import ShoalSwarm

/// Offers and answers that connect: who accepts an answer is connected to who made it.
struct Signalling {
    /// Off: offers and answers are only recorded.
    var isOn = false
    /// Nodes that answer offers and never open a connection.
    var unreachable: Set<Int> = []
    /// Connections that are on their way; for an answer, whose offer it answers.
    fileprivate var attempts: [Testbed.End: Testbed.End?] = [:]

    /// What makes the text of an SDP: who made it.
    fileprivate static func sdp(_ kind: String, _ end: Testbed.End) -> String {
        "\(kind) \(end.node) \(end.connection.rawValue)"
    }

    fileprivate static func end(_ sdp: String) -> Testbed.End? {
        let words = sdp.split(separator: " ")
        guard words.count == 3, let node = Int(words[1]), let connection = UInt64(words[2]) else { return nil }
        return Testbed.End(node: node, connection: ConnectionID(connection))
    }
}

extension Testbed {
    /// 5 ms: what it takes to describe a connection.
    private static let gathering = Duration.milliseconds(5)

    /// Carries out an effect about a connection that is not open yet.
    mutating func signal(_ effect: MeshEffect, of node: Int) {
        guard self.signalling.isOn else { return }
        switch effect {
        case .makeOffer(let connection): self.begin(End(node: node, connection: connection), "offer", for: nil)
        case .makeAnswer(let connection, let offer):
            self.begin(End(node: node, connection: connection), "answer", for: Signalling.end(offer))
        case .acceptAnswer(let connection, let answer):
            let initiator = End(node: node, connection: connection)
            guard let responder = Signalling.end(answer), self.signalling.attempts[responder] == .some(initiator),
                self.signalling.unreachable.isDisjoint(with: [node, responder.node])
            else { return }
            self.signalling.attempts[initiator] = nil
            self.signalling.attempts[responder] = nil
            self.open(initiator, responder)
        default: break
        }
    }

    private mutating func begin(_ end: End, _ kind: String, for offer: End?) {
        self.signalling.attempts[end] = .some(offer)
        let sdp = Signalling.sdp(kind, end)
        self.post(.described(end.connection, sdp: sdp), to: end.node, after: Self.gathering)
    }

    /// A connection that is on its way is closed before it opened.
    mutating func abandon(_ end: End, reason: String) {
        guard self.signalling.attempts.removeValue(forKey: end) != nil else { return }
        self.post(.closed(end.connection, reason: reason), to: end.node)
    }

    /// Peers of a node that have proved who they are, by their numbers.
    func neighbours(of node: Int) -> Set<Int> {
        var open: [ConnectionID: NodeID] = [:]
        for observation in self.nodes[node].observations {
            switch observation {
            case .peerJoined(let connection, let peer, _): open[connection] = peer
            case .peerLeft(let connection, _, _): open[connection] = nil
            default: break
            }
        }
        return Set(open.values.map { Int($0.bytes[0]) - 1 })
    }

    /// What gossip told `node` of what `other` has; nil when it knows nothing of it.
    func holdings(of other: Int, knownTo node: Int) -> Bitfield? {
        self.nodes[node].machine.knownNodes(of: Self.swarm).first { Int($0.node.bytes[0]) - 1 == other }?.holdings
    }
}
