package import ShoalCore
package import ShoalFormats
package import ShoalStore
package import ShoalSwarm
import Synchronization

/// Files of a model that is in the store.
package struct ChosenFiles: Sendable {
    package let model: StoredModel
    /// Their positions in the manifest, ascending; at least one.
    package let files: [Int]
    /// The shards that they lie in.
    package let shards: Bitfield

    /// - Throws: ``SelectionError`` when nothing is chosen.
    package init(_ selection: FileSelection, of model: StoredModel) throws {
        self.model = model
        self.files = try selection.files(of: model.manifest)
        self.shards = model.manifest.shards(of: self.files)
    }

    /// Bytes of the files.
    package var size: Int { self.files.reduce(0) { $0 + self.model.manifest.files[$1].size } }

    /// Of the first one.
    package var path: String { self.model.manifest.files[self.files[0]].path }
}

/// Fetching: all of a model, some of its files, or what a look at the disk found missing.
extension Node {
    /// How a fetch is watched.
    package struct FetchObserver: Sendable {
        /// What happens in the node, since before the swarm was added.
        package var events: AsyncStream<NodeEvent>
        /// Told of each of them. Throwing ends the fetch.
        package var onEvent: @Sendable (NodeEvent) async throws -> Void
        /// The manifest is here, and with it what is fetched of the model. Throwing ends the fetch.
        package var onChoice: @Sendable (ChosenFiles) async throws -> Void
        /// All of them are here, and whole files are being compared with the manifest.
        package var onCheck: ProgressHandler

        package init(
            events: AsyncStream<NodeEvent>,
            onEvent: @escaping @Sendable (NodeEvent) async throws -> Void,
            onChoice: @escaping @Sendable (ChosenFiles) async throws -> Void,
            onCheck: @escaping ProgressHandler
        ) {
            self.events = events
            self.onEvent = onEvent
            self.onChoice = onChoice
            self.onCheck = onCheck
        }
    }

    /// Fetches what is selected of a swarm's model, and returns it when all of that is verified and durable, and each
    /// selected file has the SHA-256 of the manifest. From then on it is fetched again should it be lost. When the task is
    /// cancelled, no more is asked for than others want; what has come is kept and served.
    package func fetch(
        _ swarm: SwarmHandle,
        _ selection: FileSelection,
        _ observer: FetchObserver
    ) async throws -> ChosenFiles {
        try await self.waiting(for: swarm) { ticket in
            let model = try await self.described(swarm, observer)
            let chosen = try ChosenFiles(selection, of: model)
            try await observer.onChoice(chosen)
            let lease = try await self.reserve(chosen.shards, of: model)
            defer { lease.close() }
            try await self.requireRoom(for: chosen.shards, swarm)
            try await self.copyKnown(chosen.shards, of: model)
            self.want(selection.isEverything ? .everything : .shards(chosen.shards), ticket)
            try await self.have(chosen.shards, chosen.files, of: model, swarm, observer)
            return chosen
        }
    }

    /// Fetches these shards of a model whose manifest is here; likewise.
    package func fetch(_ swarm: SwarmHandle, shards: Bitfield, _ observer: FetchObserver) async throws {
        try await self.waiting(for: swarm) { ticket in
            let model = try await self.described(swarm, observer)
            let lease = try await self.reserve(shards, of: model)
            defer { lease.close() }
            try await self.copyKnown(shards, of: model)
            self.want(.shards(shards), ticket)
            try await self.have(shards, [], of: model, swarm, observer)
        }
    }

    /// How much of these shards (nil: all) is here; nil until the manifest is.
    package func amount(of shards: Bitfield?, in swarm: SwarmHandle) async -> Selected? {
        await self.loop.ask { $0.amount(of: shards, in: swarm) }
    }

    /// Hashes again what the disk holds of these shards (nil: of all). What is not as it was is missing from then on, and is
    /// fetched if it is wanted. Blocks.
    package func examine(
        _ model: StoredModel,
        _ shards: Bitfield? = nil,
        progress: @escaping ProgressHandler
    ) throws(StoreError) {
        try self.using(model) { (_, isOver) throws(StoreError) in
            try model.recheckDurable(shards) { step throws(CancellationError) in
                if isOver() { throw CancellationError() }
                try progress(step)
            }
        }
    }

    /// Takes files of the user's into a model. Blocks.
    func adopt(
        _ path: String,
        into model: StoredModel,
        progress: @escaping ProgressHandler
    ) throws(StoreError) -> Adoption {
        try self.using(model) { (swarms, isOver) throws(StoreError) in
            let adoption = try self.runner.store.adopt(path, into: model) { step throws(CancellationError) in
                if isOver() { throw CancellationError() }
                try progress(step)
            }
            for swarm in swarms {
                for found in adoption.found {
                    self.loop.post(.chunksFound(swarm, found.shard, found.chunks))
                    self.runner.arrived(found.shard, of: swarm)
                }
            }
            return adoption
        }
    }

    // MARK: Wishes

    private func waiting<Result: Sendable>(
        for swarm: SwarmHandle,
        _ body: (FetchDesk.Ticket) async throws -> Result
    ) async throws -> Result {
        let ticket = self.fetchDesk.withLock { $0.enter(swarm) }
        do {
            let result = try await body(ticket)
            self.fetchDesk.withLock { $0.leave(ticket, isMet: true) }
            return result
        } catch {
            self.fetchDesk.withLock { desk in
                let before = desk.wanted(of: swarm)
                desk.leave(ticket, isMet: false)
                if desk.wanted(of: swarm) != before { self.order(desk.wanted(of: swarm), of: swarm) }
            }
            throw error
        }
    }

    /// Says what a ticket is for. What failed before is tried again.
    private func want(_ wanted: Wanted, _ ticket: FetchDesk.Ticket) {
        self.runner.failures.withLock { _ = $0.remove(ticket.swarm) }
        // Should the manifest not be here yet, there has to be room for the model before its folder is made.
        if wanted == .everything { self.runner.expected.withLock { $0[ticket.swarm]?.isWhole = true } }
        self.fetchDesk.withLock { desk in
            desk.set(ticket, wanted)
            self.order(desk.wanted(of: ticket.swarm), of: ticket.swarm)
        }
    }

    func order(_ wanted: Wanted, of swarm: SwarmHandle) {
        switch wanted {
        case .nothing: self.loop.post(.updateSwarm(swarm, fetches: false, trackers: []))
        case .shards(let shards):
            self.loop.post(.select(swarm, shards))
            self.loop.post(.updateSwarm(swarm, fetches: true, trackers: []))
        case .everything:
            self.loop.post(.select(swarm, nil))
            self.loop.post(.updateSwarm(swarm, fetches: true, trackers: []))
        }
    }

    private func requireRoom(for shards: Bitfield, _ swarm: SwarmHandle) async throws {
        guard let amount = await self.amount(of: shards, in: swarm) else { return }
        let store = self.runner.store
        try await self.chores.run { () throws(StoreError) in
            try store.requireRoom(for: amount.totalBytes - amount.verifiedBytes)
        }
    }

    // MARK: Waiting

    private func described(
        _ swarm: SwarmHandle,
        _ observer: FetchObserver
    ) async throws -> StoredModel {
        while true {
            if let model = self.model(of: swarm) { return model }
            try await self.next(swarm, observer)
        }
    }

    /// Returns when the shards are durable and the files of them are what the manifest says.
    private func have(
        _ shards: Bitfield,
        _ files: [Int],
        of model: StoredModel,
        _ swarm: SwarmHandle,
        _ observer: FetchObserver
    ) async throws {
        while true {
            guard await self.loop.ask({ $0.holds(shards, of: swarm) }) else {
                try await self.next(swarm, observer)
                continue
            }
            do {
                try await Stoppable.run(on: self.chores) { isStopped throws(StoreError) in
                    _ = try model.synchronize()
                    try model.finish(files: files) { progress throws(CancellationError) in
                        if isStopped() || self.runner.isOver(swarm) { throw CancellationError() }
                        try observer.onCheck(progress)
                    }
                }
                return
            } catch let error as StoreError where error.code == .incomplete {
                // Something was lost meanwhile, of which the mesh has been told.
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    /// The next event; throws when it is the end of the fetch.
    private func next(_ swarm: SwarmHandle, _ observer: FetchObserver) async throws {
        var iterator = observer.events.makeAsyncIterator()
        guard let event = await iterator.next() else { throw CancellationError() }
        switch event {
        case .failed(swarm, let error): throw error
        case .observed(.swarmLeft(swarm)): throw NodeFailure(.failed, "the model was removed meanwhile")
        default: try await observer.onEvent(event)
        }
    }
}
