/// What an imitated tracker knows and how it replies, as a value.
///
/// Newcomers' offers go to the peers that came last, so that a test depends on no dice.
struct ImitatedSwarms: Sendable {
    enum Effect: Sendable {
        case send(SaidMessage, to: Int)
        case close(Int)
        /// The client did what the imitated tracker does not bear.
        case complain(String)
    }

    private struct Swarm: Hashable {
        let infoHash: String
        /// Of the socket's address; always false unless families are split.
        let isOtherFamily: Bool
    }

    private struct Peer {
        let id: String
        let socket: Int
        var isSeeder: Bool
    }

    private struct Relayed: Hashable {
        let swarm: Swarm
        let offerID: String
        let receiver: String
    }

    private let quirks: TrackerQuirks
    private var swarms: [Swarm: [Peer]] = [:]
    /// The first peer ID of a swarm on each socket.
    private var names: [Int: [Swarm: String]] = [:]
    private var relayed: Set<Relayed> = []
    /// Sockets that know the tracker's ID.
    private var informed: Set<Int> = []
    private var announces = 0
    /// Those of peers that want bytes.
    private var requests = 0

    init(_ quirks: TrackerQuirks) { self.quirks = quirks }

    mutating func received(_ message: HeardMessage, from socket: Int) -> [Effect] {
        guard message.action == "announce", HeardMessage.isID(message.swarm), HeardMessage.isID(message.peer) else {
            return [.complain("no announce: \(message)"), .close(socket)]
        }
        let swarm = Swarm(
            infoHash: message.swarm,
            isOtherFamily: self.quirks.splitsFamilies && !socket.isMultiple(of: 2)
        )
        if let refusal = self.refusal(of: message, in: swarm, from: socket) { return refusal }
        self.names[socket, default: [:]][swarm] = self.names[socket]?[swarm] ?? message.peer
        return message.answer == nil
            ? self.announce(message, in: swarm, from: socket) : self.answer(message, in: swarm, from: socket)
    }

    /// The socket's first peer ID leaves; the reference forgets no other.
    mutating func closed(_ socket: Int) {
        for (swarm, name) in self.names.removeValue(forKey: socket) ?? [:] {
            // The first socket takes a peer along that is alive on another: quirk A.
            self.swarms[swarm]?.removeAll { $0.id == name && $0.socket == socket }
        }
    }

    private func refusal(of message: HeardMessage, in swarm: Swarm, from socket: Int) -> [Effect]? {
        if let first = self.names[socket]?[swarm], first != message.peer, !self.quirks.allowsSecondPeerID {
            return [.complain("a second peer ID on a socket"), .close(socket)]
        }
        if self.informed.contains(socket), message.trackerID != self.quirks.trackerID {
            return [.complain("a tracker ID of \(message.trackerID ?? "none")"), .close(socket)]
        }
        let known = self.swarms[swarm]?.first { $0.id == message.peer }
        if let known, known.socket != socket, self.quirks.sharedPeerID == .silencesTheSecond {
            return [.complain("a peer ID of another socket")]
        }
        switch message.event {
        case .absent, .named("started"), .named("completed"), .named("stopped"): break
        case .named(let name) where self.quirks.otherEvents.contains(name): break
        case .null, .named:
            switch self.quirks.strangeEvent {
            case .isAnUpdate: break
            case .fails: return [.complain("event \(message.event)"), self.failure("Invalid request", message, socket)]
            case .closes: return [.complain("event \(message.event)"), .close(socket)]
            }
        }
        if self.quirks.checksDescriptions, let unsound = message.offers.first(where: { !$0.isSound }) {
            return [.complain("offer \(unsound)"), self.failure("Invalid request", message, socket)]
        }
        return nil
    }

    private func failure(_ reason: String, _ message: HeardMessage, _ socket: Int) -> Effect {
        let names = self.quirks.failuresNameSwarm
        let failure = SaidMessage(
            action: names ? "announce" : nil,
            swarm: names ? message.swarm : nil,
            failure: reason
        )
        return .send(failure, to: socket)
    }

    private mutating func announce(_ message: HeardMessage, in swarm: Swarm, from socket: Int) -> [Effect] {
        let isGoodbye = message.event == .named("stopped")
        if !isGoodbye {
            self.announces += 1
            if message.left != 0 { self.requests += 1 }
            if message.left != 0, self.requests <= self.quirks.droppedAnnounces { return [] }
            if message.left != 0, self.requests <= self.quirks.failedAnnounces {
                return [self.failure("busy", message, socket)]
            }
        }
        var effects = self.join(message, in: swarm, from: socket, leaves: isGoodbye)
        if self.announces <= self.quirks.cutAnnounces {
            // The peer stays where it was: to such a tracker the socket lives on.
            self.names[socket] = nil
            return effects + [.close(socket)]
        }
        if !isGoodbye || self.quirks.repliesToStopped { effects += self.statistics(of: swarm, to: socket) }
        return isGoodbye ? effects : effects + self.relay(message, in: swarm)
    }

    private mutating func join(
        _ message: HeardMessage,
        in swarm: Swarm,
        from socket: Int,
        leaves: Bool
    ) -> [Effect] {
        let known = self.swarms[swarm]?.first { $0.id == message.peer }
        self.swarms[swarm, default: []].removeAll { $0.id == message.peer }
        guard !leaves else { return [] }
        let takesOver = known.map { $0.socket != socket } ?? false
        let owner = takesOver && self.quirks.sharedPeerID == .isTheFirst ? known?.socket ?? socket : socket
        self.swarms[swarm]?.append(Peer(id: message.peer, socket: owner, isSeeder: message.left == 0))
        guard takesOver else { return [] }
        let complaint = Effect.complain("a peer ID of another socket")
        if self.quirks.sharedPeerID == .closesTheFirst, let known { return [complaint, .close(known.socket)] }
        return [complaint]
    }

    private mutating func statistics(of swarm: Swarm, to socket: Int) -> [Effect] {
        self.informed.insert(socket)
        let peers = self.swarms[swarm] ?? []
        let seeders = peers.count { $0.isSeeder }
        let statistics = SaidMessage(
            swarm: swarm.infoHash,
            complete: seeders,
            incomplete: peers.count - seeders,
            interval: self.quirks.interval,
            minimumInterval: self.quirks.minimumInterval,
            trackerID: self.quirks.trackerID
        )
        let effect = Effect.send(statistics, to: socket)
        guard self.quirks.mixesSwarms else { return [effect] }
        var foreign = statistics
        foreign.swarm = String(repeating: "\u{7F}", count: 20)
        foreign.complete = 0
        foreign.incomplete = 0
        let offer = SaidMessage(
            swarm: foreign.swarm,
            peer: foreign.swarm,
            offerID: foreign.swarm,
            offer: HeardMessage.Description(type: "offer", sdp: "v=0\r\n")
        )
        return [.send(foreign, to: socket), effect, .send(offer, to: socket), .send(foreign, to: socket)]
    }

    private mutating func relay(_ message: HeardMessage, in swarm: Swarm) -> [Effect] {
        let wanted = self.quirks.needsNumwant ? message.numwant ?? 0 : message.offers.count
        let others = (self.swarms[swarm] ?? []).filter { $0.id != message.peer }.reversed()
        let offers = message.offers.prefix(min(wanted, self.quirks.maximumOffers))
        var effects: [Effect] = []
        for (offer, receiver) in zip(offers, others) {
            guard let id = offer.offerID else { continue }
            self.relayed.insert(Relayed(swarm: swarm, offerID: id, receiver: receiver.id))
            let relayed = SaidMessage(swarm: swarm.infoHash, peer: message.peer, offerID: id, offer: offer.offer)
            effects += self.relaying(relayed, to: receiver.socket)
        }
        return effects
    }

    private mutating func answer(_ message: HeardMessage, in swarm: Swarm, from socket: Int) -> [Effect] {
        let receiver = self.swarms[swarm]?.first { $0.id == message.receiver }
        let wasGiven = self.relayed.remove(
            Relayed(swarm: swarm, offerID: message.offerID ?? "", receiver: message.peer)
        )
        guard let receiver, wasGiven != nil else {
            // Who left meanwhile, and an offer that came twice, are no fault of the client's.
            let isFault = receiver != nil && !self.quirks.repeatsItself
            let complaint = isFault ? [Effect.complain("an answer to nothing")] : []
            switch self.quirks.strangeAnswer {
            case .isDropped: return complaint
            case .fails: return complaint + [self.failure("no such offer", message, socket)]
            case .closes: return complaint + [.close(socket)]
            }
        }
        var effects = self.join(message, in: swarm, from: socket, leaves: false)
        let answer = SaidMessage(
            swarm: swarm.infoHash,
            peer: message.peer,
            offerID: message.offerID,
            answer: message.answer
        )
        effects += self.relaying(answer, to: receiver.socket)
        return self.quirks.repliesToAnswers ? effects + self.statistics(of: swarm, to: socket) : effects
    }

    private func relaying(_ message: SaidMessage, to socket: Int) -> [Effect] {
        Array(repeating: .send(message, to: socket), count: self.quirks.repeatsItself ? 2 : 1)
    }
}
