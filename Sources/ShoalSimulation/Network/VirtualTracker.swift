import ShoalCore
import ShoalSwarm

/// One connection of a node to a tracker; never used again.
struct TrackerSocket: Hashable {
    let tracker: Int
    let number: Int
}

/// A WebTorrent tracker as nodes see it: replies to announces, hands offers to random members, one each, answers to
/// whom they name. Reachable or not.
struct VirtualTracker {
    struct Member {
        let peerID: PeerID
        let socket: TrackerSocket
        let life: NodeLife
        var isComplete: Bool
    }

    /// A response, and whom it goes to.
    struct Reply {
        let socket: TrackerSocket
        let life: NodeLife
        let response: TrackerResponse
    }

    let interval: Duration
    /// How many faults keep it away.
    var outages = 0
    private var members: [Member] = []
    /// Positions in `members`; looked up, never walked.
    private var positions: [PeerID: Int] = [:]
    private var peers: [TrackerSocket: PeerID] = [:]
    private var complete = 0
    private var lives: [TrackerSocket: NodeLife] = [:]

    init(interval: Duration) { self.interval = interval }

    mutating func open(_ socket: TrackerSocket, _ life: NodeLife) { self.lives[socket] = life }

    /// Whose socket it is; nil when it is closed.
    func life(of socket: TrackerSocket) -> NodeLife? { self.lives[socket] }

    /// Open sockets, in the order in which they opened.
    var sockets: [(socket: TrackerSocket, life: NodeLife)] {
        self.lives.map { (socket: $0.key, life: $0.value) }.sorted { $0.socket.number < $1.socket.number }
    }

    mutating func close(_ socket: TrackerSocket) {
        self.lives[socket] = nil
        if let peerID = self.peers.removeValue(forKey: socket) { self.remove(peerID) }
    }

    mutating func closeAll() {
        self.lives = [:]
        self.members = []
        self.positions = [:]
        self.peers = [:]
        self.complete = 0
    }

    mutating func handle(
        _ request: TrackerRequest,
        from socket: TrackerSocket,
        _ life: NodeLife,
        using dice: inout SeededGenerator
    ) -> [Reply] {
        switch request {
        case .announce(let announce): return self.announce(announce, socket, life, using: &dice)
        case .answer(let answer):
            guard let position = self.positions[answer.toPeerID] else { return [] }
            let receiver = self.members[position]
            let response = TrackerResponse.answer(
                infoHash: answer.infoHash,
                from: answer.peerID,
                offerID: answer.offerID,
                sdp: answer.sdp
            )
            return [Reply(socket: receiver.socket, life: receiver.life, response: response)]
        case .scrape: return []
        }
    }

    private mutating func announce(
        _ announce: TrackerAnnounce,
        _ socket: TrackerSocket,
        _ life: NodeLife,
        using dice: inout SeededGenerator
    ) -> [Reply] {
        self.remove(announce.peerID)
        if announce.event != .stopped {
            let isComplete = announce.left == 0
            self.positions[announce.peerID] = self.members.count
            self.peers[socket] = announce.peerID
            self.members.append(
                Member(peerID: announce.peerID, socket: socket, life: life, isComplete: isComplete)
            )
            if isComplete { self.complete += 1 }
        }
        let statistics = TrackerStatistics(
            infoHash: announce.infoHash,
            complete: self.complete,
            incomplete: self.members.count - self.complete,
            interval: self.interval
        )
        var replies = [Reply(socket: socket, life: life, response: .announced(statistics))]
        guard announce.event != .stopped else { return replies }
        for (offer, receiver) in zip(announce.offers, self.drawn(announce.offers.count, using: &dice)) {
            let response = TrackerResponse.offer(infoHash: announce.infoHash, from: announce.peerID, offer: offer)
            let member = self.members[receiver]
            replies.append(Reply(socket: member.socket, life: member.life, response: response))
        }
        return replies
    }

    private mutating func remove(_ peerID: PeerID) {
        guard let position = self.positions.removeValue(forKey: peerID) else { return }
        if self.members[position].isComplete { self.complete -= 1 }
        let last = self.members.removeLast()
        guard position < self.members.count else { return }
        self.members[position] = last
        self.positions[last.peerID] = position
    }

    /// Up to `count` different members other than the last, which is who announces.
    private func drawn(_ count: Int, using dice: inout SeededGenerator) -> [Int] {
        let others = self.members.count - 1
        guard count < others else { return Array(0..<max(others, 0)).shuffled(using: &dice) }
        var drawn: [Int] = []
        while drawn.count < count {
            let position = Int(dice.next() % UInt64(others))
            if !drawn.contains(position) { drawn.append(position) }
        }
        return drawn
    }
}
