import Dispatch
import Foundation
package import ShoalCore
import ShoalFormats
import Synchronization

/// All models of a home.
///
/// A model is opened once and stays open; there are as many as the home has. All members block: they belong on threads
/// that may.
package final class ModelStore: Sendable {
    let index: ModelIndex
    let folder: ModelsFolder
    /// Held, so that its lock lasts as long as this.
    let home: Home
    let opened = Mutex<[ManifestID: StoredModel]>([:])
    let clock: StoreClock
    let cache: Mutex<CacheState>
    /// One eviction at a time.
    let evictionTurn = DispatchSemaphore(value: 1)
    /// Models are opened and registered one at a time: two that open the same one would both repair it.
    private let turn = DispatchSemaphore(value: 1)

    package convenience init(home: Home) throws(StoreError) {
        try self.init(home: home, clock: .system, observer: nil)
    }

    /// - Parameters:
    ///   - clock: for tests, which would wait for the real one.
    ///   - observer: for tests, which have disks fail and machines lose power.
    init(home: Home, clock: StoreClock, observer: (any DiskObserver)? = nil) throws(StoreError) {
        self.home = home
        self.clock = clock
        self.folder = try ModelsFolder(home: home.path, observer: observer)
        self.index = try ModelIndex(path: "\(home.path)/index.sqlite", observer: observer)
        self.cache = Mutex(CacheState(budget: try self.index.cacheBudget()))
    }

    /// What the home holds, most recently used first.
    package func models() throws(StoreError) -> [IndexedModel] { try self.index.models() }

    /// The model, if this home has its manifest. Hashes what is not known to be durable, which `progress` is told.
    ///
    /// - Parameter toReceive: whether files of the user's that are gone make room for files of ours, to be filled anew.
    package func open(
        _ id: ManifestID,
        toReceive: Bool = false,
        progress: ProgressHandler? = nil
    ) throws(StoreError) -> StoredModel? {
        try self.inTurn { () throws(StoreError) in
            if let model = self.openModel(id) { return model }
            guard let folder = try self.folder.model(id), let bytes = try folder.manifestBytes() else { return nil }
            return try self.open(id, bytes, folder, replacesLostFiles: toReceive, progress)
        }
    }

    /// The model, ready to receive what it lacks: its folder is made when this home has none. Fails before that when
    /// `bytes` are not the manifest of `id`, or when the disk has no room for what is still to come.
    ///
    /// - Parameter whole: whether all of it is to come; of how much room a part needs nothing is known before.
    package func receive(
        manifest bytes: [UInt8],
        id: ManifestID,
        whole: Bool = true,
        progress: ProgressHandler? = nil
    ) throws(StoreError) -> StoredModel {
        let manifest = try Self.manifest(bytes, id)
        return try self.inTurn { () throws(StoreError) in
            if let model = self.openModel(id) { return model }
            if try self.folder.model(id) == nil {
                if whole { try self.requireRoom(for: manifest.totalSize) }
                try self.create(id, bytes)
            }
            guard let folder = try self.folder.model(id) else {
                throw StoreError(.missing, "\(self.folder.path)/\(id) was removed while it was made: try again")
            }
            if try folder.manifestBytes() != bytes { try folder.writeManifest(bytes) }
            let model = try self.open(id, bytes, folder, replacesLostFiles: true, progress)
            if whole { try self.requireRoom(for: manifest.totalSize - model.state.verifiedBytes) }
            return model
        }
    }

    /// The model, if it is open already.
    package func openModel(_ id: ManifestID) -> StoredModel? { self.opened.withLock { $0[id] } }

    /// The model is no longer open here; answers it, if it was.
    func close(_ id: ManifestID) -> StoredModel? {
        self.cache.withLock { $0.unopened = nil }
        return self.opened.withLock { $0.removeValue(forKey: id) }
    }

    /// Runs `body` while no other model is opened or registered.
    func inTurn<Result>(_ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
        self.turn.wait()
        defer { self.turn.signal() }
        return try body()
    }

    private func open(
        _ id: ManifestID,
        _ bytes: [UInt8],
        _ folder: ModelFolder,
        replacesLostFiles: Bool,
        _ progress: ProgressHandler?
    ) throws(StoreError) -> StoredModel {
        let model = try ModelOpening(
            id: id,
            manifest: try Self.manifest(bytes, id),
            manifestBytes: bytes,
            folder: folder,
            index: self.index,
            clock: self.clock,
            replacesLostFiles: replacesLostFiles,
            progress: progress
        ).open()
        self.opened.withLock { $0[id] = model }
        self.cache.withLock { $0.unopened?[id] = nil }
        return model
    }

    /// A removal that was interrupted after the folder went has left the index believing in what was there.
    private func create(_ id: ManifestID, _ bytes: [UInt8]) throws(StoreError) {
        _ = try self.index.remove(id)
        _ = try self.folder.make { (draft) throws(StoreError) in
            try draft.writeManifest(bytes)
            return id
        } merge: { _, _ in
        }
    }

    /// Fails when so many bytes do not fit onto the disk.
    package func requireRoom(for bytes: Int) throws(StoreError) {
        try DiskSpace.require(bytes, of: try DiskSpace.available(at: self.folder.path), at: self.folder.path)
    }

    private static func manifest(_ bytes: [UInt8], _ id: ManifestID) throws(StoreError) -> Manifest {
        do throws(ManifestError) {
            return try ManifestReader.read(bytes, expecting: id)
        } catch {
            throw StoreError(.wrongManifest, "model \(id): \(error)", cause: error)
        }
    }
}
