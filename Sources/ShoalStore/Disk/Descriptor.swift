#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// An open file or folder, closed when the last user lets go of it.
///
/// All reads and writes name their offset, so any number of threads may share one.
final class Descriptor: Sendable {
    let number: Int32
    /// For messages.
    let path: String
    /// What is opened by way of this one has it too.
    let observer: (any DiskObserver)?

    private init(_ number: Int32, path: String, observer: (any DiskObserver)?) {
        self.number = number
        self.path = path
        self.observer = observer
    }

    deinit { close(self.number) }

    /// Opens `path`; never a symbolic link, never kept by a child process, never waiting for the other end of a pipe.
    static func open(
        _ path: String,
        _ flags: Int32,
        mode: mode_t = 0,
        observer: (any DiskObserver)? = nil
    ) throws(StoreError) -> Descriptor {
        try self.opened(path, call: "open", observer) { openat(AT_FDCWD, path, flags | Self.always, mode) }
    }

    /// Opens `name` in this folder, under the same rules; `name` is one component.
    func open(_ name: String, _ flags: Int32, mode: mode_t = 0) throws(StoreError) -> Descriptor {
        try Self.opened("\(self.path)/\(name)", call: "openat", self.observer) {
            openat(self.number, name, flags | Self.always, mode)
        }
    }

    private static let always = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK

    private static func opened(
        _ path: String,
        call: String,
        _ observer: (any DiskObserver)?,
        _ body: () -> Int32
    ) throws(StoreError) -> Descriptor {
        while true {
            let number = body()
            if number >= 0 { return Descriptor(number, path: path, observer: observer) }
            if errno != EINTR { throw .system(call, path, errno) }
        }
    }

    /// Makes a change, with the observer told before and after.
    func observed<Result>(_ change: DiskChange, _ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
        guard let observer else { return try body() }
        try observer.willMake(change)
        let result = try body()
        observer.made(change)
        return result
    }

    /// What the file is now.
    func status() throws(StoreError) -> FileStatus {
        var status = stat()
        guard fstat(self.number, &status) == 0 else { throw .system("fstat", self.path, errno) }
        return FileStatus(status)
    }

    /// Fills `buffer` from `offset` on; returns fewer bytes only at the end of the file.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StoreError) -> Int {
        var done = 0
        while done < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            let count = pread(self.number, rest.baseAddress, rest.count, off_t(offset + done))
            if count == 0 { break }
            if count > 0 {
                done += count
            } else if errno != EINTR {
                throw .system("pread", self.path, errno)
            }
        }
        return done
    }

    /// The `count` bytes from `offset` on; fewer at the end of the file.
    func bytes(at offset: Int, count: Int) throws(StoreError) -> [UInt8] {
        var failure: StoreError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            do throws(StoreError) {
                initialized = try self.read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Writes all of `buffer` at `offset`.
    func write(_ buffer: UnsafeRawBufferPointer, at offset: Int) throws(StoreError) {
        try self.observed(.write(buffer, at: offset, to: self.number)) { () throws(StoreError) in
            var done = 0
            while done < buffer.count {
                let rest = UnsafeRawBufferPointer(rebasing: buffer[done...])
                let count = pwrite(self.number, rest.baseAddress, rest.count, off_t(offset + done))
                if count >= 0 {
                    done += count
                } else if errno != EINTR {
                    throw .system("pwrite", self.path, errno)
                }
            }
        }
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(StoreError) {
        try bytes.span.bytes.withUnsafeBytes { (buffer) throws(StoreError) in try self.write(buffer, at: offset) }
    }

    /// Cuts the file to `size`, or lengthens it by a hole.
    func truncate(to size: Int) throws(StoreError) {
        try self.observed(.truncate(self.number, to: size)) { () throws(StoreError) in
            guard ftruncate(self.number, off_t(size)) == 0 else { throw .system("ftruncate", self.path, errno) }
        }
    }

    /// Returns when everything written so far would survive a power cut.
    func synchronize() throws(StoreError) {
        try self.observed(.synchronize(self.number)) { () throws(StoreError) in
            #if canImport(Darwin)
            // macOS: fsync leaves the bytes in the drive's cache.
            if fcntl(self.number, F_FULLFSYNC) == 0 { return }
            #endif
            guard fsync(self.number) == 0 else { throw .system("fsync", self.path, errno) }
        }
    }

    /// SEEK_DATA of <unistd.h>, which glibc shows only to GNU sources.
    #if canImport(Darwin)
    private static let seekData: Int32 = 4
    #else
    private static let seekData: Int32 = 3
    #endif

    /// Where the next byte that is not in a hole lies, from `offset` on; nil when there is none. On a file system that
    /// cannot tell, every byte counts as data.
    func nextData(from offset: Int) throws(StoreError) -> Int? {
        let position = lseek(self.number, off_t(offset), Self.seekData)
        if position >= 0 { return Int(position) }
        switch errno {
        case ENXIO: return nil
        case EINVAL, ENOTSUP: return offset
        default: throw .system("lseek", self.path, errno)
        }
    }
}
