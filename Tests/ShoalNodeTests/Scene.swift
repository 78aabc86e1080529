import CoreMetrics
import HostilePeers
import Logging
import ShoalCore
import ShoalFormats
import ShoalNode
import ShoalSignaling
import ShoalStore
import ShoalSwarm
import Synchronization
import TestSupport

import class NIOPosix.MultiThreadedEventLoopGroup

/// Where a real node meets hostile peers: on a tracker of their own, so that nobody else answers an offer. Honest nodes
/// meet it on another one.
final class Scene: Sendable {
    let folder: TemporaryFolder
    /// Where hostile peers are.
    let alley: TrackerServer
    /// Where honest nodes are.
    let square: TrackerServer
    private let actors = Mutex<[@Sendable () async -> Void]>([])

    fileprivate init() async throws {
        self.folder = try TemporaryFolder()
        self.alley = try await TrackerServer.start(group: MultiThreadedEventLoopGroup.singleton)
        self.square = try await TrackerServer.start(group: MultiThreadedEventLoopGroup.singleton)
    }

    /// A node on loopback, with the home `name`. The one under test goes to the alley, too.
    func node(
        _ name: String,
        visitsAlley: Bool = true,
        configuration: MeshConfiguration = MeshConfiguration(),
        recording: RecordingOptions? = nil,
        metrics: any MetricsFactory = NOOPMetricsHandler.instance,
        directLanePort: Int? = 0
    ) throws -> TestNode {
        let trackers = (visitsAlley ? [self.alley] : []) + [self.square]
        let node = try TestNode(
            home: self.folder(name),
            trackers: trackers.map(\.url),
            mesh: configuration,
            recording: recording,
            metrics: metrics,
            directLanePort: directLanePort
        )
        self.actors.withLock { $0.append { await node.stop() } }
        return node
    }

    /// Files as a published model of a home that no node runs on: three shards of two chunks.
    func model() throws -> StoredModel {
        for (seed, name) in ["a", "b", "c"].enumerated() {
            try self.folder.write("source/\(name)", Weights.bytes(200_000, seed: UInt64(seed)))
        }
        return try self.published("source")
    }

    /// One file of 16 MiB: one shard of 128 chunks.
    func largeModel() throws -> StoredModel {
        try self.folder.write("large/a", Weights.bytes(16 << 20))
        return try self.published("large")
    }

    private func published(_ path: String) throws -> StoredModel {
        try ModelStore(home: try Home(path: self.folder("library"))).publish(path: self.folder(path))
    }

    /// A peer with an open connection to the only node in the alley, which has said nothing yet.
    func peer(
        of node: TestNode,
        in swarm: InfoHash,
        conduct: Conduct = Conduct(),
        model: StoredModel? = nil
    ) async throws -> HostilePeer {
        try await node.announced(at: 0)
        let peer = try HostilePeer(home: self.folder("hostile"), conduct: conduct, model: model)
        self.actors.withLock { $0.append { await peer.leave() } }
        try await peer.connect(at: self.alley.url, infoHash: swarm)
        return peer
    }

    fileprivate func end() async {
        for leave in self.actors.withLock({ $0 }) { await leave() }
        await self.alley.shutdown()
        await self.square.shutdown()
    }
}

/// Plays a test in a scene of its own, and clears it however the test ends.
func inScene(_ test: (Scene) async throws -> Void) async throws {
    let scene = try await Scene()
    do {
        try await test(scene)
    } catch {
        await scene.end()
        throw error
    }
    await scene.end()
}

/// A real node, and what it tells its owner.
final class TestNode: Sendable {
    let node: Node
    let store: ModelStore
    let identity: NodeIdentity
    let events = Journal<NodeEvent>()
    private let home: Home
    private let isStopped = Mutex(false)

    init(
        home path: String,
        trackers: [TrackerURL],
        mesh: MeshConfiguration,
        recording: RecordingOptions? = nil,
        metrics: any MetricsFactory = NOOPMetricsHandler.instance,
        directLanePort: Int? = 0
    ) throws {
        self.home = try Home(path: path)
        self.store = try ModelStore(home: self.home)
        self.identity = try NodeIdentity.load(home: path)
        var configuration = NodeConfiguration()
        configuration.bindAddress = "127.0.0.1"
        configuration.trackers = trackers
        configuration.mesh = mesh
        configuration.recording = recording
        configuration.metrics = metrics
        configuration.directLanePort = directLanePort
        let events = self.events
        self.node = try Node(
            home: self.home,
            store: self.store,
            configuration: configuration,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { events.note($0) }
    }

    /// A node that a test has stopped is not stopped again.
    func stop() async {
        let wasStopped = self.isStopped.withLock { isStopped in
            defer { isStopped = true }
            return isStopped
        }
        guard !wasStopped else { return }
        await self.node.stop()
        self.home.close()
    }

    /// Returns when the tracker knows this node.
    func announced(at tracker: Int) async throws {
        try await self.observed("an announce") { observation in
            if case .trackerAnnounced(TrackerIndex(tracker), _, _, _) = observation { () } else { nil }
        }
    }

    /// Why a connection ended: the first one that did.
    func loss() async throws -> String {
        try await self.observed("the loss of a peer") { observation in
            if case .peerLeft(_, _, let reason) = observation { reason } else { nil }
        }
    }

    /// Why a node was banned.
    func ban() async throws -> (node: NodeID, reason: String) {
        try await self.observed("a ban") { observation in
            if case .peerBanned(let node, let reason) = observation { (node, reason) } else { nil }
        }
    }

    func finished() async throws {
        try await self.events.first("the whole model") { event in
            if case .finished = event { () } else { nil }
        }
    }

    @discardableResult
    private func observed<Value: Sendable>(
        _ what: String,
        _ pick: @escaping @Sendable (MeshObservation) -> Value?
    ) async throws -> Value {
        try await self.events.first(what) { event in
            if case .observed(let observation) = event { pick(observation) } else { nil }
        }
    }

    /// Verified bytes of a swarm, and from how many peers they came.
    func progress(of handle: SwarmHandle) async -> (bytes: Int, peers: Int) {
        let status = await self.node.status(of: handle)
        return (status?.verifiedBytes ?? 0, status?.contributors ?? 0)
    }
}

extension MeshConfiguration {
    /// The same with another number.
    func with<Value>(_ number: WritableKeyPath<MeshConfiguration, Value>, _ value: Value) -> MeshConfiguration {
        var configuration = self
        configuration[keyPath: number] = value
        return configuration
    }
}

extension StoredModel {
    var link: MagnetLink { MagnetLink(manifestID: self.id) }
}
