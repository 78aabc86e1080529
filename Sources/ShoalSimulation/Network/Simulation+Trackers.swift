import ShoalCore
import ShoalSwarm

/// Between nodes and trackers.
extension Simulation {
    private func trackerLatency(of node: Int) -> Duration {
        self.nodes[node].latency + self.scenario.trackers.latency + Self.turn
    }

    mutating func connectTracker(_ tracker: Int, of node: Int) {
        let socket = TrackerSocket(tracker: tracker, number: self.nextSocket)
        self.nextSocket += 1
        self.nodes[node].sockets[tracker] = socket
        // TCP, TLS and the WebSocket handshake take three round trips.
        let delay = self.trackerLatency(of: node) * 6
        self.queue.push(.trackerOpens(socket, self.nodes[node].current), at: self.now + delay)
    }

    mutating func trackerOpens(_ socket: TrackerSocket, _ life: NodeLife) {
        guard self.isCurrent(life), self.nodes[life.node].sockets[socket.tracker] == socket else { return }
        let index = TrackerIndex(socket.tracker)
        guard self.trackers[socket.tracker].outages == 0 else {
            self.nodes[life.node].sockets[socket.tracker] = nil
            return self.give(.trackerClosed(index, reason: "connection refused"), to: life.node)
        }
        self.trackers[socket.tracker].open(socket, life)
        self.give(.trackerConnected(index), to: life.node)
    }

    mutating func send(_ request: TrackerRequest, to tracker: Int, of node: Int) {
        guard let socket = self.nodes[node].sockets[tracker] else { return }
        self.queue.push(.toTracker(socket, request), at: self.now + self.trackerLatency(of: node))
    }

    mutating func trackerHears(_ request: TrackerRequest, from socket: TrackerSocket) {
        guard let life = self.trackers[socket.tracker].life(of: socket) else { return }
        let replies = self.trackers[socket.tracker].handle(request, from: socket, life, using: &self.networkDice)
        for reply in replies {
            let input = MeshInput.trackerReceived(TrackerIndex(socket.tracker), reply.response)
            let arrival = self.now + self.trackerLatency(of: reply.life.node)
            self.queue.push(.fromTracker(reply.socket, reply.life, input), at: arrival)
            if self.networkDice.next() % 1_000_000 < UInt64(self.scenario.trackers.duplication) {
                self.queue.push(.fromTracker(reply.socket, reply.life, input), at: arrival + .milliseconds(5))
            }
        }
    }

    mutating func trackerSays(_ input: MeshInput, _ socket: TrackerSocket, _ life: NodeLife) {
        guard self.isCurrent(life), self.nodes[life.node].sockets[socket.tracker] == socket else { return }
        if case .trackerClosed = input { self.nodes[life.node].sockets[socket.tracker] = nil }
        self.give(input, to: life.node)
    }

    mutating func disconnectTracker(_ tracker: Int, of node: Int) {
        guard let socket = self.nodes[node].sockets[tracker] else { return }
        self.nodes[node].sockets[tracker] = nil
        self.queue.push(.trackerCloses(socket), at: self.now + self.trackerLatency(of: node))
    }

    /// The tracker is gone for a while: all its sockets end.
    mutating func strikeTracker(_ tracker: Int, for duration: Duration) {
        self.trackers[tracker].outages += 1
        for (socket, life) in self.trackers[tracker].sockets {
            let news = MeshInput.trackerClosed(TrackerIndex(tracker), reason: "the tracker is gone")
            let arrival = self.now + self.trackerLatency(of: life.node)
            self.queue.push(.fromTracker(socket, life, news), at: arrival)
        }
        self.trackers[tracker].closeAll()
        self.pendingFaults += 1
        self.queue.push(.trackerReturns(tracker), at: self.now + duration)
    }
}
