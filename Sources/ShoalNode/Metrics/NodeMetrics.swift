import CoreMetrics
import ShoalCore
import ShoalSwarm

/// What a node counts as it happens.
struct NodeMetrics: Sendable {
    let transfers: TransferMetrics
    let mesh: MeshMetrics
    let demands: DemandMetrics

    init(_ factory: any MetricsFactory) {
        self.transfers = TransferMetrics(factory)
        self.mesh = MeshMetrics(factory)
        self.demands = DemandMetrics(factory)
    }
}

/// Bytes on their way, down and up.
struct TransferMetrics: Sendable {
    private let receivedBytes: [PeerReport.Lane: Counter]
    private let sentBytes: [PeerReport.Lane: Counter]
    private let verification: Timer
    private let reading: Timer
    private let controlReceived: Counter
    private let controlSent: Counter
    private let controlBytesReceived: Counter
    private let controlBytesSent: Counter

    init(_ factory: any MetricsFactory) {
        func counters(_ metric: Metric) -> [PeerReport.Lane: Counter] {
            let lanes = PeerReport.Lane.allCases.map { ($0, factory.counter(metric, [$0.rawValue])) }
            return Dictionary(uniqueKeysWithValues: lanes)
        }
        self.receivedBytes = counters(.receivedBytes)
        self.sentBytes = counters(.sentBytes)
        self.verification = factory.timer(.verification)
        self.reading = factory.timer(.reading)
        self.controlReceived = factory.counter(.controlMessages, ["received"])
        self.controlSent = factory.counter(.controlMessages, ["sent"])
        self.controlBytesReceived = factory.counter(.controlBytes, ["received"])
        self.controlBytesSent = factory.counter(.controlBytes, ["sent"])
    }

    /// A frame's payload, or a part of it.
    func received(_ bytes: Int, over lane: PeerReport.Lane) { self.receivedBytes[lane]?.increment(by: bytes) }

    /// A chunk.
    func sent(_ bytes: Int, over lane: PeerReport.Lane) { self.sentBytes[lane]?.increment(by: bytes) }

    func verified(since start: ContinuousClock.Instant) { self.verification.record(since: start) }

    func read(since start: ContinuousClock.Instant) { self.reading.record(since: start) }

    func controlMessageReceived(_ bytes: Int) {
        self.controlReceived.increment()
        self.controlBytesReceived.increment(by: bytes)
    }

    func controlMessageSent(_ bytes: Int) {
        self.controlSent.increment()
        self.controlBytesSent.increment(by: bytes)
    }
}

/// What the mesh was told, and what it observed.
struct MeshMetrics: Sendable {
    private let inputs: Counter
    private let turns: Timer
    private let verified: Counter
    private let corrupt: Counter
    private let dropped: Counter
    private let sent: Counter
    private let failed: Counter
    private let joined: Counter
    private let left: Counter
    private let suspected: Counter
    private let banned: Counter
    private let completed: Counter
    private let lost: Counter
    private let evicted: Counter
    private let announces: Counter
    private let trackerLosses: Counter

    init(_ factory: any MetricsFactory) {
        self.inputs = factory.counter(.loopInputs)
        self.turns = factory.timer(.loopTurn)
        self.verified = factory.counter(.receivedChunks, ["verified"])
        self.corrupt = factory.counter(.receivedChunks, ["corrupt"])
        self.dropped = factory.counter(.receivedChunks, ["dropped"])
        self.sent = factory.counter(.servedChunks, ["sent"])
        self.failed = factory.counter(.servedChunks, ["failed"])
        self.joined = factory.counter(.joinedPeers)
        self.left = factory.counter(.leftPeers)
        self.suspected = factory.counter(.suspectedPeers)
        self.banned = factory.counter(.bannedPeers)
        self.completed = factory.counter(.completedShards)
        self.lost = factory.counter(.lostShards)
        self.evicted = factory.counter(.evictedShards)
        self.announces = factory.counter(.announces)
        self.trackerLosses = factory.counter(.trackerLosses)
    }

    /// One turn of the loop: what came in, and how long it took until all that followed was ordered.
    func turned(_ inputs: [MeshInput], in duration: Duration) {
        self.inputs.increment(by: inputs.count)
        self.turns.recordNanoseconds(duration.wholeNanoseconds)
        for input in inputs {
            switch input {
            case .chunkVerified: self.verified.increment()
            case .chunkCorrupt: self.corrupt.increment()
            case .chunkDropped: self.dropped.increment()
            case .chunkServed: self.sent.increment()
            case .chunkUnreadable: self.failed.increment()
            default: break
            }
        }
    }

    func observed(_ observation: MeshObservation) {
        switch observation {
        case .peerJoined: self.joined.increment()
        case .peerLeft: self.left.increment()
        case .peerSuspected: self.suspected.increment()
        case .peerBanned: self.banned.increment()
        case .shardCompleted: self.completed.increment()
        case .shardsLost(_, let shards, _): self.lost.increment(by: shards.count)
        case .shardsEvicted(_, let shards): self.evicted.increment(by: shards.count)
        case .trackerAnnounced: self.announces.increment()
        case .trackerLost: self.trackerLosses.increment()
        case .swarmOpened, .manifestArrived, .swarmCompleted, .swarmFailed, .swarmLeft, .trackerConnected,
            .trackerWarned, .stopped:
            break
        }
    }
}

/// What engines asked for by name.
struct DemandMetrics: Sendable {
    private let hits: Counter
    private let fetched: Counter
    private let failures: Counter
    private let wait: Timer

    init(_ factory: any MetricsFactory) {
        self.hits = factory.counter(.demands, ["hit"])
        self.fetched = factory.counter(.demands, ["fetched"])
        self.failures = factory.counter(.demands, ["failed"])
        self.wait = factory.timer(.demandWait)
    }

    /// Everything was here.
    func hit() { self.hits.increment() }

    func came(since start: ContinuousClock.Instant) {
        self.fetched.increment()
        self.wait.record(since: start)
    }

    func failed() { self.failures.increment() }
}

extension Timer {
    fileprivate func record(since start: ContinuousClock.Instant) {
        self.recordNanoseconds((ContinuousClock.now - start).wholeNanoseconds)
    }
}

extension MetricsFactory {
    fileprivate func counter(_ metric: Metric, _ labels: [String] = []) -> Counter {
        Counter(label: metric.name, dimensions: metric.dimensions(labels), factory: self)
    }

    fileprivate func timer(_ metric: Metric) -> Timer { Timer(label: metric.name, dimensions: [], factory: self) }
}

extension Metric {
    /// The labels with their values, which stand in the labels' order.
    func dimensions(_ values: [String]) -> [(String, String)] {
        precondition(values.count == self.labels.count, "\(self.name) has \(self.labels.count) labels")
        return Array(zip(self.labels, values))
    }
}
