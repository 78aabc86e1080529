import ShoalCore
import ShoalSwarm

/// How nodes start and end.
extension Simulation {
    static let swarm = SwarmHandle(1)

    /// What every wall clock shows when the run begins, in Unix milliseconds: a day of 2026.
    private static let epoch: UInt64 = 1_780_000_000_000

    mutating func start(_ node: Int, keepsDisk: Bool) {
        // Not the first time: a fault has waited for this.
        if self.nodes[node].life > 0 { self.pendingFaults -= 1 }
        guard !self.nodes[node].isUp else { return }
        self.nodes[node].life += 1
        self.nodes[node].state = .up
        if keepsDisk {
            self.nodes[node].disk.reopen(self.model)
        } else {
            let capacity = self.nodes[node].disk.capacity
            self.nodes[node].disk = SimulatedDisk(self.model, complete: nil, capacity: capacity)
            self.nodes[node].record.completed = nil
        }
        var configuration = MeshConfiguration()
        configuration.limits = self.scenario.groups[self.nodes[node].group].limits
        self.nodes[node].slots = Array(repeating: false, count: configuration.room)
        self.nodes[node].freeSlots = Array((0..<configuration.room).reversed())
        self.nodes[node].machine = MeshMachine(
            configuration: configuration,
            authenticator: SimulatedAuthenticator(node: node),
            session: Self.epoch + self.now.nanoseconds / 1_000_000,
            trackers: self.trackers.count,
            seed: self.nodes[node].dice.next(),
            at: self.now
        )
        if self.nodes[node].record.firstStart == nil { self.nodes[node].record.firstStart = self.now - .zero }
        self.setMissing(self.nodes[node].conduct.isHonest && !self.nodes[node].disk.isComplete, node)
        let description = SwarmDescription(
            handle: Self.swarm,
            infoHash: self.model.infoHash,
            secret: self.model.secret,
            content: self.nodes[node].disk.content(self.model),
            trackers: self.trackers.indices.map { TrackerIndex($0) }
        )
        self.give(.addSwarm(description), to: node)
        if self.nodes[node].conduct == .flooding {
            self.queue.push(.attack(self.nodes[node].current), at: self.now + Self.attackInterval)
        }
    }

    /// Enters whether the run waits for the node to become complete.
    mutating func setMissing(_ isMissing: Bool, _ node: Int) {
        guard self.nodes[node].isMissing != isMissing else { return }
        self.nodes[node].isMissing = isMissing
        self.incomplete += isMissing ? 1 : -1
    }

    /// The process is gone. Its peers are told nothing; its kernel ends what it had with trackers.
    mutating func end(_ node: Int) {
        guard self.nodes[node].isUp else { return }
        for (_, connection) in self.nodes[node].connections {
            guard case .open(let end) = connection else { continue }
            self.ends[end].isOpen = false
            _ = self.ends[end].abandon()
            self.queue.push(.giveUp(end: end ^ 1, since: self.now), at: self.now + Self.patience)
        }
        for socket in self.nodes[node].sockets {
            if let socket { self.queue.push(.trackerCloses(socket), at: self.now + self.scenario.trackers.latency) }
        }
        self.nodes[node].state = .down
        self.nodes[node].machine = nil
        self.nodes[node].connections = SortedMap()
        self.nodes[node].sockets = Array(repeating: nil, count: self.trackers.count)
        self.nodes[node].uplink.clear()
        self.nodes[node].inbox = []
        self.nodes[node].timer = nil
        self.nodes[node].lateDeadlines = 0
        // Who comes back counts again when it starts.
        self.setMissing(false, node)
    }

    /// Gives the process no time until `moment`: what comes queues up, what it was sending waits.
    mutating func sleep(_ node: Int, until moment: Instant) {
        guard case .up = self.nodes[node].state else { return }
        self.nodes[node].state = .asleep(until: moment)
        self.nodes[node].uplink.busyUntil = max(self.nodes[node].uplink.busyUntil, moment)
        self.pendingFaults += 1
        self.queue.push(.wake(self.nodes[node].current), at: moment)
        guard moment - self.now > Self.patience else { return }
        for (_, connection) in self.nodes[node].connections {
            guard case .open(let end) = connection else { continue }
            self.queue.push(.giveUp(end: end ^ 1, since: self.now), at: self.now + Self.patience)
        }
    }

    /// The process goes on, and finds all that came meanwhile at one instant.
    mutating func wake(_ life: NodeLife) {
        self.pendingFaults -= 1
        guard self.isCurrent(life), case .asleep(let until) = self.nodes[life.node].state, until <= self.now else {
            return
        }
        self.nodes[life.node].state = .up
        let inbox = self.nodes[life.node].inbox
        self.nodes[life.node].inbox = []
        for input in inbox { self.give(input, to: life.node) }
        self.touch(life.node)
    }
}
