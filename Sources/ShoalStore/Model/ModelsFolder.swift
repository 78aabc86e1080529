import ShoalCore

/// `<home>/models`. A model's folder appears in it whole, under the model's ID, or not at all.
final class ModelsFolder: Sendable {
    private let folder: Folder
    var path: String { self.folder.path }

    /// Also removes what an interrupted process left half-made; the home's lock says that nobody is making it now.
    init(home: String, observer: (any DiskObserver)?) throws(StoreError) {
        self.folder = try Folder.open(home, observer: observer).folder("models", create: true)
        for name in try self.folder.entries() where name.hasPrefix(Self.draftPrefix) {
            try self.folder.removeTree(name)
        }
    }

    /// The model's folder; nil when this home has none.
    func model(_ id: ManifestID) throws(StoreError) -> ModelFolder? {
        guard try self.folder.status(of: id.hex) != nil else { return nil }
        return ModelFolder(try self.folder.folder(id.hex, create: false))
    }

    /// The models that have a folder.
    func modelIDs() throws(StoreError) -> Set<ManifestID> {
        Set(
            try self.folder.entries().compactMap { name in ManifestID(hex: name).flatMap { $0.hex == name ? $0 : nil } }
        )
    }

    /// Gives a model's folder a name that nobody reads and that the next start removes; nil when there is none.
    func takeAway(_ id: ManifestID) throws(StoreError) -> (folder: Folder, name: String)? {
        guard try self.folder.status(of: id.hex) != nil else { return nil }
        let name = Folder.temporaryName(for: Self.draftName)
        try self.folder.rename(id.hex, to: name)
        try self.folder.synchronize()
        return (try self.folder.folder(name, create: false), name)
    }

    /// Removes what was taken away.
    func discard(_ name: String) throws(StoreError) { try self.folder.removeTree(name) }

    /// Whether parts of files here can be given back to the file system. Tried on a file that is gone again at once.
    func canPunch() throws(StoreError) -> Bool {
        let name = Folder.temporaryName(for: Self.draftName)
        let file = try self.folder.createFile(name)
        defer {
            // A leftover takes no room and goes at the next start.
            try? self.folder.removeFile(name)
        }
        let block = try self.folder.blockSize()
        // A hole from the beginning: not one block is needed to find out.
        try file.truncate(to: 2 * block)
        do throws(StoreError) {
            try file.punch(0..<block)
            return true
        } catch {
            guard error.code == .notEvictable else { throw error }
            return false
        }
    }

    /// Has `fill` make a model's folder under a name that nobody reads, then gives it the name of the ID that `fill`
    /// answers. If there is a folder of that name, `merge` takes from the draft what it wants.
    func make(
        _ fill: (ModelFolder) throws(StoreError) -> ManifestID,
        merge: (_ draft: ModelFolder, _ existing: ModelFolder) throws(StoreError) -> Void
    ) throws(StoreError) -> ManifestID {
        let name = Folder.temporaryName(for: Self.draftName)
        let draft = ModelFolder(try self.folder.folder(name, create: true))
        do throws(StoreError) {
            let id = try fill(draft)
            try draft.synchronize()
            if let existing = try self.model(id) {
                try merge(draft, existing)
                try self.folder.removeTree(name)
            } else {
                try self.folder.rename(name, to: id.hex)
                try self.folder.synchronize()
            }
            return id
        } catch {
            // The first failure is the one to report; the next start removes the draft.
            try? self.folder.removeTree(name)
            throw error
        }
    }

    private static let draftName = "draft"
    /// What ``Folder/temporaryName(for:)`` makes of it.
    private static let draftPrefix = ".draft."
}
