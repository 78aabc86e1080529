import ShoalCore
import ShoalFormats
import ShoalStore
import ShoalSwarm
import Synchronization

/// A model that the node takes part in, as the disk threads see it.
final class ModelDesk: Sendable {
    let stored: StoredModel
    /// Held while the mesh is told that chunks came or went, so that it never takes for here what is gone.
    let telling = Mutex(())
    private let observation = Mutex<LossObservation?>(nil)
    private let firstChunk = Atomic<Bool>(true)
    /// How many syncs are wanted; one runs at a time and does for all that came before it.
    private let syncs = Atomic<Int>(0)

    init(_ stored: StoredModel) { self.stored = stored }

    deinit { self.observation.withLock { $0 }?.close() }

    /// Has `tell` called for all that the store loses from now on.
    func watch(_ tell: @escaping LossHandler) {
        let observation = self.stored.observeLosses { [weak self] shards, reason in
            self?.telling.withLock { _ in tell(shards, reason) }
        }
        self.observation.withLock { $0 = observation }
    }

    /// True once.
    func isFirstChunk() -> Bool { self.firstChunk.exchange(false, ordering: .relaxed) }

    /// Asks for a sync. True when the caller has to do it.
    func wantSync() -> Bool { self.syncs.add(1, ordering: .relaxed).oldValue == 0 }

    /// A sync is done. True when another was wanted meanwhile.
    func syncedOnce(of wanted: Int) -> Bool { self.syncs.subtract(wanted, ordering: .relaxed).newValue > 0 }

    var wantedSyncs: Int { self.syncs.load(ordering: .relaxed) }

    /// What the mesh needs to know of the model.
    var content: SwarmContent {
        let state = self.stored.state
        let shards = self.stored.manifest.shards
        var hashLists = Bitfield.full(count: shards.count)
        for shard in self.stored.missingHashLists { hashLists[shard.position] = false }
        return SwarmContent(
            manifest: self.stored.manifestBytes,
            shardSizes: shards.map(\.size),
            complete: state.complete,
            partial: Dictionary(uniqueKeysWithValues: state.receiving.map { ($0.shard, $0.chunks) }),
            hashLists: hashLists
        )
    }
}
