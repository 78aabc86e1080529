import Dispatch
package import Logging
import NIOPosix
package import ShoalCore
package import ShoalFormats
import ShoalSignaling
package import ShoalStore
package import ShoalSwarm
import ShoalTransport
import Synchronization

/// One running Shoal: the mesh machine with its loop, and the edges that act for it.
///
/// `start`, then `add` models, then `stop`. Everything that happens is told to `onEvent`, from threads of the node: copy,
/// post, return.
package final class Node: Sendable {
    package let id: NodeID
    /// For its blocking work, and for its owner's.
    package let disk: DiskPool
    private let loop: NodeLoop
    private let runner: EffectRunner
    private let transport: RTCTransport
    private let trackers: [TrackerClient]
    /// Entered for each open tracker socket.
    private let openTrackers: DispatchGroup
    private let handles = Mutex<UInt16>(0)
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
        self.disk = DiskPool(threads: configuration.diskThreads)
        self.loop = loop
        self.runner = EffectRunner(
            loop: loop,
            store: store,
            disk: self.disk,
            configuration: configuration.mesh,
            logger: logger,
            onEvent: onEvent
        )
        self.transport = try RTCTransport(configuration: configuration.rtc, delegate: self.runner)
        let openTrackers = DispatchGroup()
        self.openTrackers = openTrackers
        self.trackers = try Self.trackers(configuration, loop, openTrackers)
        var system = SystemRandomNumberGenerator()
        // Last, so that no file is left when the node cannot start.
        let recorder = try configuration.recording.map { options throws(StoreError) in
            try NodeRecorder(options, logger: logger)
        }
        let start = RecordingStart(
            configuration: configuration.mesh,
            session: NodeClock.unixMilliseconds,
            trackers: self.trackers.count,
            seed: system.next(),
            at: NodeClock.now,
            publicKey: identity.publicKey
        )
        recorder?.begin(start)
        let machine = start.machine(recorder?.listening(to: identity) ?? identity)
        self.recorder = recorder
        self.id = machine.nodeID
        let runner = self.runner
        runner.connect(EffectRunner.Wiring(transport: self.transport, trackers: self.trackers))
        loop.start(machine, recorder: recorder) { runner.carryOut($0) }
    }

    private static func trackers(
        _ configuration: NodeConfiguration,
        _ loop: NodeLoop,
        _ open: DispatchGroup
    ) throws -> [TrackerClient] {
        var client = TrackerClient.Configuration()
        client.authorityFile = configuration.trackerAuthority
        return try configuration.trackers.enumerated().map { position, url in
            let index = TrackerIndex(position)
            let isOpen = Mutex(false)
            return try TrackerClient(
                url: url,
                configuration: client,
                group: MultiThreadedEventLoopGroup.singleton
            ) { event in
                switch event {
                case .connected:
                    open.enter()
                    isOpen.withLock { $0 = true }
                    loop.post(.trackerConnected(index))
                case .message(let response): loop.post(.trackerReceived(index, response))
                case .malformed(let reason): loop.post(.trackerReceived(index, .warning(reason)))
                case .closed(let reason):
                    if isOpen.withLock({ wasOpen in
                        defer { wasOpen = false }
                        return wasOpen
                    }) {
                        open.leave()
                    }
                    loop.post(.trackerClosed(index, reason: reason))
                }
            }
        }
    }

    /// Takes part in the swarm of a model that is (at least in part) in the store.
    ///
    /// - Parameter fetches: whether what is missing is asked for; else the node only serves.
    package func add(_ model: StoredModel, link: MagnetLink, fetches: Bool) -> SwarmHandle {
        let desk = ModelDesk(model)
        let handle = self.nextHandle()
        self.runner.expected.withLock { $0[handle] = model.id }
        self.runner.register(desk, handle)
        let content = desk.content
        self.loop.post(.addSwarm(self.description(of: link, handle, content, fetches: fetches)))
        if content.complete.isFull { self.runner.finish(handle) }
        return handle
    }

    /// Takes part in a swarm of which only the link is known: the manifest comes from a peer.
    package func add(_ link: MagnetLink) -> SwarmHandle {
        let handle = self.nextHandle()
        self.runner.expected.withLock { $0[handle] = link.manifestID }
        self.loop.post(.addSwarm(self.description(of: link, handle, nil, fetches: true)))
        return handle
    }

    private func nextHandle() -> SwarmHandle {
        SwarmHandle(
            self.handles.withLock { last in
                last += 1
                return last
            }
        )
    }

    private func description(
        of link: MagnetLink,
        _ handle: SwarmHandle,
        _ content: SwarmContent?,
        fetches: Bool
    ) -> SwarmDescription {
        SwarmDescription(
            handle: handle,
            infoHash: link.infoHash,
            secret: link.joinKey,
            content: content,
            fetches: fetches,
            trackers: self.trackers.indices.map(TrackerIndex.init)
        )
    }

    /// The model of a swarm, once its manifest is here.
    package func model(of handle: SwarmHandle) -> StoredModel? { self.runner.model(of: handle)?.stored }

    package func status(of handle: SwarmHandle) async -> SwarmStatus? {
        await self.loop.ask { $0.status(of: handle) }
    }

    /// Says goodbye to trackers and peers, and returns when every connection and thread is gone. What is verified and
    /// not yet durable is synced; what cannot be is hashed again at the next start.
    package func stop() async {
        self.loop.post(.stop)
        // The loop answers after it has carried the goodbyes out.
        _ = await self.loop.ask { _ in true }
        let transport = self.transport
        let openTrackers = self.openTrackers
        await self.disk.run {
            transport.shutdown()
            // A tracker that does not take its goodbye is not waited for.
            _ = openTrackers.wait(timeout: .now() + .seconds(1))
        }
        for swarm in self.runner.models.withLock({ $0.keys.sorted() }) { self.runner.synchronize(swarm) }
        await withCheckedContinuation { continuation in
            self.disk.whenIdle { continuation.resume() }
        }
        await self.loop.end()
        guard let recorder = self.recorder else { return }
        await self.disk.run { recorder.finish() }
    }
}
