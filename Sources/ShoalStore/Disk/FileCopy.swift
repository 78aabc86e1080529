#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// Makes a copy of a file that shares its blocks where the file system can, under a name that appears when it is whole.
struct FileCopy {
    /// The user's files and folders have the user's usual mode (`umask`).
    static let fileMode: mode_t = 0o666
    static let folderMode: mode_t = 0o777

    /// 1 MiB: long enough that the calls do not matter.
    private static let step = 1 << 20

    let source: Descriptor
    let size: Int
    let meter: ProgressMeter

    func write(_ name: String, in folder: Folder) throws(StoreError) {
        let before = try self.source.status().identity
        let temporary = Folder.temporaryName(for: name)
        let target = try folder.createFile(temporary, mode: Self.fileMode)
        do throws(StoreError) {
            if self.shareBlocks(with: target) {
                try self.meter.advance(by: self.size)
            } else {
                try self.copyBytes(to: target)
            }
            guard try self.source.status().identity == before else {
                throw StoreError(.changed, "\(self.source.path) changed while it was copied: restore it and try again")
            }
            try target.synchronize()
            try folder.rename(temporary, to: name)
        } catch {
            // The first failure is the one to report; a leftover is hidden and named like the file.
            try? folder.removeFile(temporary)
            throw error
        }
        try folder.synchronize()
    }

    /// A reflink; false where the file system has none, or the two files are on different ones.
    private func shareBlocks(with target: Descriptor) -> Bool {
        #if os(Linux)
        // FICLONE of <linux/fs.h>, _IOW(0x94, 9, int), which Swift does not import.
        return ioctl(target.number, 0x4004_9409, self.source.number) == 0
        #else
        return false
        #endif
    }

    private func copyBytes(to target: Descriptor) throws(StoreError) {
        var offset = 0
        while offset < self.size {
            let bytes = try self.source.bytes(at: offset, count: min(Self.step, self.size - offset))
            guard !bytes.isEmpty else {
                throw StoreError(.changed, "\(self.source.path) was cut while it was copied: restore it and try again")
            }
            try target.write(bytes, at: offset)
            offset += bytes.count
            try self.meter.advance(by: bytes.count)
        }
    }
}
