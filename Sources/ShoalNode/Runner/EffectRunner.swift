import Logging
import ShoalCore
import ShoalFormats
import ShoalSignaling
import ShoalStore
import ShoalSwarm
import ShoalTransport
import ShoalWire
import Synchronization

/// Carries out what the mesh orders, and tells the loop what came of it. Everything here returns at once; disks have
/// their pool, WebRTC and trackers their own threads.
///
/// The parts: connections (here), downloads, uploads, the store, the transport's callbacks.
final class EffectRunner: Sendable {
    let loop: NodeLoop
    let store: ModelStore
    let disk: DiskPool
    let logger: Logger
    let onEvent: @Sendable (NodeEvent) -> Void
    let metrics: NodeMetrics
    let slab: Slab
    let uploads: UploadDesk
    /// Who waits for which shards.
    let demands: DemandDesk
    let lanes: LaneDesk
    let desks = Mutex<[ConnectionID: ConnectionDesk]>([:])
    let models = Mutex<[SwarmHandle: ModelDesk]>([:])
    /// Which manifest each swarm waits for, and whether the whole model is to come.
    let expected = Mutex<[SwarmHandle: (manifest: ManifestID, isWhole: Bool)]>([:])
    /// What is being done for each swarm.
    let works = Mutex<[SwarmHandle: SwarmWork]>([:])
    /// Swarms whose failure has been told.
    let failures = Mutex<Set<SwarmHandle>>([])
    /// The node ends: long tasks are left for its next start.
    let isStopping = Atomic<Bool>(false)
    /// Set once, before the loop starts.
    private let wiring = Mutex<Wiring?>(nil)

    struct Wiring: Sendable {
        let transport: RTCTransport
        let trackers: TrackerDesk
        /// A shard is whole: there may be too many of them now.
        let shardCame: @Sendable () -> Void
    }

    init(
        loop: NodeLoop,
        store: ModelStore,
        disk: DiskPool,
        configuration: MeshConfiguration,
        metrics: NodeMetrics,
        logger: Logger,
        onEvent: @escaping @Sendable (NodeEvent) -> Void
    ) {
        self.loop = loop
        self.store = store
        self.disk = disk
        self.metrics = metrics
        self.logger = logger
        self.onEvent = onEvent
        self.slab = Slab(slots: configuration.room)
        self.uploads = UploadDesk(buffers: configuration.servesAtOnce)
        self.lanes = LaneDesk(logger: logger)
        self.demands = DemandDesk { loop.post($0) }
    }

    func connect(_ wiring: Wiring) { self.wiring.withLock { $0 = wiring } }

    var transport: RTCTransport { self.wired.transport }

    private var wired: Wiring {
        guard let wiring = self.wiring.withLock({ $0 }) else { preconditionFailure("the loop ran before its wiring") }
        return wiring
    }

    func carryOut(_ effect: MeshEffect) {
        switch effect {
        case .makeOffer(let connection): self.transport.offer(connection)
        case .makeAnswer(let connection, let offer): self.transport.answer(connection, offer: offer)
        case .acceptAnswer(let connection, let answer): self.transport.accept(connection, answer: answer)
        case .disconnect(let connection, let reason): self.transport.close(connection, reason: reason)
        case .send(let connection, let message): self.send(message, to: connection)
        case .seekLane(let connection): self.lanes.seek(connection)
        case .lane(let connection, let message): self.lanes.received(message, from: connection)

        case .request(let connection, let swarm, let request): self.request(request, swarm, of: connection)
        case .discard(let connection, let request): self.release(of: connection) { $0.discard(request) }
        case .settle(let connection, let request, let framesSent):
            self.release(of: connection) { $0.settle(request, framesSent: framesSent) }
        case .verify(let receipt): self.verify(receipt)
        case .drop(let receipt): self.drop(receipt)

        case .checkManifest(let swarm, let bytes, let connection): self.checkManifest(swarm, bytes, from: connection)
        case .checkHashes(let swarm, let shard, let digests, let connection):
            self.checkHashes(swarm, shard, digests, from: connection)
        case .recheck(let swarm, let shard): self.recheck(swarm, shard)

        case .serve(let connection, let request, let swarm, let shard, let chunk):
            self.serve(connection, request, swarm, shard, chunk)
        case .serveHashes(let connection, let swarm, let shard): self.serveHashes(connection, swarm, shard)

        case .connectTracker(let index): self.wired.trackers[index].connect()
        case .sendToTracker(let index, let request): self.send(request, to: index)
        case .disconnectTracker(let index): self.wired.trackers[index].close()

        case .observe(let observation): self.observe(observation)
        }
    }

    func send(_ message: ControlMessage, to connection: ConnectionID) {
        self.logger.trace(
            "message sent",
            metadata: ["shoal.connection": "\(connection.rawValue)", "shoal.message": "\(message.body.name)"]
        )
        let bytes = message.encoded()
        self.metrics.transfers.controlMessageSent(bytes.count)
        self.transport.sendControl(connection, bytes)
    }

    private func send(_ request: TrackerRequest, to index: TrackerIndex) {
        do {
            try self.wired.trackers[index].send(request)
        } catch {
            // An SDP that is longer than trackers take: this announce is lost, the next has other offers.
            self.logger.error("announce not sent", metadata: ["shoal.error": "\(error)"])
        }
    }

    private func observe(_ observation: MeshObservation) {
        self.logger.debug("observed", metadata: ["shoal.observation": "\(observation)"])
        self.metrics.mesh.observed(observation)
        switch observation {
        case .shardCompleted(let swarm, _):
            self.synchronize(swarm)
            self.wired.shardCame()
        case .manifestArrived(let swarm): self.demands.renew(nil, of: swarm)
        case .shardsLost(let swarm, let shards, _): self.demands.renew(shards, of: swarm)
        case .swarmCompleted(let swarm):
            self.logger.info("every chunk verified")
            self.finish(swarm)
        default: break
        }
        self.onEvent(.observed(observation))
    }

    func desk(of connection: ConnectionID) -> ConnectionDesk? { self.desks.withLock { $0[connection] } }

    func model(of swarm: SwarmHandle) -> ModelDesk? { self.models.withLock { $0[swarm] } }

    /// The model of a swarm is known from now on, and the mesh hears what the store loses of it.
    func keep(_ model: ModelDesk, of swarm: SwarmHandle) {
        let loop = self.loop
        model.watch { shards, reason in loop.post(.shardsLost(swarm, shards, reason: reason)) }
        self.models.withLock { $0[swarm] = model }
    }

    func work(of swarm: SwarmHandle) -> SwarmWork? { self.works.withLock { $0[swarm] } }

    /// Does `job` for a swarm on a disk thread. False, and nothing done, when the node is leaving the swarm.
    func submit(for swarm: SwarmHandle, _ job: @escaping @Sendable () -> Void) -> Bool {
        guard let work = self.work(of: swarm), work.begin() else { return false }
        self.disk.submit {
            job()
            work.end()
        }
        return true
    }

    /// Forgets a swarm that the mesh has left; returns when nothing of its model is read or written any more, and the loop
    /// has been told of all that was.
    func leave(_ swarm: SwarmHandle) async {
        self.demands.fail(swarm, DemandFailure.left)
        let work = self.works.withLock { $0.removeValue(forKey: swarm) }
        await work?.finish()
        self.models.withLock { _ = $0.removeValue(forKey: swarm) }
        self.expected.withLock { _ = $0.removeValue(forKey: swarm) }
        self.failures.withLock { _ = $0.remove(swarm) }
        // Those who have come meanwhile.
        self.demands.fail(swarm, DemandFailure.left)
    }
}
