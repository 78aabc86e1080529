import ShoalCore
import ShoalFormats

/// `<home>/models/<manifest ID>`: `manifest.json`, `hashes` and, for what was fetched, `files/…`.
///
/// The files are sparse. They are made with O_EXCL in folders that are opened one by one without following a link, and
/// written only while nobody else names them.
final class ModelFolder: Sendable {
    private static let manifestName = "manifest.json"
    private static let hashesName = "hashes"
    private static let filesName = "files"

    private let folder: Folder
    var path: String { self.folder.path }

    init(_ folder: Folder) { self.folder = folder }

    /// Nil when there is none.
    func manifestBytes() throws(StoreError) -> [UInt8]? {
        guard let status = try self.folder.status(of: Self.manifestName) else { return nil }
        // The reader refuses what is longer; one byte more lets it see that.
        let count = min(status.identity.size, ManifestReader.maximumByteCount + 1)
        return try self.folder.openFile(Self.manifestName, writable: false).bytes(at: 0, count: count)
    }

    func writeManifest(_ bytes: [UInt8]) throws(StoreError) { try self.folder.replace(Self.manifestName, with: bytes) }

    /// The file of hash lists, made when it is not there.
    func openHashes() throws(StoreError) -> Descriptor {
        if try self.folder.status(of: Self.hashesName) == nil {
            let file = try self.folder.createFile(Self.hashesName)
            try self.folder.synchronize()
            return file
        }
        return try self.folder.openFile(Self.hashesName, writable: true)
    }

    /// Puts the hash lists of `other` in the place of ours.
    func takeHashes(from other: ModelFolder) throws(StoreError) {
        let source = try other.openHashes()
        let target = try self.openHashes()
        let size = try source.status().identity.size
        try target.truncate(to: size)
        for offset in stride(from: 0, to: size, by: 1 << 20) {
            try target.write(try source.bytes(at: offset, count: min(1 << 20, size - offset)), at: offset)
        }
        try target.synchronize()
    }

    /// Returns when the names in the folder would survive a power cut.
    func synchronize() throws(StoreError) { try self.folder.synchronize() }

    /// Of its file system, in bytes.
    func blockSize() throws(StoreError) -> Int { try self.folder.blockSize() }

    /// Bytes of the disk that the store's own files take.
    func allocatedBytes() throws(StoreError) -> Int {
        guard try self.folder.status(of: Self.filesName) != nil else { return 0 }
        return try self.folder.folder(Self.filesName, create: false).allocatedBytes()
    }

    /// Opens a file of the store's own for reading and writing.
    func openFile(_ path: String) throws(StoreError) -> Descriptor {
        var components = self.components(path)
        let name = components.removeLast()
        var folder = self.folder
        for component in components { folder = try folder.folder(component, create: false) }
        return try folder.openFile(name, writable: true)
    }

    /// Sees to it that these files of the manifest are there and have their size, with holes for what they lack.
    /// Answers the positions of those that were not as they should be.
    func prepareFiles(_ files: [(position: Int, file: Manifest.File)]) throws(StoreError) -> Set<Int> {
        var damaged: Set<Int> = []
        // Files come in the order of their paths, so one folder serves many, and is synced once for all of them.
        var current: (components: [String], folder: Folder)?
        for (position, file) in files {
            var components = self.components(file.path)
            let name = components.removeLast()
            if current?.components != components {
                try current?.folder.synchronize()
                var folder = self.folder
                for component in components { folder = try folder.folder(component, create: true) }
                current = (components, folder)
            }
            guard let folder = current?.folder else { continue }
            if try !Self.prepareFile(name, of: file.size, in: folder) { damaged.insert(position) }
        }
        try current?.folder.synchronize()
        return damaged
    }

    /// Whether the file was as it should be.
    private static func prepareFile(_ name: String, of size: Int, in folder: Folder) throws(StoreError) -> Bool {
        guard let status = try folder.status(of: name) else {
            try folder.createFile(name).truncate(to: size)
            return false
        }
        guard status.kind == .regular else {
            throw StoreError(.notRegular, "\(folder.path)/\(name) is in the way of a model's file: remove it")
        }
        guard status.linkCount == 1 else {
            throw StoreError(
                .externalFile,
                "\(folder.path)/\(name) has a second name (a hard link), so Shoal will not write to it: "
                    + "remove it or replace it by a copy"
            )
        }
        if status.identity.size == size { return true }
        try folder.openFile(name, writable: true).truncate(to: size)
        return false
    }

    /// Removes one of the store's own files; it is no error when there is none.
    func removeFile(_ path: String) throws(StoreError) {
        var components = self.components(path)
        let name = components.removeLast()
        var folder = self.folder
        for component in components {
            guard try folder.status(of: component) != nil else { return }
            folder = try folder.folder(component, create: false)
        }
        try folder.removeFile(name)
    }

    /// Removes the store's own files: the user's are served instead.
    func removeFiles() throws(StoreError) { try self.folder.removeTree(Self.filesName) }

    private func components(_ path: String) -> [String] {
        [Self.filesName] + path.split(separator: "/").map(String.init)
    }
}
