import ShoalCore
import ShoalFormats
import ShoalStore
import ShoalSwarm

/// Whether what the home holds is right, and its repair.
extension NodeService {
    /// Looks through one model after the other, and tells of each.
    func verify(_ order: VerifyOrder, _ answer: @escaping NodeSocket.Answer) async throws {
        guard order.patience.isFinite, order.patience > 0 else {
            throw NodeFailure(.malformed, "patience is a number of seconds above 0")
        }
        let models = try await self.node.chores.run { () throws(StoreError) in
            guard !order.models.isEmpty else { return try self.store.list().map(\.id) }
            var models: [ManifestID] = []
            for name in order.models { models.append(try self.store.model(named: name)) }
            return models
        }
        for (position, id) in models.enumerated() {
            let given = order.models.isEmpty ? nil : order.models[position]
            let report = try await self.telling(answer) { board in
                board.begin(.examining)
                return try await self.verify(id, given, order, board, answer)
            }
            try await answer(.verified(report))
        }
    }

    private func verify(
        _ id: ManifestID,
        _ given: String?,
        _ order: VerifyOrder,
        _ board: ProgressBoard,
        _ answer: @escaping NodeSocket.Answer
    ) async throws -> VerifyReport {
        let (model, claimed, link) = try await self.examined(id, given, board, answer)
        let here = model.state.complete
        let wrong = claimed.filter { $0.position < here.count && !here[$0.position] }
        if !wrong.isEmpty, order.repairs { try await self.repair(wrong, of: model, link, order, board, answer) }
        try await self.compareFiles(of: model, board)
        let state = model.state
        let sizes = model.manifest.shards.map(\.size)
        return VerifyReport(
            name: link.name.map(StatusReport.Swarm.shortened),
            manifest: id.hex,
            residentBytes: state.verifiedBytes,
            totalBytes: model.manifest.totalSize,
            wrongShards: wrong.count,
            wrongBytes: wrong.reduce(0) { $0 + sizes[$1.position] },
            repairedShards: wrong.count { state.complete[$0.position] }
        )
    }

    /// Hashes all that is here. Answers the model, which shards of it were said to be here, and its link.
    private func examined(
        _ id: ManifestID,
        _ given: String?,
        _ board: ProgressBoard,
        _ answer: @escaping NodeSocket.Answer
    ) async throws -> (StoredModel, claimed: [ShardIndex], MagnetLink) {
        let (opened, claimed, link) = try await Stoppable.run(on: self.node.chores) { isStopped throws(StoreError) in
            let claimed = try self.store.claimedShards(of: id)
            var link = try self.store.link(to: id)
            if let given, let more = try? MagnetLink(parsing: given) {
                link.swarmKey = more.swarmKey ?? link.swarmKey
                link.trackers += more.trackers.filter { !link.trackers.contains($0) }
            }
            let model = try self.store.open(id, progress: board.handler(.examining, isStopped))
            guard let model else {
                throw StoreError(.missing, "this home has nothing of model \(id): get it with `shoal fetch LINK`")
            }
            return (model, claimed, link)
        }
        for finding in opened.findings { try await answer(.note("warning: \(finding)")) }
        try await Stoppable.run(on: self.node.chores) { isStopped throws(StoreError) in
            try self.node.examine(opened, progress: board.handler(.examining, isStopped))
        }
        return (opened, claimed, link)
    }

    /// A shard may be right and a whole file wrong, when the publisher's manifest is.
    private func compareFiles(of model: StoredModel, _ board: ProgressBoard) async throws {
        guard model.state.durable.isFull else { return }
        try await Stoppable.run(on: self.node.chores) { isStopped throws(StoreError) in
            try model.finish(progress: board.handler(.checking, isStopped))
        }
    }

    // MARK: Repair

    /// Fetches again what lies in files of the store's own. Those of the user's are the user's to restore.
    private func repair(
        _ wrong: [ShardIndex],
        of model: StoredModel,
        _ link: MagnetLink,
        _ order: VerifyOrder,
        _ board: ProgressBoard,
        _ answer: @escaping NodeSocket.Answer
    ) async throws {
        let shards = self.repairable(wrong, of: model)
        if shards.setCount < wrong.count {
            try await answer(
                .note("files of yours are not repaired: restore them, or get a copy with `shoal fetch LINK`")
            )
        }
        guard !shards.isEmpty else { return }
        let trackers = try Self.trackers(order.trackers, of: link)
        let isInSwarm = await self.node.swarm(of: link) != nil
        guard isInSwarm || !trackers.isEmpty || !self.node.ownTrackerURLs.isEmpty else {
            return try await answer(
                .note("no tracker is known where the rest could be had: `shoal fetch LINK` gets it")
            )
        }
        let events = self.node.listen()
        let handle = try self.node.add(model, link: link, fetches: false, at: trackers)
        board.follow(handle, shards)
        let observer = self.observer(of: handle, events, nil, board, answer)
        let isDone = try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await self.node.fetch(handle, shards: shards, observer)
                return true
            }
            group.addTask {
                try await self.awaitStandstill(of: shards, handle, order.patience)
                return false
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
        guard !isDone else { return }
        try await answer(.note("nothing has come for \(Int(order.patience)) s: the rest is still missing"))
    }

    private func repairable(_ wrong: [ShardIndex], of model: StoredModel) -> Bitfield {
        var shards = Bitfield(count: model.manifest.shards.count)
        for shard in wrong where !model.isExternal(shard) { shards[shard.position] = true }
        return shards
    }

    /// Returns when no byte of the shards has come for so long.
    private func awaitStandstill(of shards: Bitfield, _ handle: SwarmHandle, _ patience: Double) async throws {
        var latest = -1
        while true {
            let now = await self.node.amount(of: shards, in: handle)?.verifiedBytes ?? 0
            guard now != latest else { return }
            latest = now
            try await Task.sleep(for: .seconds(patience))
        }
    }
}
