import Logging
import ShoalCore
import ShoalFormats
import ShoalNode
import ShoalSignaling
import ShoalStore
import ShoalSwarm

/// A node for as long as one command lasts: its home, its store, its socket, its events in words.
struct NodeSession: Sendable {
    let home: Home
    let store: ModelStore
    let node: Node
    let events: AsyncStream<NodeEvent>
    let display = ProgressDisplay()
    private let service: NodeService
    /// Nil when the home cannot have one.
    private let socket: NodeSocket?
    /// Nil: nobody is told of metrics.
    private let metrics: MetricsServer?
    private let told = Told()

    /// - Parameter metricsPort: of 127.0.0.1; nil: nobody is told of metrics.
    init(
        _ home: Home,
        _ store: ModelStore,
        _ configuration: NodeConfiguration,
        metricsPort: Int?,
        logger: Logger
    ) async throws {
        // The newest are kept: what ends a command comes last.
        let (events, continuation) = AsyncStream.makeStream(
            of: NodeEvent.self,
            bufferingPolicy: .bufferingNewest(1_024)
        )
        self.home = home
        self.store = store
        self.events = events
        let registry = metricsPort.map { _ in PrometheusRegistry() }
        var configuration = configuration
        if let registry { configuration.metrics = registry }
        self.node = try Node(home: home, store: store, configuration: configuration, logger: logger) { event in
            if event.isOfUse { continuation.yield(event) }
        }
        self.metrics = try await Self.metrics(of: self.node, registry, port: metricsPort)
        self.service = NodeService(node: self.node, store: store, home: home.path, metrics: self.metrics?.url)
        do {
            self.socket = try await NodeSocket(home: home.path, logger: logger)
        } catch {
            Console.say("warning: other commands of this home cannot reach this node: \(error)")
            self.socket = nil
        }
    }

    /// A node that cannot be watched over is not started.
    private static func metrics(
        of node: Node,
        _ registry: PrometheusRegistry?,
        port: Int?
    ) async throws -> MetricsServer? {
        guard let registry, let port else { return nil }
        do {
            let server = try await MetricsServer.start(node, registry, port: port)
            Console.say("metrics: \(server.url)")
            return server
        } catch {
            await node.stop()
            throw CommandError("\(error): choose another one with --metrics-port")
        }
    }

    /// Runs `body`, and answers other commands until it is done.
    func serve<Result: Sendable>(
        while body: @escaping @Sendable (NodeSession) async throws -> Result
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask { try await body(self) }
            group.addTask {
                await self.service.awaitStop()
                return nil
            }
            let service = self.service
            if let socket = self.socket {
                group.addTask {
                    await socket.run { request, answer in try await service.carryOut(request, answer) }
                    // Lost sockets cost their commands, not the node.
                    await service.awaitStop()
                    return nil
                }
            }
            defer { group.cancelAll() }
            if let result = try await group.next() ?? nil { return result }
            try Task.checkCancellation()
            self.display.say("another command wants this node to stop")
            throw CancellationError()
        }
    }

    /// Does what another command would ask this node to do; `onAnswer` has all but progress and notes. Trouble with
    /// trackers and peers is told meanwhile.
    func carryOut(_ request: NodeRequest, _ onAnswer: @escaping @Sendable (NodeAnswer) throws -> Void) async throws {
        defer { self.display.clear() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await self.service.carryOut(request) { answer in
                    switch answer {
                    case .progress(let progress): self.display.show(progress)
                    case .note(let text): self.display.say(text)
                    default: try onAnswer(answer)
                    }
                }
            }
            group.addTask {
                for await event in self.events { self.tell(event) }
                // The work goes on, though there is nothing left to tell.
                await Waiting.untilCancelled()
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    func stop() async {
        self.display.clear()
        await self.metrics?.stop()
        await self.node.stop()
        self.home.close()
    }

    /// Tells people of an event, in a sentence.
    func tell(_ event: NodeEvent) {
        guard let sentence = self.sentence(for: event), self.told.isNews(event) else { return }
        self.display.say(sentence)
    }

    private func sentence(for event: NodeEvent) -> String? {
        switch event {
        case .observed(let observation): self.sentence(for: observation)
        case .found(_, let error): "warning: \(error)"
        case .described, .checking, .finished, .failed: nil
        }
    }

    private func sentence(for observation: MeshObservation) -> String? {
        switch observation {
        case .peerJoined(_, let peer, let agent): "connected to \(peer.short) (\(agent))"
        case .peerLeft(_, let peer?, let reason): "disconnected from \(peer.short): \(reason)"
        case .peerBanned(let peer, let reason): "banned \(peer.short): \(reason)"
        case .swarmLeft: "a model was removed, and is no longer served"
        case .shardsLost(_, _, let reason): "warning: not all is served any more: \(reason)"
        case .shardsEvicted(_, let shards): "\(shards.count) shards make way: the cache is full"
        case .trackerConnected(let index): "tracker \(self.node.url(of: index)) is back"
        case .trackerLost(_, let reason, let retryIn):
            "\(reason) (next try in \(Figures.duration(retryIn.inSeconds)))"
        case .trackerWarned(let index, let text): "tracker \(self.node.url(of: index)) says: \(text)"
        default: nil
        }
    }
}

extension NodeEvent {
    /// Whether a command has anything to say or do about the event.
    fileprivate var isOfUse: Bool {
        switch self {
        case .observed(.swarmOpened), .observed(.manifestArrived): false
        default: true
        }
    }
}
