import Foundation
package import ShoalCore
import ShoalFormats
package import ShoalStore
import ShoalSwarm

/// What the home holds: lists, removals, files of the user's.
extension NodeService {
    /// Every model of the home, and what the node does with it.
    func list() async throws -> [ModelReport] {
        let listed = try await self.node.chores.run { () throws(StoreError) in try self.store.list() }
        let states = Dictionary(
            await self.node.swarms().map { ($0.link.manifestID, ModelReport.State($0.status)) },
            // Of a public and a private swarm of one model the busier one.
            uniquingKeysWith: { first, second in first == .fetching ? first : second }
        )
        return listed.map { ModelReport($0, states[$0.id] ?? .idle) }
    }

    /// Leaves the swarms of a model, then removes it. A removal that has begun is finished, whether the client stays or not.
    func remove(_ order: RemoveOrder, _ answer: @escaping NodeSocket.Answer) async throws {
        let report = try await self.telling(answer) { board in
            board.begin(.removing)
            let (id, name) = try await self.node.chores.run { () throws(StoreError) in
                let id = try self.store.model(named: order.model)
                return (id, try self.store.link(to: id).name)
            }
            let removed = try await self.node.leave(id) {
                await self.node.chores.run { () -> Result<RemovedModel, StoreError> in
                    Result { () throws(StoreError) in try self.store.remove(id) }
                }
            }
            switch removed.result {
            case .success(let model): return RemoveReport(id, name, model)
            // Of a model that was only looked for there was nothing but the swarm.
            case .failure(let error) where error.code == .missing && removed.swarms > 0:
                return RemoveReport(id, name, nil)
            case .failure(let error): throw error
            }
        }
        try await answer(.removed(report))
    }

    /// Takes in files that the user has already.
    func adopt(_ order: AdoptOrder, _ answer: @escaping NodeSocket.Answer) async throws {
        let link = try Self.link(order.link)
        try Self.requireAbsolute(order.path)
        let (model, adoption) = try await self.telling(answer) { board in
            let model = try await self.withinPatience(order.patience) {
                try await self.described(link, order.trackers, board)
            }
            guard let model else {
                throw NodeFailure(
                    .failed,
                    "no peer sent the manifest within \(Int(order.patience)) s: it says which bytes are of the model"
                )
            }
            let adoption = try await Stoppable.run(on: self.node.chores) { isStopped throws(StoreError) in
                let adoption = try self.node.adopt(
                    order.path,
                    into: model,
                    progress: board.handler(.hashing, isStopped)
                )
                try self.store.remember(link)
                return adoption
            }
            return (model, adoption)
        }
        try await answer(.adopted(AdoptReport(model, adoption)))
    }

    /// Nil when `body` takes longer.
    private func withinPatience<Value: Sendable>(
        _ seconds: Double,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(for: .seconds(seconds))
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }
}

extension ModelReport {
    /// What can be said of a model that no node runs for.
    package init(_ model: ListedModel) { self.init(model, .idle) }

    fileprivate init(_ model: ListedModel, _ state: State) {
        self.init(
            name: model.name.map(StatusReport.Swarm.shortened),
            manifest: model.id.hex,
            format: model.format?.rawValue,
            files: model.fileCount,
            totalBytes: model.totalBytes,
            residentBytes: model.residentBytes,
            pinnedBytes: model.pinnedBytes,
            externalFiles: model.externalFileCount,
            lastUsed: model.lastUsed.map { $0 / 1_000 },
            state: state
        )
    }
}

extension ModelReport.State {
    fileprivate init(_ status: SwarmStatus) {
        switch StatusReport.Swarm.State(status) {
        case .looking: self = .looking
        case .fetching: self = .fetching
        case .seeding: self = .seeding
        case .serving: self = .serving
        case .failed: self = .failed
        }
    }
}

extension RemoveReport {
    /// 100: as many as anybody reads.
    private static let shownPaths = 100

    /// - Parameter removed: nil when there was nothing of it on the disk.
    package init(_ id: ManifestID, _ name: String?, _ removed: RemovedModel?) {
        self.init(
            name: name.map(StatusReport.Swarm.shortened),
            manifest: id.hex,
            freedBytes: removed?.freedBytes ?? 0,
            externalPaths: Array((removed?.externalPaths ?? []).prefix(Self.shownPaths)),
            externalFiles: removed?.externalPaths.count ?? 0
        )
    }
}

extension AdoptReport {
    fileprivate init(_ model: StoredModel, _ adoption: Adoption) {
        self.init(
            manifest: model.id.hex,
            files: adoption.files.count,
            inPlaceBytes: adoption.inPlaceBytes,
            copiedBytes: adoption.copiedBytes,
            unknownBytes: adoption.unknownBytes,
            residentBytes: model.state.verifiedBytes,
            totalBytes: model.manifest.totalSize
        )
    }
}
