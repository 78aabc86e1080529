import ShoalCore
import ShoalSwarm
import ShoalWire

extension Simulation {
    mutating func happen(_ event: Happening) {
        switch event {
        case .input(let life, let input):
            if self.isCurrent(life) { self.give(input, to: life.node) }
        case .timer(let node): self.timerRang(node)

        case .arrival(let end, let packet, let isQueued): self.arrive(packet, at: end, isQueued: isQueued)
        case .uplinkFree(let node):
            self.nodes[node].uplink.isArmed = false
            self.sendNext(of: node)
        case .open(let introduction): self.open(introduction)
        case .giveUp(let end, let since): self.giveUp(end, since: since)

        case .read(let life, let connection, let chunk): self.readDone(life, connection, chunk)
        case .hashed(let life, let receipt, let slot): self.hashed(life, receipt, slot: slot)
        case .rechecked(let life, let swarm, let shard): self.rechecked(life, swarm, shard)

        case .trackerOpens(let socket, let life): self.trackerOpens(socket, life)
        case .toTracker(let socket, let request): self.trackerHears(request, from: socket)
        case .trackerCloses(let socket): self.trackers[socket.tracker].close(socket)
        case .fromTracker(let socket, let life, let input): self.trackerSays(input, socket, life)

        case .fault, .start, .end, .wake, .restoreUplink, .heal, .trackerReturns, .attack: self.befall(event)
        }
    }

    private mutating func befall(_ event: Happening) {
        switch event {
        case .fault(let position): self.strike(self.scenario.faults[position])
        case .start(let node, let keepsDisk): self.start(node, keepsDisk: keepsDisk)
        case .end(let life):
            if self.isCurrent(life) { self.end(life.node) }
        case .wake(let life): self.wake(life)
        case .restoreUplink(let node):
            self.pendingFaults -= 1
            self.nodes[node].uplink.rate = self.nodes[node].groupRate
        case .heal(let partition): self.heal(partition)
        case .trackerReturns(let tracker):
            self.pendingFaults -= 1
            self.trackers[tracker].outages -= 1
        case .attack(let life): self.attack(life)
        default: preconditionFailure("not a fault: \(event)")
        }
    }

    private mutating func timerRang(_ node: Int) {
        // An older timer, which an earlier one has replaced.
        guard let timer = self.nodes[node].timer, timer <= self.now else { return }
        self.nodes[node].timer = nil
        self.touch(node)
    }
}
