public import Foundation
import ShoalCore
import ShoalFormats
import ShoalNode
import ShoalStore
package import ShoalSwarm
import Synchronization

/// Hands out the bytes of a model, shard by shard and expert by expert, and fetches from the swarm what is not here: the
/// hook that an engine plugs into.
///
/// - Every byte is verified against the model's manifest before it is handed out.
/// - What several callers want at the same time is fetched once, as urgently as the most urgent of them says.
/// - A task that is cancelled wants nothing any more; what nobody else wants is no longer asked for.
/// - What was loaded stays on disk, is served to peers, and is not fetched again.
///
/// All members may be called from any number of tasks.
public final class ShardLoader: Sendable {
    /// What the model consists of.
    public let model: ModelDescription
    private let node: Node
    /// What the node calls the swarm.
    package let handle: SwarmHandle
    private let stored: StoredModel
    /// Whether the manifest's expert registry has been compared with the model's headers.
    private let hasRightRegistry = Atomic(false)

    init(_ node: Node, _ handle: SwarmHandle, _ stored: StoredModel) {
        self.model = ModelDescription(id: stored.id.hex, stored.manifest)
        self.node = node
        self.handle = handle
        self.stored = stored
    }

    // MARK: Loading

    /// A whole shard, in the order in which the manifest lists its extents.
    ///
    /// - Parameters:
    ///   - index: its position in the manifest, as in ``ModelDescription/shardSizes``.
    ///   - deadline: how long to wait; nil: for as long as the task lives.
    /// - Throws: ``ShoalError``; `CancellationError` when the task is cancelled.
    public func loadShard(
        _ index: Int,
        priority: LoadPriority = .next,
        deadline: Duration? = nil
    ) async throws -> Data {
        try await self.load([try self.slice(of: index, nil)], priority, Self.end(of: deadline))
    }

    /// Bytes of a shard. They are here as soon as the chunks (of 128 KiB) in which they lie are; the rest of the shard may
    /// come as well.
    ///
    /// - Parameters:
    ///   - shard: its position in the manifest, as in ``ModelDescription/shardSizes``.
    ///   - range: positions in the shard.
    ///   - deadline: how long to wait; nil: for as long as the task lives.
    /// - Throws: ``ShoalError``; `CancellationError` when the task is cancelled.
    public func loadRange(
        _ shard: Int,
        _ range: Range<Int>,
        priority: LoadPriority = .next,
        deadline: Duration? = nil
    ) async throws -> Data {
        try await self.load([try self.slice(of: shard, range)], priority, Self.end(of: deadline))
    }

    /// The bytes of an expert, in the order in which the manifest's registry lists them.
    ///
    /// The first call loads the model's headers as well, and compares the registry with them: the wrong expert would be
    /// verified like the right one.
    ///
    /// - Parameters:
    ///   - layer: the layer, from 0.
    ///   - expert: the expert's index in its layer, from 0.
    ///   - deadline: how long to wait; nil: for as long as the task lives.
    /// - Throws: ``ShoalError``; `CancellationError` when the task is cancelled.
    public func loadExpert(
        _ layer: Int,
        _ expert: Int,
        priority: LoadPriority = .next,
        deadline: Duration? = nil
    ) async throws -> Data {
        guard let slices = self.stored.manifest.experts?.map[ExpertID(layer: layer, index: expert)] else {
            throw ShoalError(.unknownExpert, "the model has no expert \(expert) in layer \(layer)")
        }
        let end = Self.end(of: deadline)
        try await self.requireRightRegistry(priority, end)
        return try await self.load(slices, priority, end)
    }

    // MARK: The swarm

    /// How much of the model is here now.
    public func progress() async -> LoadProgress {
        let status = await self.node.status(of: self.handle)
        return LoadProgress(
            verifiedBytes: self.stored.state.verifiedBytes,
            totalBytes: self.stored.manifest.totalSize,
            peers: status?.peers ?? 0
        )
    }

    /// How much of the model is here, again and again until the stream is dropped or the swarm is left.
    ///
    /// - Parameter interval: the pause between two values.
    public func progressUpdates(every interval: Duration = .milliseconds(200)) -> AsyncStream<LoadProgress> {
        let isFirst = Mutex(true)
        return AsyncStream { [self] in
            let sleeps = !isFirst.withLock { first in
                defer { first = false }
                return first
            }
            do {
                if sleeps { try await Task.sleep(for: interval) }
            } catch {
                // The task was cancelled: nobody wants more of it.
                return nil
            }
            return self.isOver ? nil : await self.progress()
        }
    }

    /// Leaves the swarm: tells trackers and peers, and returns when nothing of the model is sent or received any more. What
    /// is here stays on the disk. Loads of this model that wait, of other loaders as well, end with
    /// ``ShoalError/Code/left``, and so do those to come; ``LocalNode/open(_:options:)`` enters the swarm again.
    public func leave() async {
        // Refused only while somebody else leaves it.
        _ = try? await self.node.leave(self.stored.id) {}
    }

    private var isOver: Bool { self.node.model(of: self.handle) == nil }

    // MARK: How

    /// 3: how often bytes that were here and are lost again before they are read (they rot, the user changes their file) are
    /// fetched anew.
    private static let attempts = 3

    private func slice(of shard: Int, _ range: Range<Int>?) throws -> Manifest.Slice {
        guard self.model.shardSizes.indices.contains(shard) else {
            throw ShoalError(
                .unknownShard,
                "the model has \(self.model.shardSizes.count) shards, and no shard \(shard)"
            )
        }
        let size = self.model.shardSizes[shard]
        let range = range ?? 0..<size
        guard range.lowerBound >= 0, range.upperBound <= size else {
            throw ShoalError(
                .unknownRange,
                "shard \(shard) has \(size) bytes, and not \(range.lowerBound)..<\(range.upperBound)"
            )
        }
        return Manifest.Slice(shard: ShardIndex(shard), offset: range.lowerBound, length: range.count)
    }

    private static func end(of deadline: Duration?) -> ContinuousClock.Instant? {
        deadline.map { ContinuousClock.now + $0 }
    }

    private func load(
        _ slices: [Manifest.Slice],
        _ priority: LoadPriority,
        _ end: ContinuousClock.Instant?
    ) async throws -> Data {
        try await self.have(slices, priority, end) { try await self.read(slices) }
    }

    private func requireRightRegistry(_ priority: LoadPriority, _ end: ContinuousClock.Instant?) async throws {
        guard !self.hasRightRegistry.load(ordering: .relaxed) else { return }
        let shards = self.stored.manifest.shards
        let headers = shards.indices.filter { shards[$0].kind == .header }
        let slices = headers.map { Manifest.Slice(shard: ShardIndex($0), offset: 0, length: shards[$0].size) }
        let problem = try await self.have(slices, priority, end) {
            try await Stoppable.run(on: self.node.disk) { _ throws(StoreError) in
                let problem = try self.stored.registryProblem()
                guard headers.allSatisfy({ self.stored.state.complete[$0] }) else {
                    throw StoreError(.absent, "the model's headers are no longer here")
                }
                return problem
            }
        }
        if let problem {
            throw ShoalError(
                .wrongRegistry,
                "the manifest does not say where the experts of this model are: \(problem); load whole shards, or ask "
                    + "for a link that was made from the model's files"
            )
        }
        self.hasRightRegistry.store(true, ordering: .relaxed)
    }

    /// Runs `use` once all of these bytes are here, and nothing of them is evicted meanwhile.
    private func have<Result: Sendable>(
        _ slices: [Manifest.Slice],
        _ priority: LoadPriority,
        _ end: ContinuousClock.Instant?,
        _ use: () async throws -> Result
    ) async throws -> Result {
        try await ShoalError.wrap {
            let demands = slices.filter { $0.length > 0 }.map {
                ShardDemand($0.shard, chunks: Cutting.chunks(of: $0.offset..<$0.offset + $0.length))
            }
            let lease = self.stored.lease(slices.map(\.shard))
            defer { lease.close() }
            for attempt in 1... {
                guard !self.isOver else { throw DemandFailure.left }
                let left = end.map { $0 - .now }
                try await self.node.demand(demands, of: self.handle, priority: priority.wire, within: left)
                do {
                    return try await use()
                } catch let error as StoreError where error.isLoss && attempt < Self.attempts {
                    continue
                }
            }
            preconditionFailure("the last attempt ends in bytes or in an error")
        }
    }

    private func read(_ slices: [Manifest.Slice]) async throws -> Data {
        var bytes = Data(capacity: slices.reduce(0) { $0 + $1.length })
        for slice in slices {
            bytes += try await self.node.read(
                slice.offset..<slice.offset + slice.length,
                of: slice.shard,
                in: self.handle
            )
        }
        return bytes
    }
}

extension StoreError {
    /// Bytes that were here are not any more, and can be fetched again.
    fileprivate var isLoss: Bool {
        switch self.code {
        case .absent, .changed, .corrupt, .missing: true
        default: false
        }
    }
}
