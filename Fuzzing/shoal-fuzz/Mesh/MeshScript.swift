import ShoalCore
import ShoalSwarm
import ShoalWire

/// Drives a ``MeshMachine`` by a ``Script``: peers, trackers, the disk, the clock and the owner do what they like, in any
/// order. What a node's edges promise its machine is kept here as well: a connection closes once, a chunk that was asked
/// for ends once, and frames go through a ``FrameLedger``.
///
/// After each input the machine's parts agree, what it orders can be done, and its books on room are exact. At the end
/// everything that was taken has been given back. The same script has the same effects twice.
struct MeshScript {
    /// 4,096 inputs: more than a script of libFuzzer's usual length has, so that none takes long.
    static let maximumInputs = 4_096

    var script: Script
    let configuration: MeshConfiguration
    var machine: MeshMachine
    let node = ToyAuthenticator(number: 1)
    var now = Instant(nanoseconds: 1_000_000_000_000)

    /// Open connections, and those that are being made.
    var links = SortedMap<ConnectionID, MeshLink>()
    var models = SortedMap<SwarmHandle, MeshModel>()
    var trackers = [MeshTracker](repeating: MeshTracker(), count: 2)
    /// What the edges still have to tell the machine, in no particular order.
    var work: [MeshWork] = []
    /// Chunks that were asked for and of whose end the machine has not been told.
    var untold = 0
    /// Offers that the machine sent to others, for answers that fit.
    var offers: [(id: OfferID, swarm: SwarmHandle, to: NodeID?)] = []
    var isStopping = false
    private var nextLink: UInt64 = 1 << 32
    private var nextSlot = 0
    private var highestOrdered: UInt64 = 0
    /// Every effect so far, by input.
    private var history: [[MeshEffect]] = []

    static func run(_ bytes: [UInt8]) {
        let first = self.play(bytes)
        let second = self.play(bytes)
        require(first.count == second.count, "the same script has \(first.count) inputs, then \(second.count)")
        for (input, effects) in first.enumerated() {
            require(effects == second[input], "input \(input) has other effects the second time: \(effects)")
        }
    }

    private static func play(_ bytes: [UInt8]) -> [[MeshEffect]] {
        var script = MeshScript(Script(bytes))
        script.setUp()
        while !script.script.isOver, script.history.count < Self.maximumInputs { script.step() }
        script.finish()
        return script.history
    }

    private init(_ script: Script) {
        self.script = script
        var configuration = MeshConfiguration()
        if self.script.number(upTo: 2) == 0 { Self.tighten(&configuration) }
        self.configuration = configuration
        self.machine = MeshMachine(
            configuration: configuration,
            authenticator: self.node,
            session: 5,
            trackers: self.trackers.count,
            seed: UInt64(self.script.number(upTo: 256)),
            at: self.now
        )
    }

    /// Bounds that a short script reaches.
    private static func tighten(_ configuration: inout MeshConfiguration) {
        configuration.maximumConnections = 4
        configuration.maximumHandshakes = 2
        configuration.offersAtOnce = 3
        configuration.room = 12
        configuration.trialWindow = 4
        configuration.windowRange = 2...6
        configuration.servedRequests = 3
        configuration.servedChunks = 4
        configuration.servedHashLists = 2
        configuration.uploadSlots = 1...2
        configuration.uploadTenureChunks = 3
        configuration.servesAtOnce = 3
        configuration.servesAtOncePerPeer = 2
        configuration.shardsAtOnce = 2
        configuration.shardsBegun = 3
        configuration.replicas = 2
    }

    /// The scene with which a script begins: nothing; or a model that is fetched, served, or known by its link alone, and
    /// two peers that have it or want it.
    private mutating func setUp() {
        let scene = self.script.number(upTo: 4)
        guard scene > 0 else { return }
        let swarm = SwarmHandle(1)
        var model = MeshModel(swarm, shape: self.script.number(upTo: 4))
        model.isKnown = scene < 3
        if scene == 2 { model.disk = model.disk.map { .full(count: $0.count) } }
        self.add(model, as: swarm, hashLists: true, trackers: [TrackerIndex(0)])
        for peer in 0..<2 {
            let connection = self.newLink()
            self.open(connection, peer: UInt8(2 + peer), role: peer == 0 ? .initiator : .responder)
            self.enter(connection)
            let held = scene == 2 ? Bitfield(count: model.shardSizes.count) : .full(count: model.shardSizes.count)
            self.deliver(.bitfield(held), handle: Self.theirHandle(of: swarm), from: connection)
        }
        self.wake()
    }

    /// One thing happens. A node looks at the clock after each batch of inputs; sometimes there is more in a batch.
    private mutating func step() {
        let choice = self.script.number(upTo: 256)
        switch choice % 16 {
        case 0...4: self.peerSpeaks()
        case 5: self.peerEnters()
        case 6...7: self.framesCome()
        case 8...10: self.someWorkIsDone()
        case 11: self.connectionChanges()
        case 12: self.trackerSpeaks()
        case 13: self.ownerSpeaks()
        case 14: self.storeSpeaks()
        default: self.timePasses()
        }
        if choice < 208 { self.wake() }
    }

    // MARK: Time

    private mutating func timePasses() {
        let span = self.script.pick([1, 20, 200, 500, 2_000, 10_000, 60_000, 700_000])
        self.now = self.now + .milliseconds(Int64(span))
    }

    /// Hands the machine its deadlines as long as it wants them now. After sixteen it would spin.
    mutating func wake() {
        for _ in 0..<16 {
            guard let deadline = self.machine.nextDeadline, deadline <= self.now else { return }
            self.tell(.deadline)
        }
        require(self.machine.nextDeadline.map { $0 > self.now } ?? true, "the next deadline stays in the past")
    }

    // MARK: Telling

    /// Tells the machine what happened, carries out what it orders, and looks whether everything still holds.
    mutating func tell(_ input: MeshInput) {
        var effects: [MeshEffect] = []
        self.machine.handle(input, at: self.now, into: &effects)
        self.history.append(effects)
        require(effects.count <= 10_000, "one input has \(effects.count) effects: \(input)")
        for effect in effects { self.carryOut(effect) }
        if let text = self.machine.contradiction { require(false, "\(text), after \(input)") }
        let free = self.machine.freeRoom + self.untold
        require(
            free == self.configuration.room,
            "room for \(free) of \(self.configuration.room) chunks, after \(input)"
        )
    }

    /// A connection that nothing of this machine's led to: IDs as high are never its own.
    mutating func newLink() -> ConnectionID {
        defer { self.nextLink += 1 }
        return ConnectionID(self.nextLink)
    }

    mutating func newSlots(_ count: Int) -> [Int] {
        defer { self.nextSlot += count }
        return Array(self.nextSlot..<self.nextSlot + count)
    }

    /// A connection that the machine ordered has a new ID.
    mutating func checkNew(_ connection: ConnectionID) {
        require(connection.rawValue > self.highestOrdered, "\(connection) is ordered twice")
        self.highestOrdered = connection.rawValue
    }

    // MARK: The end

    /// The node stops, every connection closes, every job ends: nothing may be kept.
    private mutating func finish() {
        self.tell(.stop)
        self.isStopping = true
        for connection in self.links.keys { self.close(connection) }
        while let next = self.work.popLast() { self.done(next, outcome: 0) }
        require(self.untold == 0, "\(self.untold) chunks have not ended")
        require(self.machine.unsettledChunks == 0, "\(self.machine.unsettledChunks) chunks are still waited for")
        self.now = self.now + .seconds(60)
        self.wake()
    }
}
