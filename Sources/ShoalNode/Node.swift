import CoreMetrics
package import Logging
package import ShoalCore
package import ShoalFormats
package import ShoalSignaling
package import ShoalStore
package import ShoalSwarm
import ShoalTransport
import Synchronization

/// A connection of a node.
struct NodePeer: Sendable {
    let status: PeerStatus
    /// Nil when it has just closed.
    let figures: RTCStatistics?
    let lane: PeerReport.Lane
}

/// One running Shoal: the mesh machine with its loop, and the edges that act for it.
///
/// `start`, then `add` models, then `stop`. Everything that happens is told to `onEvent`, from threads of the node: copy,
/// post, return.
package final class Node: Sendable {
    package let id: NodeID
    /// For its blocking work, and for its owner's.
    package let disk: DiskPool
    /// For what other commands of the home want done: chunks do not wait for it.
    let chores = DiskPool(threads: 2)
    /// For evicting shards, one model after the other: that waits for peers.
    let sweeper = DiskPool(threads: 1)
    /// For looks at the disk that nobody else is to wait for.
    let looks = DiskPool(threads: 1)
    /// Whether a look for room is ordered and has not begun.
    let isSweepDue = Atomic(false)
    let loop: NodeLoop
    let runner: EffectRunner
    /// Implementation and version.
    let agent: String
    let metrics: NodeMetrics
    /// What is measured when somebody looks.
    let board: ReadingBoard
    private let transport: RTCTransport
    /// Nil: without direct lanes.
    let lanes: LaneTransport?
    private let trackers: TrackerDesk
    /// Of the configuration: for links that name none.
    private let ownTrackers: [TrackerIndex]
    private let replicationBudget: Int?
    let ownerLimits: Mutex<TransferLimits>
    let book = Mutex(SwarmBook())
    let fetchDesk = Mutex(FetchDesk())
    private let hub = EventHub()
    private let recorder: NodeRecorder?

    /// Starts a node on an open home.
    ///
    /// - Throws: ``StoreError`` when the identity cannot be read, ``RTCError`` when WebRTC cannot start,
    ///   ``SignalingError`` when the trackers' authority cannot be read.
    package init(
        home: Home,
        store: ModelStore,
        configuration: NodeConfiguration,
        logger: Logger,
        onEvent: @escaping @Sendable (NodeEvent) -> Void
    ) throws {
        let identity = try NodeIdentity.load(home: home.path)
        let loop = NodeLoop()
        _ = ProcessFigures.start
        self.agent = configuration.mesh.agent
        self.metrics = NodeMetrics(configuration.metrics)
        self.board = ReadingBoard(configuration.metrics)
        self.disk = DiskPool(threads: configuration.diskThreads)
        self.loop = loop
        self.runner = EffectRunner(
            loop: loop,
            store: store,
            disk: self.disk,
            configuration: configuration.mesh,
            metrics: self.metrics,
            logger: logger,
            onEvent: { [hub] event in
                hub.tell(event)
                onEvent(event)
            }
        )
        self.transport = try RTCTransport(configuration: configuration.rtc, delegate: self.runner)
        self.lanes = try Self.lanes(of: self.runner, configuration, certificate: self.transport.certificate)
        let trackers = TrackerDesk(loop: loop, authority: configuration.trackerAuthority)
        self.trackers = trackers
        self.ownTrackers = Set(try configuration.trackers.compactMap { try trackers.index(of: $0) }).sorted()
        self.replicationBudget = configuration.replicationBudget
        self.ownerLimits = Mutex(configuration.mesh.limits)
        var system = SystemRandomNumberGenerator()
        // Last, so that no file is left when the node cannot start.
        let recorder = try configuration.recording.map { options throws(StoreError) in
            try NodeRecorder(options, logger: logger)
        }
        var mesh = configuration.mesh
        mesh.hasDirectLane = self.lanes != nil
        let start = RecordingStart(
            configuration: mesh,
            session: NodeClock.unixMilliseconds,
            trackers: self.ownTrackers.count,
            seed: system.next(),
            at: NodeClock.now,
            publicKey: identity.publicKey
        )
        recorder?.begin(start)
        let machine = start.machine(recorder?.listening(to: identity) ?? identity)
        self.recorder = recorder
        self.id = machine.nodeID
        let runner = self.runner
        runner.connect(
            EffectRunner.Wiring(
                transport: self.transport,
                trackers: self.trackers,
                shardCame: { [weak self] in self?.sweep() }
            )
        )
        loop.start(machine, recorder: recorder, metrics: self.metrics.mesh) { runner.carryOut($0) }
    }

    /// Where others dial us, when they may.
    private static func lanes(
        of runner: EffectRunner,
        _ configuration: NodeConfiguration,
        certificate: RTCCertificate
    ) throws(RTCError) -> LaneTransport? {
        guard let port = configuration.directLanePort else { return nil }
        let place = LaneConfiguration(bindAddress: configuration.bindAddress, port: port)
        do {
            let lanes = try LaneTransport(configuration: place, certificate: certificate, delegate: runner)
            runner.connect(lanes)
            return lanes
        } catch {
            // Nobody has asked for a port: all goes over WebRTC then.
            guard port == 0 else { throw error }
            runner.logger.warning("\(error)")
            return nil
        }
    }

    // MARK: Swarms

    /// Takes part in the swarm of a model that is (at least in part) in the store.
    ///
    /// - Parameters:
    ///   - fetches: whether what is missing is asked for; else the node only serves. A fetch under way goes on.
    ///   - trackers: where the swarm is announced; when empty, where the node's configuration says.
    package func add(
        _ model: StoredModel,
        link: MagnetLink,
        fetches: Bool,
        at trackers: [TrackerURL] = []
    ) throws -> SwarmHandle {
        let indices = try self.indices(of: trackers)
        let desk = ModelDesk(model)
        let content = desk.content
        let (handle, isKnown) = try self.enter(link, fetches: fetches) { (handle, isNew) throws(NodeFailure) in
            // Between its opening and this somebody may have removed it.
            guard !model.isRemoved else {
                throw NodeFailure(.failed, "model \(model.id) was removed at this moment: try again")
            }
            let isKnown = self.runner.model(of: handle) != nil
            if !isKnown { self.runner.keep(desk, of: handle) }
            if isNew {
                self.loop.post(.addSwarm(self.description(of: link, handle, content, fetches: fetches, at: indices)))
            } else {
                self.update(handle, fetches: fetches, at: indices)
                self.loop.post(.manifestAccepted(handle, content))
            }
            return isKnown
        }
        guard !isKnown else { return handle }
        self.runner.tell(of: desk, handle)
        if content.complete.isFull { self.runner.finish(handle) }
        return handle
    }

    /// Takes part in a swarm of which only the link is known: the manifest comes from a peer.
    ///
    /// - Parameter replicates: whether rare shards are copied, if the node's configuration has a budget for it.
    package func add(
        _ link: MagnetLink,
        fetches: Bool = true,
        replicates: Bool = true,
        at trackers: [TrackerURL] = []
    ) throws -> SwarmHandle {
        let indices = try self.indices(of: trackers)
        return try self.enter(link, fetches: fetches) { handle, isNew in
            if isNew {
                var description = self.description(of: link, handle, nil, fetches: fetches, at: indices)
                if !replicates { description.replicationBudget = nil }
                self.loop.post(.addSwarm(description))
            } else {
                self.update(handle, fetches: fetches, at: indices)
            }
        }.handle
    }

    private func update(_ handle: SwarmHandle, fetches: Bool, at trackers: [TrackerIndex]) {
        if fetches { self.loop.post(.select(handle, nil)) }
        self.loop.post(.updateSwarm(handle, fetches: fetches ? true : nil, trackers: trackers))
    }

    /// Enters a swarm in the book, and tells the loop of it before anybody else can find it there.
    private func enter<Result>(
        _ link: MagnetLink,
        fetches: Bool,
        _ tell: (_ handle: SwarmHandle, _ isNew: Bool) throws(NodeFailure) -> Result
    ) throws(NodeFailure) -> (handle: SwarmHandle, told: Result) {
        try self.book.withLock { (book) throws(NodeFailure) in
            let entrance = book.enter(link)
            switch entrance {
            case .full:
                throw NodeFailure(
                    .failed,
                    "the node takes part in \(SwarmHandle.most) swarms, which is the most: stop it and start it anew"
                )
            case .leaving: throw NodeFailure(.failed, "that model is being removed at this moment: try again")
            case .new(let handle), .known(let handle):
                let isNew = if case .new = entrance { true } else { false }
                self.prepare(handle, link, isNew: isNew, fetches: fetches)
                return (handle, try tell(handle, isNew))
            }
        }
    }

    private func prepare(_ handle: SwarmHandle, _ link: MagnetLink, isNew: Bool, fetches: Bool) {
        if isNew { self.runner.works.withLock { $0[handle] = SwarmWork(link) } }
        self.runner.expected.withLock { $0[handle] = (link.manifestID, isWhole: fetches) }
        // It may have failed before; what fails from now on is news.
        self.runner.failures.withLock { _ = $0.remove(handle) }
        if fetches { self.fetchDesk.withLock { $0.keep(.everything, of: handle) } }
    }

    /// The mesh's names of trackers; of those of the configuration when none is given.
    private func indices(of trackers: [TrackerURL]) throws -> [TrackerIndex] {
        guard !trackers.isEmpty else { return self.ownTrackers }
        let known = Set(try trackers.compactMap { try self.trackers.index(of: $0) }).sorted()
        guard !known.isEmpty else {
            throw NodeFailure(
                .failed,
                "the node knows \(TrackerDesk.limit) trackers, which is the most: stop it and start it anew"
            )
        }
        return known
    }

    private func description(
        of link: MagnetLink,
        _ handle: SwarmHandle,
        _ content: SwarmContent?,
        fetches: Bool,
        at trackers: [TrackerIndex]
    ) -> SwarmDescription {
        SwarmDescription(
            handle: handle,
            infoHash: link.infoHash,
            secret: link.joinKey,
            content: content,
            fetches: fetches,
            replicationBudget: self.replicationBudget,
            trackers: trackers
        )
    }

    // MARK: What it is doing

    /// What happens from now on.
    package func listen() -> AsyncStream<NodeEvent> { self.hub.listen() }

    /// The model of a swarm, once its manifest is here.
    package func model(of handle: SwarmHandle) -> StoredModel? { self.runner.model(of: handle)?.stored }

    package func status(of handle: SwarmHandle) async -> SwarmStatus? {
        await self.loop.ask { $0.status(of: handle, at: NodeClock.now) }
    }

    /// Every swarm, in the order in which they were added.
    func swarms() async -> [NodeSwarm] { await self.swarms(self.book.withLock { $0.entries }) }

    /// The swarm of a link, if the node takes part in it.
    func swarm(of link: MagnetLink) async -> NodeSwarm? {
        guard let entry = self.book.withLock({ $0[link.infoHash] }) else { return nil }
        return await self.swarms([entry]).first
    }

    private func swarms(_ entries: [SwarmBook.Entry]) async -> [NodeSwarm] {
        await self.loop.ask { machine in
            entries.compactMap { entry in
                machine.status(of: entry.handle, at: NodeClock.now)
                    .map { NodeSwarm(handle: entry.handle, link: entry.link, status: $0) }
            }
        }
    }

    /// Where swarms are announced that are added without trackers of their own.
    var ownTrackerURLs: [TrackerURL] { self.ownTrackers.map { self.url(of: $0) } }

    /// Where a tracker is.
    package func url(of tracker: TrackerIndex) -> TrackerURL { self.trackers[tracker].url }

    func connectionBudget() async -> ConnectionBudget { await self.loop.ask { $0.connectionBudget } }

    /// Every tracker that a swarm is announced at.
    func trackerStatuses() async -> [(url: TrackerURL, status: TrackerStatus)] {
        let statuses = await self.loop.ask { $0.trackerStatuses(at: NodeClock.now) }
        return statuses.map { (self.trackers[$0.index].url, $0) }
    }

    /// Every connection, and what the transports know of it.
    func peers() async -> [NodePeer] {
        var peers: [NodePeer] = []
        for status in await self.loop.ask({ $0.peerStatuses(at: NodeClock.now) }) {
            let figures = await withCheckedContinuation { continuation in
                self.transport.statistics(of: status.connection) { continuation.resume(returning: $0) }
            }
            let lane: PeerReport.Lane = self.runner.lanes.isOpen(status.connection) ? .direct : .webrtc
            peers.append(NodePeer(status: status, figures: figures, lane: lane))
        }
        return peers
    }

    /// Says goodbye to trackers and peers, and returns when every connection and thread is gone. What is verified and
    /// not yet durable is synced; what cannot be is hashed again at the next start. Only the first call does anything.
    package func stop() async {
        guard !self.runner.isStopping.exchange(true, ordering: .relaxed) else { return }
        self.runner.demands.stop()
        self.loop.post(.stop)
        // The loop answers after it has carried the goodbyes out.
        _ = await self.loop.ask { _ in true }
        let transport = self.transport
        let lanes = self.lanes
        let trackers = self.trackers
        await self.disk.run {
            transport.shutdown()
            lanes?.shutdown()
            trackers.awaitGoodbyes()
        }
        for swarm in self.runner.models.withLock({ $0.keys.sorted() }) { self.runner.synchronize(swarm) }
        for pool in [self.disk, self.sweeper] {
            await withCheckedContinuation { continuation in pool.whenIdle { continuation.resume() } }
        }
        let models = self.runner.models.withLock { $0.values.map(\.stored) }
        await self.disk.run { for model in models { model.saveUses() } }
        await self.loop.end()
        guard let recorder = self.recorder else { return }
        await self.disk.run { recorder.finish() }
    }
}
