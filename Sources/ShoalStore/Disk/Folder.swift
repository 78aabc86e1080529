import ShoalCore

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// An open folder, whose entries are made, listed and renamed without following a link.
final class Folder: Sendable {
    private let descriptor: Descriptor
    var path: String { self.descriptor.path }

    private init(_ descriptor: Descriptor) { self.descriptor = descriptor }

    static func open(_ path: String, observer: (any DiskObserver)? = nil) throws(StoreError) -> Folder {
        Folder(try Descriptor.open(path, O_RDONLY | O_DIRECTORY, observer: observer))
    }

    /// Makes `path` and what is missing above it; by default for its owner alone. It is no error when something is there.
    static func create(_ path: String, mode: mode_t = 0o700) throws(StoreError) {
        if mkdir(path, mode) == 0 { return }
        if errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            try self.create(String(path[..<slash]), mode: mode)
            if mkdir(path, mode) == 0 { return }
        }
        guard errno == EEXIST else { throw .system("mkdir", path, errno) }
    }

    /// The folder `name` in this one, made when it is not there: then it would survive a power cut.
    func folder(_ name: String, create: Bool) throws(StoreError) -> Folder {
        if create, try self.status(of: name) == nil {
            try self.descriptor.observed(.makeFolder(name, in: self.descriptor.number)) { () throws(StoreError) in
                guard mkdirat(self.descriptor.number, name, 0o700) == 0 || errno == EEXIST else {
                    throw .system("mkdirat", "\(self.path)/\(name)", errno)
                }
            }
            try self.synchronize()
        }
        return Folder(try self.descriptor.open(name, O_RDONLY | O_DIRECTORY))
    }

    /// A file that this call makes; fails when anything has the name.
    func createFile(_ name: String, mode: mode_t = 0o600) throws(StoreError) -> Descriptor {
        try self.descriptor.observed(.makeFile(name, in: self.descriptor.number)) { () throws(StoreError) in
            try self.descriptor.open(name, O_RDWR | O_CREAT | O_EXCL, mode: mode)
        }
    }

    func openFile(_ name: String, writable: Bool) throws(StoreError) -> Descriptor {
        try self.descriptor.open(name, writable ? O_RDWR : O_RDONLY)
    }

    /// Of the entry `name`, itself if it is a link; nil when there is none.
    func status(of name: String) throws(StoreError) -> FileStatus? {
        var status = stat()
        if fstatat(self.descriptor.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 { return FileStatus(status) }
        if errno == ENOENT { return nil }
        throw .system("fstatat", "\(self.path)/\(name)", errno)
    }

    /// Renames within this folder, over what has the name `new`.
    func rename(_ old: String, to new: String) throws(StoreError) {
        try self.descriptor.observed(.rename(old, to: new, in: self.descriptor.number)) { () throws(StoreError) in
            guard renameat(self.descriptor.number, old, self.descriptor.number, new) == 0 else {
                throw .system("rename", "\(self.path)/\(new)", errno)
            }
        }
    }

    /// Removes the file `name`; it is no error when there is none.
    func removeFile(_ name: String) throws(StoreError) {
        try self.descriptor.observed(.remove(name, in: self.descriptor.number)) { () throws(StoreError) in
            guard unlinkat(self.descriptor.number, name, 0) == 0 || errno == ENOENT else {
                throw .system("unlink", "\(self.path)/\(name)", errno)
            }
        }
    }

    /// Removes the folder or file `name` and all that is in it, no link followed; it is no error when there is none.
    func removeTree(_ name: String) throws(StoreError) {
        guard let status = try self.status(of: name) else { return }
        guard status.kind == .folder else { return try self.removeFile(name) }
        let folder = try self.folder(name, create: false)
        for entry in try folder.entries() { try folder.removeTree(entry) }
        try self.descriptor.observed(.remove(name, in: self.descriptor.number)) { () throws(StoreError) in
            guard unlinkat(self.descriptor.number, name, AT_REMOVEDIR) == 0 || errno == ENOENT else {
                throw .system("unlink", "\(self.path)/\(name)", errno)
            }
        }
    }

    /// Of its file system, in bytes.
    func blockSize() throws(StoreError) -> Int { try self.descriptor.blockSize() }

    /// Returns when the names in this folder would survive a power cut.
    func synchronize() throws(StoreError) { try self.descriptor.synchronize() }

    /// Puts `bytes` under `name` so that a reader sees the old file or the new one, whatever happens.
    func replace(_ name: String, with bytes: [UInt8]) throws(StoreError) {
        let temporary = Self.temporaryName(for: name)
        let file = try self.createFile(temporary)
        do throws(StoreError) {
            try file.write(bytes, at: 0)
            try file.synchronize()
            try self.rename(temporary, to: name)
        } catch {
            // The first failure is the one to report; a leftover has a name that nobody reads.
            try? self.removeFile(temporary)
            throw error
        }
        try self.synchronize()
    }

    /// A name that no one has and that starts with a dot, so that publishing leaves it out.
    static func temporaryName(for name: String) -> String {
        var system = SystemRandomNumberGenerator()
        return ".\(name.prefix(100)).\(PeerID.random(using: &system).hex.prefix(16))"
    }

    /// All names but `.` and `..`, in no particular order.
    func entries() throws(StoreError) -> [String] {
        let copy = openat(self.descriptor.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0 else { throw .system("openat", self.path, errno) }
        guard let stream = fdopendir(copy) else {
            let number = errno
            close(copy)
            throw .system("fdopendir", self.path, number)
        }
        defer { closedir(stream) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(validatingCString: $0) }
            }
            guard let name else { throw StoreError(.badName, "\(self.path) holds a name that is not UTF-8: rename it") }
            if name != ".", name != ".." { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw .system("readdir", self.path, errno) }
        return names
    }
}
