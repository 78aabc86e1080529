import Logging
import ShoalCore
import ShoalFormats
package import ShoalStore
import ShoalSwarm
import Synchronization

/// Room for what comes: who makes it, and what the mesh is told of it.
extension Node {
    /// Keeps room for shards that are to be fetched, and has others make it first.
    ///
    /// - Throws: ``StoreError/Code/overBudget`` when they do not fit whatever goes.
    func reserve(_ shards: Bitfield, of model: StoredModel) async throws(StoreError) -> ShardLease {
        try await self.sweeper.run { () throws(StoreError) in
            let lease = try self.runner.store.reserve(shards, of: model)
            _ = try self.makeRoom()
            return lease
        }
    }

    /// Copies what the home holds of these shards in other models, and tells the mesh of it.
    func copyKnown(_ shards: Bitfield, of model: StoredModel) async throws {
        let store = self.runner.store
        try await Stoppable.run(on: self.chores) { isStopped throws(StoreError) in
            try self.using(model) { (swarms, isOver) throws(StoreError) in
                let copied = try store.copyKnown(shards, of: model) { _ throws(CancellationError) in
                    if isStopped() || isOver() { throw CancellationError() }
                }
                for swarm in swarms {
                    for shard in copied { self.loop.post(.chunksFound(swarm, shard, model.allChunks(of: shard))) }
                }
            }
        }
    }

    /// Looks soon whether shards have to go; once for all who ask meanwhile.
    func sweep() {
        guard !self.isSweepDue.exchange(true, ordering: .relaxed) else { return }
        self.sweeper.submit {
            self.isSweepDue.store(false, ordering: .relaxed)
            do throws(StoreError) {
                let eviction = try self.makeRoom()
                guard let reason = eviction.obstacle else { return }
                self.runner.logger.warning("shards cannot be evicted", metadata: ["shoal.error": "\(reason)"])
            } catch {
                self.runner.logger.warning("no room made", metadata: ["shoal.error": "\(error)"])
            }
        }
    }

    /// Has shards go while the cache is above its high mark. The mesh hears of each before it goes, and fetches it again
    /// only when somebody asks for it anew. Blocks, for some seconds if peers are being sent what goes.
    package func makeRoom() throws(StoreError) -> Eviction {
        try self.runner.store.makeRoom { model, shards in
            for swarm in self.book.withLock({ $0.entries(of: model) }).map(\.handle) {
                self.giveUp(shards, of: swarm)
                self.loop.post(.shardsEvicted(swarm, shards))
            }
        } settled: { model, stayed in
            for swarm in self.book.withLock({ $0.entries(of: model) }).map(\.handle) {
                guard let model = self.runner.model(of: swarm)?.stored else { continue }
                for shard in stayed { self.loop.post(.chunksFound(swarm, shard, model.allChunks(of: shard))) }
            }
        }
    }

    private func giveUp(_ shards: [ShardIndex], of swarm: SwarmHandle) {
        guard let count = self.runner.model(of: swarm)?.stored.manifest.shards.count else { return }
        self.fetchDesk.withLock { desk in
            let before = desk.wanted(of: swarm)
            desk.giveUp(shards, of: swarm, count: count)
            if desk.wanted(of: swarm) != before { self.order(desk.wanted(of: swarm), of: swarm) }
        }
    }
}

extension StoredModel {
    fileprivate func allChunks(of shard: ShardIndex) -> Bitfield {
        .full(count: self.manifest.shards[shard.position].chunkCount)
    }
}
