import ShoalCore

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// Room on a disk, asked before a long task rather than found out in the middle of it.
enum DiskSpace {
    /// Bytes that this process may still write where `path` lies.
    static func available(at path: String) throws(StoreError) -> Int {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw .system("statvfs", path, errno) }
        return Int(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
    }

    /// Fails when `needed` bytes do not fit into the `available` ones at `path`.
    static func require(_ needed: Int, of available: Int, at path: String) throws(StoreError) {
        guard needed > available else { return }
        throw StoreError(
            .diskFull,
            "\(ByteCount.text(needed)) are still to come to \(path), and \(ByteCount.text(available)) are free: "
                + "make room for \(ByteCount.text(needed - available)) more, or choose another place"
        )
    }
}
