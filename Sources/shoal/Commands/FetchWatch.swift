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
    private let checking = Latest()

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
                    throw CommandError(await self.explainTimeout(timeout))
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
            if let check = self.checking.value {
                self.session.display.show(.init(label: "checking", done: check.done, total: check.total))
            } else if let status = await self.session.node.status(of: self.handle) {
                self.session.display.show(
                    .init(
                        label: status.totalBytes == nil ? "looking for peers" : "fetching",
                        done: status.verifiedBytes,
                        total: status.totalBytes,
                        note: Figures.peers(status.peers)
                    )
                )
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// What stands in the way after so long.
    private func explainTimeout(_ timeout: Patience) async -> String {
        let after = "gave up after \(timeout) s"
        guard let status = await self.session.node.status(of: self.handle) else { return after }
        if status.connectedTrackers == 0 { return "\(after): no tracker could be reached" }
        guard let total = status.totalBytes else {
            return status.peers == 0
                ? "\(after): no peer of this swarm was found; is somebody seeding it at these trackers?"
                : "\(after): no peer had the manifest"
        }
        let missing = "\(Figures.bytes(total - status.verifiedBytes)) of \(Figures.bytes(total)) are missing"
        let peers = status.peers == 0 ? "no peer is connected" : "\(Figures.peers(status.peers)) connected"
        return "\(after): \(missing), \(peers); what arrived is kept, and the same command goes on from there"
    }
}

/// The latest word of a long task.
private final class Latest: Sendable {
    private let progress = Mutex<StoreProgress?>(nil)

    var value: StoreProgress? { self.progress.withLock { $0 } }

    func set(_ progress: StoreProgress) { self.progress.withLock { $0 = progress } }
}
