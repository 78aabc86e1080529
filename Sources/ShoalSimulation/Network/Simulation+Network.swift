import ShoalCore
import ShoalSwarm
import ShoalWire

/// Uplinks, the way between two nodes, downlinks.
extension Simulation {
    /// 13 s without an answer: then SCTP, as libdatachannel sets it, gives a connection up.
    static let patience = Duration.seconds(13)

    /// 200 ms: what SCTP waits at least until it sends again.
    private static let retransmission = Duration.milliseconds(200)

    func openEnd(_ connection: ConnectionID, of node: Int) -> Int? {
        guard case .open(let end)? = self.nodes[node].connections[connection], self.ends[end].isOpen else { return nil }
        return end
    }

    // MARK: Out

    mutating func send(_ message: ControlMessage, from node: Int, _ connection: ConnectionID) {
        let encoded = message.encoded()
        var hash = RunDigest()
        hash.fold(connection.rawValue)
        hash.fold(bytes: encoded)
        self.foldEffect(hash.value)
        self.trace?("\(self.now) node \(node) → \(connection) \(message)")
        guard let end = self.openEnd(connection, of: node) else { return }
        guard let said = self.said(message, by: node) else { return }
        self.nodes[node].record.controlBytes += encoded.count
        self.enqueue(.control(said, hash: hash.value, size: encoded.count), at: end)
    }

    mutating func enqueue(_ outgoing: LinkEnd.Outgoing, at end: Int) {
        let node = self.ends[end].owner.node
        if !self.ends[end].hasOutgoing { self.nodes[node].uplink.wait(end) }
        self.ends[end].enqueue(outgoing)
        self.sendNext(of: node)
    }

    /// Sends what the uplink can send now, and comes back when it has.
    mutating func sendNext(of node: Int) {
        while !self.nodes[node].uplink.isArmed, !self.nodes[node].uplink.isIdle {
            guard self.nodes[node].uplink.busyUntil <= self.now else {
                self.nodes[node].uplink.isArmed = true
                self.queue.push(.uplinkFree(node: node), at: self.nodes[node].uplink.busyUntil)
                return
            }
            guard let end = self.nodes[node].uplink.nextEnd() else { return }
            guard self.ends[end].isOpen, let (packet, finished) = self.ends[end].nextPacket() else { continue }
            if self.ends[end].hasOutgoing { self.nodes[node].uplink.wait(end) }
            let sent = self.now + Uplink.time(packet.size, at: self.nodes[node].uplink.rate)
            self.nodes[node].uplink.busyUntil = sent
            self.transmit(packet, from: end, at: sent)
            if let finished {
                let served = MeshInput.chunkServed(
                    self.ends[end].connection,
                    request: finished.request,
                    chunk: finished.chunk
                )
                self.nodes[node].record.bulkBytes += finished.size
                self.post(served, to: node, after: max(sent - self.now, Self.turn))
            }
        }
    }

    /// The packet has left the uplink at `moment`.
    private mutating func transmit(_ packet: Packet, from end: Int, at moment: Instant) {
        let node = self.ends[end].owner.node
        let other = self.ends[end ^ 1].owner.node
        guard !self.areApart(node, other) else { return self.hold(packet, at: end) }
        var arrival = moment + self.latency(node, other)
        var losses = 0
        // A tenth time would be the end of the connection.
        while losses < 9, self.networkDice.next() % 1_000_000 < UInt64(self.nodes[node].loss) { losses += 1 }
        if losses > 0 { arrival = arrival + (Self.retransmission + self.latency(node, other) * 2) * losses }
        if case .frame = packet {
        } else {
            arrival = max(arrival, self.ends[end].controlArrival)
            self.ends[end].controlArrival = arrival
        }
        self.queue.push(.arrival(end: end ^ 1, packet, isQueued: false), at: arrival)
    }

    mutating func latency(_ node: Int, _ other: Int) -> Duration {
        let jitter = self.nodes[node].jitter
        let extra = jitter > .zero ? Self.draw(.zero...jitter, using: &self.networkDice) : .zero
        return self.nodes[node].latency + self.nodes[other].latency + extra + Self.turn
    }

    // MARK: Partitions

    func areApart(_ node: Int, _ other: Int) -> Bool {
        self.partitions.contains { parts in
            guard let parts, let ours = parts[self.nodes[node].group], let theirs = parts[self.nodes[other].group]
            else {
                return false
            }
            return ours != theirs
        }
    }

    /// What cannot cross is sent again until it can, or SCTP gives up.
    private mutating func hold(_ packet: Packet, at end: Int) {
        self.ends[end].held.append(packet)
        guard self.ends[end].heldSince == nil else { return }
        self.ends[end].heldSince = self.now
        self.queue.push(.giveUp(end: end, since: self.now), at: self.now + Self.patience)
    }

    mutating func heal(_ partition: Int) {
        self.pendingFaults -= 1
        self.partitions[partition] = nil
        for end in self.ends.indices where self.ends[end].heldSince != nil && self.ends[end].isOpen {
            let packets = self.ends[end].held
            self.ends[end].held = []
            self.ends[end].heldSince = nil
            let retry = self.now + Self.draw(Self.retransmission...(.seconds(1)), using: &self.networkDice)
            for packet in packets { self.transmit(packet, from: end, at: retry) }
        }
    }

    // MARK: In

    /// A packet is there. The downlink lets one through after the other.
    mutating func arrive(_ packet: Packet, at end: Int, isQueued: Bool) {
        guard self.ends[end].isOpen, self.isCurrent(self.ends[end].owner) else { return }
        let node = self.ends[end].owner.node
        if let rate = self.nodes[node].downRate {
            let free = self.nodes[node].downlinkFree
            if !isQueued {
                self.nodes[node].downlinkFree = max(free, self.now) + Uplink.time(packet.size, at: rate)
                if free > self.now {
                    return self.queue.push(.arrival(end: end, packet, isQueued: true), at: free)
                }
            }
        }
        let connection = self.ends[end].connection
        switch packet {
        case .control(let message, let hash, _): self.give(.received(connection, message), hash: hash, to: node)
        case .frame(let header, let payload, let isWrong):
            self.receive(header, payload: payload, isWrong: isWrong, at: end)
        case .goodbye(let reason): self.close(end, reason: reason)
        }
    }
}
