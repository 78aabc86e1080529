import ShoalCore
import ShoalFormats
import ShoalNode
import ShoalStore
import ShoalSwarm
import Synchronization

/// Follows a fetch to its end, with a progress bar and within its time.
struct FetchWatch: Sendable {
    let session: NodeSession
    let handle: SwarmHandle
    let selection: FileSelection
    let timeout: Patience?
    /// Where a copy is wanted: what is in its way is better known before the transfer than after it.
    let output: String?
    private let checking = Latest<StoreProgress>()
    private let shards = Latest<Bitfield>()

    init(
        session: NodeSession,
        handle: SwarmHandle,
        selection: FileSelection,
        timeout: Patience?,
        output: String?
    ) {
        self.session = session
        self.handle = handle
        self.selection = selection
        self.timeout = timeout
        self.output = output
    }

    /// Returns when every byte is verified and durable; throws why it will not be.
    func untilFinished() async throws -> ChosenFiles {
        defer { self.session.display.clear() }
        return try await withThrowingTaskGroup(of: ChosenFiles?.self) { group in
            group.addTask { try await self.session.node.fetch(self.handle, self.selection, self.observer) }
            group.addTask {
                try await self.redraw()
                return nil
            }
            if let timeout {
                group.addTask {
                    try await Task.sleep(for: timeout.duration)
                    throw timeout.isUp(await self.progress())
                }
            }
            defer { group.cancelAll() }
            guard let chosen = try await group.next() ?? nil else { throw CancellationError() }
            return chosen
        }
    }

    private var observer: Node.FetchObserver {
        Node.FetchObserver(events: self.session.events) { event in
            self.session.tell(event)
            if case .checking(self.handle, let progress) = event { self.checking.set(progress) }
        } onChoice: { chosen in
            self.shards.set(chosen.shards)
            guard let output else { return }
            try await self.session.node.disk.run { () throws(StoreError) in
                try chosen.model.checkExport(to: output, files: chosen.files)
            }
        } onCheck: { progress throws(CancellationError) in
            self.checking.set(progress)
        }
    }

    private func redraw() async throws {
        while true {
            self.session.display.show(await self.progress())
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private func progress() async -> ModelProgress {
        let node = self.session.node
        let amount = await node.amount(of: self.shards.value, in: self.handle)
        var progress = ModelProgress(await node.status(of: self.handle), amount)
        if let check = self.checking.value { progress.set(.checking, check) }
        return progress
    }
}

extension Patience {
    /// What stood in the way when the time was up.
    func isUp(_ progress: ModelProgress?) -> CommandError {
        let after = "gave up after \(self) s"
        guard let progress else { return CommandError(after) }
        switch progress.stage {
        case .examining, .hashing, .checking, .copying, .removing:
            return CommandError("\(after), while what is here was read: the same command goes on from there")
        case .looking, .fetching: break
        }
        if progress.connectedTrackers == 0 { return CommandError("\(after): no tracker could be reached") }
        guard let total = progress.total else {
            return CommandError(
                progress.peers == 0
                    ? "\(after): no peer of this swarm was found; is somebody seeding it at these trackers?"
                    : "\(after): no peer had the manifest"
            )
        }
        let missing = "\(Figures.bytes(total - progress.done)) of \(Figures.bytes(total)) are missing"
        let peers = progress.peers == 0 ? "no peer is connected" : "\(Figures.peers(progress.peers)) connected"
        return CommandError(
            "\(after): \(missing), \(peers); what arrived is kept, and the same command goes on from there"
        )
    }
}

/// The latest word of a long task.
final class Latest<Progress: Sendable>: Sendable {
    private let progress = Mutex<Progress?>(nil)

    var value: Progress? { self.progress.withLock { $0 } }

    func set(_ progress: Progress) { self.progress.withLock { $0 = progress } }
}
