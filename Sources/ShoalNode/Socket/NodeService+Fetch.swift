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

    /// Returns when every byte that was asked for is verified and durable, and the copy is made that was asked for.
    func fetch(_ order: FetchOrder, _ answer: @escaping NodeSocket.Answer) async throws {
        let link = try Self.link(order.link)
        if let output = order.output { try Self.requireAbsolute(output) }
        let selection = try FileSelection(include: order.include ?? [], exclude: order.exclude ?? [])
        let trackers = try Self.trackers(order.trackers, of: link)
        let before = await self.node.swarm(of: link)
        let events = self.node.listen()
        let (chosen, handle) = try await self.telling(answer) { board in
            let handle = try await self.join(link, selection, at: trackers, board)
            board.follow(handle)
            let observer = self.observer(of: handle, events, order.output, board, answer)
            let chosen = try await self.node.fetch(handle, selection, observer)
            if let output = order.output { try await self.copy(chosen, to: output, board) }
            return (chosen, handle)
        }
        let after = await self.node.status(of: handle)
        let fromPeers = (after?.receivedBytes ?? 0) - (before?.status.receivedBytes ?? 0)
        try await answer(
            .fetched(
                try await .of(
                    chosen,
                    bytesFromPeers: fromPeers,
                    peers: fromPeers == 0 ? 0 : after?.contributors ?? 0,
                    on: self.node.chores
                )
            )
        )
    }

    /// Takes part in the swarm, with what the home has of the model.
    private func join(
        _ link: MagnetLink,
        _ selection: FileSelection,
        at trackers: [TrackerURL],
        _ board: ProgressBoard
    ) async throws
        -> SwarmHandle
    {
        let known = try await Stoppable.run(on: self.node.chores) { isStopped throws(StoreError) in
            try self.store.open(link.manifestID, toReceive: true, progress: board.handler(.examining, isStopped))
        }
        guard let known else { return try self.node.add(link, fetches: false, at: trackers) }
        let chosen = try ChosenFiles(selection, of: known)
        let handle = try self.node.add(known, link: link, fetches: false, at: trackers)
        // What an index says is no proof: what is here already is hashed again before it counts.
        if chosen.shards.isSubset(of: known.state.complete) {
            try await Stoppable.run(on: self.node.chores) { isStopped throws(StoreError) in
                try self.node.examine(known, chosen.shards, progress: board.handler(.examining, isStopped))
            }
        }
        return handle
    }

    /// Passes on what happens in a fetch to the client that waits for it.
    func observer(
        of handle: SwarmHandle,
        _ events: AsyncStream<NodeEvent>,
        _ output: String?,
        _ board: ProgressBoard,
        _ answer: @escaping NodeSocket.Answer
    ) -> Node.FetchObserver {
        Node.FetchObserver(events: events) { event in
            switch event {
            case .checking(handle, let progress): board.set(.checking, progress)
            case .found(handle, let finding): try await answer(.note("warning: \(finding)"))
            default: break
            }
        } onChoice: { chosen in
            board.follow(handle, chosen.shards)
            // What is in the copy's way is better known before the transfer than after it.
            guard let output else { return }
            try await self.node.chores.run { () throws(StoreError) in
                try chosen.model.checkExport(to: output, files: chosen.files)
            }
        } onCheck: { progress throws(CancellationError) in
            board.set(.checking, progress)
        }
    }

    private func copy(_ chosen: ChosenFiles, to output: String, _ board: ProgressBoard) async throws {
        try await Stoppable.run(on: self.node.chores) { isStopped throws(StoreError) in
            try chosen.model.export(to: output, files: chosen.files, progress: board.handler(.copying, isStopped))
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
        let (handle, shards, task) = board.now
        let status = if let handle { await self.node.status(of: handle) } else { SwarmStatus?.none }
        let amount = if let handle { await self.node.amount(of: shards, in: handle) } else { Selected?.none }
        var progress = ModelProgress(status, amount)
        if let task { progress.set(task.stage, task.progress) }
        return progress
    }
}

extension ModelProgress {
    /// How far the swarm is; nothing is known before the node takes part in it.
    ///
    /// - Parameter amount: of what is being fetched.
    package init(_ status: SwarmStatus?, _ amount: Selected?) {
        self.init(
            stage: amount == nil ? .looking : .fetching,
            done: amount?.verifiedBytes ?? 0,
            total: amount?.totalBytes,
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
        var shards: Bitfield?
        var work: Work?
    }

    private let state = Mutex(State())

    /// The swarm whose progress counts, which of its shards (nil: all), and the long task that is under way, if one is.
    var now: (handle: SwarmHandle?, shards: Bitfield?, work: Work?) {
        self.state.withLock { ($0.handle, $0.shards, $0.work) }
    }

    /// From now on the swarm's bytes count, until a long task begins.
    func follow(_ handle: SwarmHandle, _ shards: Bitfield? = nil) {
        self.state.withLock { $0 = State(handle: handle, shards: shards) }
    }

    /// A long task begins.
    func begin(_ stage: ModelProgress.Stage) { self.set(stage, StoreProgress(done: 0, total: 0)) }

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
