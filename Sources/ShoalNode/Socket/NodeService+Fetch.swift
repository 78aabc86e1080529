import ShoalCore
import ShoalFormats
import ShoalSignaling
package import ShoalStore
package import ShoalSwarm
import Synchronization

/// Fetches that commands ask the node for.
extension NodeService {
    /// 200 ms: often enough for a progress bar.
    private static let progressInterval = Duration.milliseconds(200)

    /// Returns when every byte is verified and durable, and the copy is made that was asked for.
    func fetch(_ order: FetchOrder, _ answer: @escaping NodeSocket.Answer) async throws {
        let link = try Self.link(order.link)
        if let output = order.output { try Self.requireAbsolute(output) }
        let trackers = try Self.trackers(order.trackers, of: link)
        let events = self.node.listen()
        let before = await self.node.swarm(of: link)
        self.demand.enter(link.infoHash) { self.node.isFetching(link) }
        var isWhole = false
        defer {
            self.demand.leave(link.infoHash) {
                if !isWhole { self.node.stopFetching(link) }
            }
        }
        let (model, handle) = try await self.telling(answer) { board in
            let handle = try await self.join(link, at: trackers, board)
            board.follow(handle)
            try await self.untilFinished(handle, events, order.output, board, answer)
            guard let model = self.node.model(of: handle) else {
                preconditionFailure("a model finished that is not there")
            }
            if let output = order.output { try await self.copy(model, to: output, board) }
            return (model, handle)
        }
        isWhole = true
        let after = await self.node.status(of: handle)
        let fromPeers = (after?.receivedBytes ?? 0) - (before?.status.receivedBytes ?? 0)
        try await answer(
            .fetched(
                FetchReport(
                    manifest: model.id.hex,
                    path: model.manifest.files[0].path,
                    bytes: model.manifest.totalSize,
                    bytesFromPeers: fromPeers,
                    peers: fromPeers == 0 ? 0 : after?.contributors ?? 0
                )
            )
        )
    }

    /// Takes part in the swarm, with what the home has of the model.
    private func join(
        _ link: MagnetLink,
        at trackers: [TrackerURL],
        _ board: ProgressBoard
    ) async throws
        -> SwarmHandle
    {
        let known = try await Stoppable.run(on: self.node.chores) { isStopped throws(StoreError) in
            try self.store.open(link.manifestID, toReceive: true, progress: board.handler(.examining, isStopped))
        }
        guard let known else { return try self.node.add(link, at: trackers) }
        let handle = try self.node.add(known, link: link, fetches: true, at: trackers)
        // What an index says is no proof: a model that is here already is hashed again before it counts.
        if known.state.complete.isFull {
            try await Stoppable.run(on: self.node.chores) { isStopped throws(StoreError) in
                try self.node.examine(handle, progress: board.handler(.examining, isStopped))
            }
        }
        return handle
    }

    private func untilFinished(
        _ handle: SwarmHandle,
        _ events: AsyncStream<NodeEvent>,
        _ output: String?,
        _ board: ProgressBoard,
        _ answer: NodeSocket.Answer
    ) async throws {
        try await self.checkOutput(output, handle)
        for await event in events {
            switch event {
            case .described(handle, _): try await self.checkOutput(output, handle)
            case .checking(handle, let progress): board.set(.checking, progress)
            case .found(handle, let finding): try await answer(.note("warning: \(finding)"))
            case .failed(handle, let error): throw error
            case .finished(handle):
                // One of an earlier time, when the model was whole as well, says nothing of now.
                if self.node.model(of: handle)?.state.durable.isFull == true { return }
            default: break
            }
        }
        throw CancellationError()
    }

    /// What is in the copy's way is better known before the transfer than after it.
    private func checkOutput(_ output: String?, _ handle: SwarmHandle) async throws {
        guard let output, let model = self.node.model(of: handle) else { return }
        try await self.node.chores.run { () throws(StoreError) in try model.checkExport(to: output) }
    }

    private func copy(_ model: StoredModel, to output: String, _ board: ProgressBoard) async throws {
        try await Stoppable.run(on: self.node.chores) { isStopped throws(StoreError) in
            try model.export(to: output, progress: board.handler(.copying, isStopped))
        }
    }

    // MARK: Progress

    /// Runs `work`, and tells the client meanwhile how far it is.
    func telling<Value: Sendable>(
        _ answer: @escaping NodeSocket.Answer,
        _ work: @escaping @Sendable (ProgressBoard) async throws -> Value
    ) async throws -> Value {
        let board = ProgressBoard()
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await work(board) }
            group.addTask {
                while true {
                    try await answer(.progress(await self.progress(board)))
                    try await Task.sleep(for: Self.progressInterval)
                }
            }
            defer { group.cancelAll() }
            guard let value = try await group.next() ?? nil else { throw CancellationError() }
            return value
        }
    }

    private func progress(_ board: ProgressBoard) async -> ModelProgress {
        let (handle, task) = board.now
        let status = if let handle { await self.node.status(of: handle) } else { SwarmStatus?.none }
        var progress = ModelProgress(status)
        if let task { progress.set(task.stage, task.progress) }
        return progress
    }
}

extension ModelProgress {
    /// How far the swarm is; nothing is known before the node takes part in it.
    package init(_ status: SwarmStatus?) {
        self.init(
            stage: status?.totalBytes == nil ? .looking : .fetching,
            done: status?.verifiedBytes ?? 0,
            total: status?.totalBytes,
            peers: status?.peers ?? 0,
            connectedTrackers: status?.connectedTrackers ?? 0
        )
    }

    /// A long task of the store is under way.
    package mutating func set(_ stage: Stage, _ progress: StoreProgress) {
        self.stage = stage
        self.done = progress.done
        self.total = progress.total
    }
}

/// How far a request is: written by whoever works on it, read by whoever tells the client.
final class ProgressBoard: Sendable {
    struct Work: Sendable {
        let stage: ModelProgress.Stage
        let progress: StoreProgress
    }

    private struct State {
        var handle: SwarmHandle?
        var work: Work?
    }

    private let state = Mutex(State())

    /// The swarm whose progress counts, and the long task that is under way, if one is.
    var now: (handle: SwarmHandle?, work: Work?) { self.state.withLock { ($0.handle, $0.work) } }

    /// From now on the swarm's bytes count, until a long task begins.
    func follow(_ handle: SwarmHandle) { self.state.withLock { $0 = State(handle: handle) } }

    func set(_ stage: ModelProgress.Stage, _ progress: StoreProgress) {
        self.state.withLock { $0.work = Work(stage: stage, progress: progress) }
    }

    /// Writes down how far a task of the store is, and ends it when nobody waits for it.
    func handler(_ stage: ModelProgress.Stage, _ isStopped: @escaping @Sendable () -> Bool) -> ProgressHandler {
        { progress throws(CancellationError) in
            if isStopped() { throw CancellationError() }
            self.set(stage, progress)
        }
    }
}
