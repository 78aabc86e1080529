import Crypto
import ShoalCore

/// The SHA-256 of a file, fed in order.
struct FileHash: Sendable {
    private var hash = SHA256()

    mutating func update(_ bytes: UnsafeRawBufferPointer) { self.hash.update(bufferPointer: bytes) }

    var digest: ShoalCore.Digest {
        guard let digest = ShoalCore.Digest(bytes: Array(self.hash.finalize())) else {
            preconditionFailure("SHA-256 is \(ShoalCore.Digest.byteCount) bytes")
        }
        return digest
    }

    /// Of the first `size` bytes of a file; of fewer when it ends before.
    static func digest(of file: Descriptor, size: Int) throws(StoreError) -> ShoalCore.Digest {
        var hash = FileHash()
        var offset = 0
        while offset < size {
            let bytes = try file.bytes(at: offset, count: min(1 << 20, size - offset))
            if bytes.isEmpty { break }
            bytes.withUnsafeBytes { hash.update($0) }
            offset += bytes.count
        }
        return hash.digest
    }
}
