#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// What tells whether a file of the user's is still the one that was hashed: size, time of change and inode.
struct FileIdentity: Hashable, Sendable {
    /// In bytes.
    let size: Int
    /// Nanoseconds since 1970.
    let modified: Int64
    let inode: Int64
}

/// What `stat` says about a file, as far as the store wants to know.
struct FileStatus: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case regular
        case folder
        case symbolicLink
        /// A device, pipe or socket.
        case special
    }

    let kind: Kind
    let identity: FileIdentity
    /// How many names the file has.
    let linkCount: Int
    /// Bytes that it takes on the disk, less than its size when it has holes.
    let allocated: Int

    init(_ status: stat) {
        self.kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .regular
            case S_IFDIR: .folder
            case S_IFLNK: .symbolicLink
            default: .special
            }
        #if canImport(Darwin)
        let modified = status.st_mtimespec
        #else
        let modified = status.st_mtim
        #endif
        self.identity = FileIdentity(
            size: Int(status.st_size),
            modified: Int64(modified.tv_sec) * 1_000_000_000 + Int64(modified.tv_nsec),
            inode: Int64(bitPattern: UInt64(status.st_ino))
        )
        self.linkCount = Int(status.st_nlink)
        // POSIX leaves the unit of st_blocks open; it is 512 bytes on Linux and macOS.
        self.allocated = Int(status.st_blocks) * 512
    }

    /// Of what is called `path`, itself if it is a link; nil when nothing is.
    static func ofEntry(at path: String) throws(StoreError) -> FileStatus? {
        var status = stat()
        if lstat(path, &status) == 0 { return FileStatus(status) }
        if errno == ENOENT { return nil }
        throw .system("lstat", path, errno)
    }
}
