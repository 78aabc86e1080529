public import CoreMetrics
import Foundation
public import Logging
import ShoalCore
import ShoalFormats
package import ShoalNode
import ShoalSignaling
package import ShoalStore
import ShoalSwarm
import ShoalTransport

/// This process's part in swarms: connections, a home on disk, and the shards that it serves to others.
///
/// A home belongs to one node at a time, whether of this library or of the `shoal` command. Start a node, ``open(_:options:)``
/// models, ``stop()`` it: a node that is not stopped leaves its peers to find out by themselves.
public final class LocalNode: Sendable {
    /// How a node is set up.
    public struct Options: Sendable {
        /// The folder in which models and the node's key are kept. Made when it is not there.
        public var home: String
        /// WebTorrent trackers (`ws://` or `wss://`) for links that name none.
        public var trackers: [String] = []
        /// PEM file of a private authority that signs the trackers' certificates.
        public var trackerAuthority: String?
        /// The address to bind to; `127.0.0.1` keeps all traffic on this machine. Nil: every interface but loopback.
        public var bindAddress: String?
        /// The TCP port at which other nodes may dial a direct lane, TLS over TCP beside WebRTC; 0: the system chooses one. Nil:
        /// everything goes over WebRTC.
        public var directLanePort: Int? = 0
        /// Bytes a second that are served to all peers together, 16,384 to 10¹²; nil: as fast as they take them.
        public var uploadLimit: Int?
        /// Bytes a second that are asked for, of all peers together, 16,384 to 10¹²; nil: as fast as they come.
        public var downloadLimit: Int?
        /// Where the node's metrics go; to nowhere by default. What they are called and mean: `docs/metrics.md`.
        public var metrics: any MetricsFactory = NOOPMetricsHandler.instance
        /// Where the node logs to; to nowhere by default.
        public var logger = Logger(label: "shoal") { _ in SwiftLogNoOpLogHandler() }

        /// - Parameter home: the folder in which models and the node's key are kept.
        public init(home: String) { self.home = home }
    }

    /// How a model is opened.
    public struct OpenOptions: Sendable {
        /// Where to announce the swarm, besides the link's own trackers.
        public var trackers: [String] = []
        /// Whether the whole model is fetched in the background; else only what is asked for.
        public var fetchesWhole = false
        /// How long the manifest is waited for when it is not here yet.
        public var patience = Duration.seconds(60)

        /// What is asked for, and nothing else.
        public init() {}
    }

    private let home: Home
    /// This and ``node`` also for `shoal-bench`, which looks at the cache and at rates.
    package let store: ModelStore
    package let node: Node

    private init(_ home: Home, _ store: ModelStore, _ node: Node) {
        self.home = home
        self.store = store
        self.node = node
    }

    /// Takes the home and starts the node.
    ///
    /// - Throws: ``ShoalError``, with ``ShoalError/Code/homeInUse`` when another process has the home.
    public static func start(_ options: Options) async throws -> LocalNode {
        try await ShoalError.wrap {
            var configuration = NodeConfiguration()
            configuration.bindAddress = options.bindAddress
            configuration.directLanePort = options.directLanePort
            configuration.trackers = try options.trackers.map { try TrackerURL($0) }
            configuration.trackerAuthority = options.trackerAuthority
            configuration.mesh.agent = "shoal-library"
            configuration.metrics = options.metrics
            configuration.mesh.limits.upload.total = try Self.rate(options.uploadLimit)
            configuration.mesh.limits.download.total = try Self.rate(options.downloadLimit)
            let ready = configuration
            // Locks, reads the index and the key: not for the threads that tasks share.
            return try await DiskPool(threads: 1).run { () throws -> LocalNode in
                let home = try Home(path: options.home)
                let store = try ModelStore(home: home)
                let node = try Node(
                    home: home,
                    store: store,
                    configuration: ready,
                    logger: options.logger,
                    onEvent: { _ in }
                )
                return LocalNode(home, store, node)
            }
        }
    }

    /// Joins the swarm of a link and returns when the model's manifest is here. Those of its bytes that the home has are
    /// there at once; what was not known to be durable is hashed first.
    ///
    /// - Throws: ``ShoalError``; `CancellationError` when the task is cancelled.
    public func open(_ link: String, options: OpenOptions = OpenOptions()) async throws -> ShardLoader {
        try await ShoalError.wrap {
            let link = try MagnetLink(parsing: link)
            // Links of other programs name trackers of other kinds, which are passed over.
            let named = link.trackers.compactMap { try? TrackerURL($0) }
            let trackers = try named + options.trackers.map { try TrackerURL($0) }
            let events = self.node.listen()
            let known = try await Stoppable.run(on: self.node.disk) { isStopped throws(StoreError) in
                try self.store.open(link.manifestID, toReceive: true) { _ throws(CancellationError) in
                    if isStopped() { throw CancellationError() }
                }
            }
            let handle =
                if let known {
                    try self.node.add(known, link: link, fetches: options.fetchesWhole, at: trackers)
                } else {
                    try self.node.add(link, fetches: options.fetchesWhole, replicates: false, at: trackers)
                }
            if self.node.model(of: handle) == nil {
                try await self.described(handle, events, within: options.patience)
            }
            guard let model = self.node.model(of: handle) else { throw ShoalError(.left, "the node has been stopped") }
            return ShardLoader(self.node, handle, model)
        }
    }

    private func described(
        _ handle: SwarmHandle,
        _ events: AsyncStream<NodeEvent>,
        within patience: Duration
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await event in events {
                    if case .described(handle, _) = event { return }
                    if case .failed(handle, let error) = event { throw error }
                }
                try Task.checkCancellation()
            }
            group.addTask {
                try await Task.sleep(for: patience)
                throw ShoalError(
                    .noManifest,
                    "nobody sent the model's manifest within \(patience): is somebody seeding it at these trackers?"
                )
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Serves and asks for no more than so many bytes a second from now on, of all peers together; nil lifts a limit. What
    /// has been asked for already still comes.
    ///
    /// - Throws: ``ShoalError`` when a limit is not between 16,384 (below it peers give a chunk up) and 10¹².
    public func limit(upload: Int?, download: Int?) async throws {
        let upload = try Self.rate(upload)
        let download = try Self.rate(download)
        await self.node.limit { limits in
            limits.upload.total = upload
            limits.download.total = download
        }
    }

    /// Sets the metrics that are not counted as they happen (connections, queues, cache, scores, models) to what holds now. To be
    /// called before each look at ``Options/metrics``.
    public func updateMetrics() async { await self.node.updateMetrics() }

    private static func rate(_ limit: Int?) throws(ShoalError) -> Int? {
        guard let limit else { return nil }
        guard LimitOrder.rates.contains(limit) else {
            let (least, most) = (LimitOrder.rates.lowerBound, LimitOrder.rates.upperBound)
            throw ShoalError(.setup, "a limit is at least \(least) bytes a second and at most \(most)")
        }
        return limit
    }

    /// Says goodbye to trackers and peers, and returns when every connection and thread is gone. Loads that still wait end
    /// with ``ShoalError/Code/left``, and so does every one to come.
    public func stop() async {
        await self.node.stop()
        self.home.close()
    }
}
