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
    private let hasLeft = Mutex(false)

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
        try await self.load([try self.slice(of: index, nil)], priority, deadline)
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
        try await self.load([try self.slice(of: shard, range)], priority, deadline)
    }

    /// The bytes of an expert, in the order in which the manifest's registry lists them.
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
        return try await self.load(slices, priority, deadline)
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

    /// Asks for nothing more: loads of this model that wait, of other loaders as well, end with ``ShoalError/Code/left``,
    /// and so do those to come of this one. What is here is kept, and is served until the node stops.
    public func leave() {
        self.hasLeft.withLock { $0 = true }
        self.node.endDemands(of: self.handle)
    }

    private var isOver: Bool { self.hasLeft.withLock { $0 } }

    // MARK: How

    /// 3: how often bytes that were here and are lost again before they are read (evicted, changed on the disk) are
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

    private func load(_ slices: [Manifest.Slice], _ priority: LoadPriority, _ deadline: Duration?) async throws -> Data
    {
        try await ShoalError.wrap {
            let end = deadline.map { ContinuousClock.now + $0 }
            let demands = slices.filter { $0.length > 0 }.map {
                ShardDemand($0.shard, chunks: Cutting.chunks(of: $0.offset..<$0.offset + $0.length))
            }
            for attempt in 1... {
                guard !self.isOver else { throw DemandFailure.left }
                let left = end.map { $0 - .now }
                try await self.node.demand(demands, of: self.handle, priority: priority.wire, within: left)
                do {
                    return try await self.read(slices)
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
