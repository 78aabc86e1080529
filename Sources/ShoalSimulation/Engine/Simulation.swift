package import ShoalCore
import ShoalSwarm
import ShoalWire

/// A swarm of shipping ``MeshMachine``s on a virtual network, under a virtual clock: the same scenario and seed give the
/// same run, bit for bit, on every machine.
///
/// One event after the other is taken from a queue. What a machine orders takes time, at least ``turn``, so that all
/// inputs of an instant are there before the machine is asked whether its deadline has come, as in the node's loop.
package struct Simulation {
    /// 20 µs between an order and its quickest consequence: a turn of the node's loop.
    static let turn = Duration.microseconds(20)

    /// What is looked at only now and then, every so many events: it walks everything.
    var checkInterval = 20_000

    package let scenario: Scenario
    package let seed: UInt64
    let model: SimulatedModel
    package internal(set) var now = Instant.zero
    var queue = EventQueue<Happening>()
    var nodes: [SimulatedNode] = []
    var ends: [LinkEnd] = []
    var trackers: [VirtualTracker] = []
    var nextSocket = 0
    /// By partition: the part of each group, if it is in one. Nil once it has healed.
    var partitions: [[Int?]?] = []
    /// Latency, loss, what trackers draw.
    var networkDice: SeededGenerator
    /// Whom faults befall.
    var faultDice: SeededGenerator
    /// Nodes that had an input at this instant, in the order of the first.
    private var touched: [Int] = []
    private var effects: [MeshEffect] = []

    package private(set) var digest = RunDigest()
    /// Events so far.
    package private(set) var events = 0
    package internal(set) var violation: Violation?
    /// Nodes by ID, to tell who was banned.
    var numbers: [NodeID: Int] = [:]
    /// Honest nodes that are to complete and have not.
    var incomplete = 0
    /// Faults and returns that are still to come.
    var pendingFaults = 0
    /// Called with every input and effect, for people to read.
    var trace: ((String) -> Void)?
    /// For tests of the checks: changes what a machine orders before it is carried out.
    var tamper: ((Int, MeshEffect) -> MeshEffect?)?

    package init(_ scenario: Scenario, seed: UInt64, trace: ((String) -> Void)? = nil) {
        self.scenario = scenario
        self.seed = seed
        self.trace = trace
        self.model = SimulatedModel(scenario)
        var dice = SeededGenerator(seed: seed)
        self.networkDice = SeededGenerator(seed: dice.next())
        self.faultDice = SeededGenerator(seed: dice.next())
        self.trackers = (0..<scenario.trackers.count).map { _ in
            VirtualTracker(interval: scenario.trackers.interval)
        }
        for group in scenario.groups.indices {
            for _ in 0..<scenario.groups[group].count { self.addNode(of: group, using: &dice) }
        }
        for (position, fault) in scenario.faults.enumerated() {
            self.queue.push(.fault(position), at: .zero + fault.at)
        }
        self.pendingFaults = scenario.faults.count
    }

    private mutating func addNode(of position: Int, using dice: inout SeededGenerator) {
        let group = self.scenario.groups[position]
        let number = self.nodes.count
        var own = SeededGenerator(seed: dice.next())
        let complete: Bitfield?
        switch group.holds {
        case .all: complete = .full(count: self.model.shardSizes.count)
        case .none: complete = nil
        case .some(let share):
            var field = Bitfield(count: self.model.shardSizes.count)
            for shard in 0..<field.count { field[shard] = own.next() % 1_000_000 < UInt64(share) }
            complete = field
        }
        let configuration = MeshConfiguration()
        let node = SimulatedNode(
            number: number,
            group: position,
            conduct: group.conduct,
            latency: Self.draw(group.latency, using: &own),
            jitter: group.jitter,
            loss: group.loss,
            groupRate: group.up,
            downRate: group.down,
            disk: SimulatedDisk(self.model, complete: complete, capacity: group.disk),
            uplink: Uplink(rate: group.up),
            dice: own,
            sockets: Array(repeating: nil, count: self.trackers.count),
            slots: Array(repeating: false, count: configuration.room),
            freeSlots: Array((0..<configuration.room).reversed())
        )
        self.nodes.append(node)
        self.setMissing(group.conduct.isHonest && !node.disk.isComplete, number)
        let start = Self.draw(group.start, using: &self.nodes[number].dice)
        self.queue.push(.start(node: number, keepsDisk: true), at: .zero + start)
        self.numbers[SimulatedAuthenticator.nodeID(ofNode: number)] = number
    }

    static func draw(_ range: ClosedRange<Duration>, using dice: inout SeededGenerator) -> Duration {
        let width = (range.upperBound - range.lowerBound).wholeNanoseconds
        guard width > 0 else { return range.lowerBound }
        return range.lowerBound + .nanoseconds(Int64(dice.next() % UInt64(width + 1)))
    }

    // MARK: Running

    /// Whether there is nothing left to wait for: the faults are over and who should be complete is.
    var isDone: Bool { self.pendingFaults == 0 && self.incomplete == 0 }

    /// Runs until `limit` events have happened, something is wrong, or the scenario is over.
    package mutating func run(events limit: Int = .max) {
        let end = Instant.zero + self.scenario.limit
        // When everybody is done, what is under way gets time to end.
        var quietUntil: Instant?
        var nextCheck = self.events + self.checkInterval
        while self.violation == nil, self.events < limit, let time = self.queue.nextTime {
            if self.isDone {
                quietUntil = quietUntil ?? self.now + Self.quietTime
            } else {
                quietUntil = nil
            }
            guard time <= min(end, quietUntil ?? end) else { break }
            self.runInstant(time, limit: limit)
            if self.events >= nextCheck {
                nextCheck = self.events + self.checkInterval
                self.checkEverything()
            }
        }
        if self.violation == nil, self.events < limit { self.checkEnd() }
        if self.violation == nil { self.checkEverything() }
    }

    /// 8 s: longer than any request, slot or handshake waits.
    private static let quietTime = Duration.seconds(8)

    private mutating func runInstant(_ time: Instant, limit: Int) {
        self.now = time
        while self.violation == nil, self.events < limit, let event = self.queue.pop(through: time) {
            self.events += 1
            self.happen(event)
        }
        for node in self.touched { self.finishInstant(of: node) }
        self.touched.removeAll(keepingCapacity: true)
    }

    /// The node has been given everything of this instant: its deadline may have come, and its timer is set anew.
    private mutating func finishInstant(of node: Int) {
        self.nodes[node].touched = nil
        guard case .up = self.nodes[node].state, var deadline = self.nodes[node].machine?.nextDeadline else { return }
        if deadline <= self.now {
            self.handle(.deadline, hash: 0, at: node)
            guard let next = self.nodes[node].machine?.nextDeadline else { return }
            deadline = next
            self.nodes[node].lateDeadlines = deadline <= self.now ? self.nodes[node].lateDeadlines + 1 : 0
            self.checkDeadline(of: node)
        }
        let moment = max(deadline, self.now + Self.turn)
        if let timer = self.nodes[node].timer, timer <= moment { return }
        self.nodes[node].timer = moment
        self.queue.push(.timer(node: node), at: moment)
    }

    /// Gives an input to a machine, at once.
    mutating func give(_ input: MeshInput, hash: UInt64 = 0, to node: Int) {
        switch self.nodes[node].state {
        case .down: return
        case .asleep:
            self.nodes[node].inbox.append(input)
            return
        case .up: break
        }
        self.touch(node)
        self.handle(input, hash: hash, at: node)
    }

    /// Sees to it that the node's deadline is looked at when this instant is over.
    mutating func touch(_ node: Int) {
        guard self.nodes[node].touched == nil else { return }
        self.nodes[node].touched = self.now
        self.touched.append(node)
    }

    private mutating func handle(_ input: MeshInput, hash: UInt64, at node: Int) {
        self.digest.fold(UInt64(node))
        self.digest.fold(self.now.nanoseconds)
        self.digest.fold(input, messageHash: hash)
        self.trace?("\(self.now) node \(node) ← \(input)")
        var effects = self.effects
        self.effects = []
        self.nodes[node].machine?.handle(input, at: self.now, into: &effects)
        for effect in effects {
            if let tamper = self.tamper {
                guard let other = tamper(node, effect) else { continue }
                self.carryOut(other, of: node)
            } else {
                self.carryOut(effect, of: node)
            }
        }
        effects.removeAll(keepingCapacity: true)
        self.effects = effects
    }

    /// Posts what the node's own edges will tell its machine.
    mutating func post(_ input: MeshInput, to node: Int, after delay: Duration = Self.turn) {
        self.queue.push(.input(self.nodes[node].current, input), at: self.now + delay)
    }

    mutating func foldEffect(_ hash: UInt64) { self.digest.fold(hash) }

    mutating func foldEffect(_ effect: MeshEffect) { self.digest.fold(effect) }

    func isCurrent(_ life: NodeLife) -> Bool {
        self.nodes[life.node].life == life.life && self.nodes[life.node].isUp
    }
}
