import ShoalCore
import ShoalNode
import ShoalStore
import ShoalSwarm
import Synchronization

/// Follows a fetch to its end, with a progress bar and within its time.
struct FetchWatch: Sendable {
    let session: NodeSession
    let handle: SwarmHandle
    let timeout: Patience?
    /// Where a copy is wanted: what is in its way is better known before the transfer than after it.
    let output: String?
    private let checking = Latest<StoreProgress>()

    init(session: NodeSession, handle: SwarmHandle, timeout: Patience?, output: String?) {
        self.session = session
        self.handle = handle
        self.timeout = timeout
        self.output = output
    }

    /// Returns when every byte is verified and durable; throws why it will not be.
    func untilFinished() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.followEvents() }
            group.addTask { try await self.redraw() }
            if let timeout {
                group.addTask {
                    try await Task.sleep(for: timeout.duration)
                    throw timeout.isUp(await self.progress())
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
        self.session.display.clear()
    }

    private func followEvents() async throws {
        for await event in self.session.events {
            self.session.tell(event)
            switch event {
            case .described(self.handle, _): try await self.checkOutput()
            case .checking(self.handle, let progress): self.checking.set(progress)
            case .finished(self.handle): return
            case .failed(self.handle, let error): throw error
            default: break
            }
        }
        throw CancellationError()
    }

    private func checkOutput() async throws {
        guard let output, let model = self.session.node.model(of: self.handle) else { return }
        try await self.session.node.disk.run { () throws(StoreError) in try model.checkExport(to: output) }
    }

    private func redraw() async throws {
        while true {
            self.session.display.show(await self.progress())
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private func progress() async -> ModelProgress {
        var progress = ModelProgress(await self.session.node.status(of: self.handle))
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
        case .examining, .hashing, .checking, .copying:
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
