import CDisk

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// Files with holes: what was given back to the file system, and what never was there.
extension Descriptor {
    /// Gives whole blocks back to the file system. They read as zeros from then on; the file keeps its size.
    func punch(_ range: Range<Int>) throws(StoreError) {
        try self.observed(.punch(self.number, range)) { () throws(StoreError) in
            let number = cdisk_punch_hole(self.number, Int64(range.lowerBound), Int64(range.count))
            guard number == 0 else { throw .system("fallocate", self.path, number) }
        }
    }

    /// Of the file system that the file is on, in bytes: what it gives and takes at a time.
    func blockSize() throws(StoreError) -> Int {
        var status = statvfs()
        guard fstatvfs(self.number, &status) == 0 else { throw .system("fstatvfs", self.path, errno) }
        return max(Int(status.f_frsize), 1)
    }
}
