import Foundation
import ShoalFormats
import ShoalNode
import ShoalSignaling
import ShoalStore
import Synchronization

/// Hashes the user's files in place, with a progress bar, and makes their link.
enum Publishing {
    static func publish(_ path: String, in store: ModelStore, on disk: DiskPool) async throws -> StoredModel {
        let display = ProgressDisplay()
        let model = try await Stoppable.run(on: disk) { isStopped throws(StoreError) in
            try store.publish(path: path) { progress throws(CancellationError) in
                if isStopped() { throw CancellationError() }
                display.show(.init(label: "hashing", done: progress.done, total: progress.total))
            }
        }
        display.clear()
        Console.say("\(path): \(Figures.bytes(model.manifest.totalSize)) in \(Self.shards(model.manifest))")
        return model
    }

    static func link(to model: StoredModel, named name: String, trackers: [TrackerURL]) -> MagnetLink {
        MagnetLink(manifestID: model.id, name: name, trackers: trackers.map(\.description))
    }

    /// What people call the model that lies at `path`.
    static func name(of path: String) -> String { URL(filePath: path).standardizedFileURL.lastPathComponent }

    private static func shards(_ manifest: Manifest) -> String {
        manifest.shards.count == 1 ? "1 shard" : "\(manifest.shards.count) shards"
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
    static func recheck(_ model: StoredModel, on disk: DiskPool) async throws {
        try await self.checking(on: disk) { progress throws(StoreError) in try model.recheckDurable(progress: progress)
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

/// Long blocking work that Ctrl-C can stop.
enum Stoppable {
    /// Runs `work` on a disk thread; `isStopped` turns true when the task is cancelled.
    static func run<Value: Sendable>(
        on disk: DiskPool,
        _ work: @escaping @Sendable (_ isStopped: @escaping @Sendable () -> Bool) throws(StoreError) -> Value
    ) async throws -> Value {
        let flag = Flag()
        return try await withTaskCancellationHandler {
            do throws(StoreError) {
                return try await disk.run { () throws(StoreError) in try work { flag.isSet } }
            } catch {
                if error.code == .cancelled { throw CancellationError() }
                throw error
            }
        } onCancel: {
            flag.set()
        }
    }

    private final class Flag: Sendable {
        private let value = Atomic<Bool>(false)

        var isSet: Bool { self.value.load(ordering: .relaxed) }

        func set() { self.value.store(true, ordering: .relaxed) }
    }
}
