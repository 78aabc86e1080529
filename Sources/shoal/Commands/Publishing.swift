import Foundation
import ShoalFormats
import ShoalNode
import ShoalSignaling
import ShoalStore

/// Hashes the user's files in place, with a progress bar, and makes their link.
enum Publishing {
    static func publish(_ path: String, in store: ModelStore, on disk: DiskPool) async throws -> StoredModel {
        let display = ProgressDisplay()
        let model = try await Stoppable.run(on: disk) { isStopped throws(StoreError) in
            try store.publish(path: path) { progress throws(CancellationError) in
                if isStopped() { throw CancellationError() }
                display.show(.init(label: "hashing", done: progress.done, total: progress.total))
            } noted: {
                display.say("note: \($0)")
            }
        }
        display.clear()
        self.tell(path, bytes: model.manifest.totalSize, shards: model.manifest.shards.count)
        return model
    }

    static func link(to model: StoredModel, named name: String, trackers: [TrackerURL]) -> MagnetLink {
        MagnetLink(manifestID: model.id, name: name, trackers: trackers.map(\.description))
    }

    /// What people call the model that lies at `path`.
    static func name(of path: String) -> String { URL(filePath: path).standardizedFileURL.lastPathComponent }

    /// What was published, in a line.
    static func tell(_ path: String, bytes: Int, shards: Int) {
        Console.say("\(path): \(Figures.bytes(bytes)) in \(shards == 1 ? "1 shard" : "\(shards) shards")")
    }

    /// A node that has only a part of a model says so: it would look healthy otherwise.
    static func tellPart(_ verified: Int, of total: Int) {
        let amount = "\(Figures.bytes(verified)) of \(Figures.bytes(total))"
        Console.say("warning: only \(amount) are here and served; `shoal fetch --seed LINK` gets the rest")
    }
}

/// Opens a model that this home may have.
enum Opening {
    /// Nil when the home has nothing of it. What is there and not known to be durable is hashed, with a progress bar.
    ///
    /// - Parameter toReceive: whether what is missing is to be fetched, so that files of the user's that are gone make
    ///   room for files of the store's.
    static func open(
        _ link: MagnetLink,
        in store: ModelStore,
        on disk: DiskPool,
        toReceive: Bool = false
    ) async throws -> StoredModel? {
        try await self.checking(on: disk) { progress throws(StoreError) in
            try store.open(link.manifestID, toReceive: toReceive, progress: progress)
        }
    }

    /// Hashes what only the index vouches for; what is not as it was is missing afterwards.
    static func recheck(_ chosen: ChosenFiles, on disk: DiskPool) async throws {
        try await self.checking(on: disk) { progress throws(StoreError) in
            try chosen.model.recheckDurable(chosen.shards, progress: progress)
        }
    }

    private static func checking<Value: Sendable>(
        on disk: DiskPool,
        _ work: @escaping @Sendable (@escaping ProgressHandler) throws(StoreError) -> Value
    ) async throws -> Value {
        let display = ProgressDisplay()
        let value = try await Stoppable.run(on: disk) { isStopped throws(StoreError) in
            try work { progress throws(CancellationError) in
                if isStopped() { throw CancellationError() }
                display.show(.init(label: "checking what is here", done: progress.done, total: progress.total))
            }
        }
        display.clear()
        return value
    }
}
