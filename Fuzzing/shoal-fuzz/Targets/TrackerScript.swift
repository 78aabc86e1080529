import ShoalCore
import ShoalSwarm

@testable import ShoalSignaling

/// Drives the tracker's values, ``TrackerDoor`` and ``TrackerRegistry``, by a ``Script``: connections come and go, say
/// whatever they like and stop in the middle of it.
///
/// After each input the tables agree and are within their bounds, and nothing is sent to who is not there. When all
/// have left, nothing is left of them.
struct TrackerScript {
    /// Small, so that a script reaches every bound.
    private static let door: TrackerDoor.Configuration = {
        var door = TrackerDoor.Configuration()
        door.maximumSocketsPerAddress = 4
        door.connections = .init(perSecond: 1, burst: 8)
        door.socketMessages = .init(perSecond: 2, burst: 16)
        door.addressMessages = .init(perSecond: 3, burst: 32)
        door.refusals = .init(perSecond: 1, burst: 4)
        door.maximumHeldBytes = 1000
        door.maximumAbsentAddresses = 2
        return door
    }()
    private static let registry: TrackerRegistry.Configuration = {
        var registry = TrackerRegistry.Configuration()
        registry.maximumSockets = 12
        registry.maximumSwarms = 3
        registry.maximumPeersPerSwarm = 5
        registry.maximumPeersPerSocket = 4
        registry.maximumPeers = 10
        registry.maximumRelayedOffers = 3
        registry.maximumOpenOffers = 8
        return registry
    }()

    private var script: Script
    private var door = TrackerDoor(configuration: Self.door)
    private var registry = TrackerRegistry(configuration: Self.registry, seed: 1)
    private var now = Instant.zero
    private var nextSocket: UInt64 = 0
    /// Connections that are open, and what is kept of what they sent.
    private var held = SortedMap<SocketID, Int>()

    static func run(_ bytes: [UInt8]) {
        var run = TrackerScript(script: Script(bytes))
        while !run.script.isOver {
            run.step()
            run.check()
        }
        for socket in run.held.keys { run.close(socket) }
        run.check()
        require(run.registry.totals == TrackerRegistry.Totals(), "something is left: \(run.registry.totals)")
        require(run.registry.peerCount == 0, "\(run.registry.peerCount) peers are left")
    }

    private init(script: Script) { self.script = script }

    private mutating func step() {
        switch self.script.number(upTo: 10) {
        case 0, 1: self.open()
        case 2: if let socket = self.aSocket() { self.close(socket) }
        case 3: if let socket = self.aSocket() { self.hold(socket) }
        case 4:
            let milliseconds = self.script.number(upTo: 256) * self.script.number(upTo: 256) * 8
            self.now = self.now + .milliseconds(milliseconds)
        case 5: _ = self.handle(.deadline)
        default: if let socket = self.aSocket() { self.speak(socket) }
        }
    }

    private mutating func open() {
        let socket = SocketID(self.nextSocket)
        self.nextSocket += 1
        let address = TrackerAddress(networkBytes: [10, 0, 0, UInt8(self.script.number(upTo: 6))])
        guard self.door.open(socket, from: address, at: self.now) else { return }
        self.held[socket] = 0
        let effects = self.handle(.socketOpened(socket, from: address))
        let isFull = effects == [.close(socket)]
        require(isFull || effects.isEmpty, "a connection is answered: \(effects)")
        require(isFull != self.registry.isOpen(socket), "a connection is neither in nor out")
        if isFull { self.close(socket) }
    }

    private mutating func close(_ socket: SocketID) {
        self.held[socket] = nil
        self.door.close(socket, at: self.now)
        require(self.handle(.socketClosed(socket)).isEmpty, "the end of a connection is answered")
    }

    private mutating func hold(_ socket: SocketID) {
        let count = self.script.number(upTo: 256) * 2
        self.held[socket] = count
        let all = self.held.values.reduce(0, +)
        let excess = self.door.hold(count, by: socket)
        require(Set(excess).count == excess.count, "a connection makes room twice")
        require(excess.isEmpty == (all <= Self.door.maximumHeldBytes), "\(all) bytes are kept, and \(excess) make room")
        for socket in excess {
            require(self.held[socket] ?? 0 > 0, "who holds nothing makes room")
            self.close(socket)
        }
        let rest = self.held.values.reduce(0, +)
        require(rest <= Self.door.maximumHeldBytes, "\(rest) bytes are kept")
    }

    private mutating func speak(_ socket: SocketID) {
        switch self.door.charge(self.script.number(upTo: 256), to: socket, at: self.now) {
        case .pass: break
        case .refuse(let reason): return require(!reason.isEmpty, "a refusal says nothing")
        case .drop: return
        case .close: return self.close(socket)
        }
        switch self.script.number(upTo: 8) {
        case 0:
            _ = self.handle(
                .received(.scrape((0..<self.script.number(upTo: 3)).map { _ in self.aSwarm() }), from: socket)
            )
        case 1, 2: self.answer(socket)
        default: self.announce(socket)
        }
    }

    private mutating func announce(_ socket: SocketID) {
        let announce = TrackerAnnounce(
            infoHash: self.aSwarm(),
            peerID: self.aPeer(),
            event: self.script.pick([nil, nil, .started, .completed, .stopped]),
            left: self.script.pick([nil, 0, 1]),
            offers: (0..<self.script.number(upTo: 6)).map { _ in TrackerOffer(offerID: self.anOffer(), sdp: "v=0") }
        )
        let effects = self.handle(.received(.announce(announce), from: socket))
        var offers = 0
        for (index, effect) in effects.enumerated() {
            switch effect {
            case .send(.announced, let receiver), .send(.failure, let receiver):
                require(index == 0 && receiver == socket, "an announce is answered late, or to somebody else")
            case .send(.offer(announce.infoHash, announce.peerID, let offer), _):
                require(announce.offers.contains(offer), "an offer that nobody made")
                offers += 1
            default: require(false, "an announce has this effect: \(effect)")
            }
        }
        require(!effects.isEmpty, "an announce is not answered")
        require(offers <= min(announce.offers.count, Self.registry.maximumRelayedOffers), "\(offers) offers go out")
        require(announce.event != .stopped || offers == 0, "who leaves makes offers")
    }

    private mutating func answer(_ socket: SocketID) {
        let answer = TrackerAnswer(
            infoHash: self.aSwarm(),
            peerID: self.aPeer(),
            toPeerID: self.aPeer(),
            offerID: self.anOffer(),
            sdp: "v=0",
            left: self.script.pick([nil, 0, 1])
        )
        let effects = self.handle(.received(.answer(answer), from: socket))
        require(effects.count <= 1, "an answer goes out more than once")
        guard !effects.isEmpty else { return }
        require(self.handle(.received(.answer(answer), from: socket)).isEmpty, "an offer is answered twice")
    }

    /// Whatever is sent goes to somebody.
    private mutating func handle(_ input: TrackerRegistry.Input) -> [TrackerRegistry.Effect] {
        var effects: [TrackerRegistry.Effect] = []
        self.registry.handle(input, at: self.now, into: &effects)
        trace("\(self.now): \(input)\n  \(effects)")
        for effect in effects {
            switch effect {
            case .send(_, let socket), .refuseScrape(_, _, let socket):
                require(self.held[socket] != nil, "something is sent to \(socket), which is not there")
            case .close: break
            }
        }
        return effects
    }

    private func check() {
        let limits = Self.registry
        var peerCount = 0
        require(self.registry.swarms.count <= limits.maximumSwarms, "\(self.registry.swarms.count) swarms")
        for (position, infoHash) in self.registry.swarms.keys.enumerated() {
            let swarm = self.registry.swarms[position]
            require(!swarm.peers.isEmpty, "a swarm without peers")
            require(swarm.peers.count <= limits.maximumPeersPerSwarm, "\(swarm.peers.count) peers in a swarm")
            peerCount += swarm.peers.count
            var complete = 0
            for (position, peerID) in swarm.peers.keys.enumerated() {
                let peer = swarm.peers[position]
                complete += peer.isComplete ? 1 : 0
                let socket = self.registry.sockets[peer.socket]
                let membership = TrackerRegistry.Membership(infoHash: infoHash, peerID: peerID)
                require(socket?.peers.position(of: membership) != nil, "a peer whose socket does not know it")
                require(socket?.address == peer.address, "a peer is not where its socket is")
            }
            require(swarm.complete == complete, "\(swarm.complete) of \(complete) are complete")
        }
        require(self.registry.peerCount == peerCount, "\(self.registry.peerCount) of \(peerCount) peers are counted")
        require(peerCount <= limits.maximumPeers, "\(peerCount) peers")
        require(self.registry.sockets.count <= limits.maximumSockets, "\(self.registry.sockets.count) sockets")
        let memberships = self.registry.sockets.values.map(\.peers.count)
        require(memberships.reduce(0, +) == peerCount, "sockets stand for \(memberships) of \(peerCount) peers")
        require(memberships.allSatisfy { $0 <= limits.maximumPeersPerSocket }, "a socket stands for too many")
        require(self.registry.offers.count <= limits.maximumOpenOffers, "\(self.registry.offers.count) open offers")
        require((self.registry.nextDeadline != nil) || peerCount == 0, "peers that nobody looks after")
    }

    private mutating func aSocket() -> SocketID? {
        self.held.isEmpty ? nil : self.script.pick(Array(self.held.keys))
    }

    private mutating func aSwarm() -> InfoHash { self.id(upTo: 5) }
    private mutating func aPeer() -> PeerID { self.id(upTo: 12) }
    private mutating func anOffer() -> OfferID { self.id(upTo: 4) }

    private mutating func id<ID: FixedBytes>(upTo limit: Int) -> ID {
        let bytes = [UInt8](repeating: UInt8(self.script.number(upTo: limit)), count: ID.byteCount)
        guard let id = ID(bytes: bytes) else { fatalError("\(ID.byteCount) bytes make an identifier") }
        return id
    }
}
