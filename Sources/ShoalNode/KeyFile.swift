import Foundation
import ShoalStore

import enum Crypto.CryptoKitError
import enum Crypto.Curve25519

/// An Ed25519 key (RFC 8032) in a file: 32 raw bytes, mode 0600.
struct KeyFile {
    let path: String

    /// The key; nil when there is no file.
    func read() throws(StoreError) -> Curve25519.Signing.PrivateKey? {
        do {
            guard FileManager.default.fileExists(atPath: self.path) else { return nil }
            let handle = try FileHandle(forReadingFrom: URL(filePath: self.path))
            // One byte more shows that it is no key; whatever else the file has is nobody's business.
            let bytes = try handle.read(upToCount: 33) ?? Data()
            return try Curve25519.Signing.PrivateKey(rawRepresentation: bytes)
        } catch is CryptoKitError {
            throw StoreError(.damagedIndex, "\(self.path) is not a key of 32 bytes: move it away, or name another file")
        } catch {
            throw self.unusable(error)
        }
    }

    /// A new key. Written beside its place, synced and renamed, so that a crash leaves a whole key or none; readable by
    /// its owner alone from the first byte.
    func create() throws(StoreError) -> Curve25519.Signing.PrivateKey {
        let key = Curve25519.Signing.PrivateKey()
        let draft = "\(self.path).new"
        do {
            // A draft that a crash left is of no use.
            unlink(draft)
            let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
            guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
            let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            try handle.write(contentsOf: key.rawRepresentation)
            try handle.synchronize()
            guard rename(draft, self.path) == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        } catch {
            throw self.unusable(error)
        }
        return key
    }

    private func unusable(_ error: any Error) -> StoreError {
        StoreError(.system, "cannot read or write \(self.path): check its owner and the disk", cause: error)
    }
}
