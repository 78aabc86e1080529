#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// Why the store could not do what it was told, in words that say what to do about it.
///
/// The world is wrong here (disk, permissions, the user's files), not the caller: a wrong index or buffer is a
/// `precondition`. After ``Code/changed`` and ``Code/corrupt`` shards are gone from the model: take its state again.
package struct StoreError: Error, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// There is no room. What has arrived is kept.
        case diskFull
        /// The file system is mounted read-only.
        case readOnly
        case missing
        case permissionDenied
        /// A file is where a folder should be.
        case notAFolder
        /// Another process has the home.
        case locked
        /// A device, socket, pipe or folder where a regular file should be.
        case notRegular
        case symbolicLink
        /// A name that the manifest cannot carry.
        case badName
        /// More files than a manifest may have, or one that is too large to describe.
        case tooLarge
        /// Nothing to publish: no files, or not one byte in them.
        case empty
        /// A file to publish is not what its first bytes say: damaged, incomplete, or a part of something.
        case damagedSource
        /// Something else has the name that an export wants.
        case exists
        /// A file changed while it was served or hashed.
        case changed
        /// Bytes on the disk no longer match their hash.
        case corrupt
        /// The chunk is not here (any more).
        case absent
        case hashListMissing
        case wrongHashList
        /// The shards are right, but a whole file does not have the SHA-256 that the manifest claims.
        case wrongContent
        /// Bytes that are not the manifest of that ID, or not a valid one.
        case wrongManifest
        case damagedIndex
        /// What is to be fetched has no place in the cache, whatever else goes.
        case overBudget
        /// Shards cannot go: the file system has no holes.
        case notEvictable
        /// An attempt to write a file of the user's.
        case externalFile
        /// Asked for the whole model while parts are missing.
        case incomplete
        /// The model is being received at this moment.
        case busy
        /// The progress handler said so.
        case cancelled
        /// Any other refusal by the operating system.
        case system
    }

    package let code: Code
    /// One or two sentences for people, without a capital or a full stop, so that they can follow "error: ".
    package let message: String
    package let cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String { self.message }
}

/// A system call that failed.
package struct SystemCallError: Error, Hashable, Sendable, CustomStringConvertible {
    /// As the manual names it.
    package let call: String
    /// `errno`.
    package let number: Int32

    package var description: String { "\(self.call): \(String(cString: strerror(self.number)))" }
}

extension StoreError {
    /// What the refusal of `call` on `path` means for the user; `number` is `errno`.
    static func system(_ call: String, _ path: String, _ number: Int32) -> StoreError {
        let cause = SystemCallError(call: call, number: number)
        let (code, message): (Code, String) =
            switch number {
            case ENOSPC, EDQUOT:
                (.diskFull, "the disk that holds \(path) is full: free some room and try again; what arrived is kept")
            case EROFS:
                (.readOnly, "\(path) is on a read-only file system: choose another place")
            case ENOENT:
                (.missing, "\(path) does not exist")
            case EACCES, EPERM:
                (.permissionDenied, "no permission for \(path): check its owner and mode")
            case ENOTDIR:
                (.notAFolder, "a part of \(path) is a file, not a folder: choose another place")
            case ELOOP:
                (.symbolicLink, "\(path) is a symbolic link: give the file or folder that it points to")
            case EISDIR:
                (.notRegular, "\(path) is a folder, not a file")
            case EEXIST:
                (.exists, "\(path) exists already")
            case EFBIG:
                (.tooLarge, "\(path) is larger than its file system or the limit of this process allows")
            case EMFILE, ENFILE:
                (.system, "too many open files at \(path): raise the limit (ulimit -n) and try again")
            case EOPNOTSUPP:
                (.notEvictable, "\(path) is on a file system that cannot take back a part of a file")
            case EIO:
                (.system, "the disk reports an error at \(path): check the disk")
            default:
                (.system, "\(path): \(cause)")
            }
        return StoreError(code, message, cause: cause)
    }
}
