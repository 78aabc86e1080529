package import ShoalCore

// One by one: Crypto's protocol Digest would hide ours.
import struct Crypto.HMAC
import struct Crypto.SHA256
import struct Crypto.SymmetricKey

extension Digest {
    /// The SHA-256 of `bytes`.
    package init(sha256Of bytes: [UInt8]) {
        // Safe: every bit pattern of a UInt8 is initialised memory; the standard library cannot know it of all types.
        self.init(sha256Of: unsafe bytes.span.bytes)
    }

    /// The SHA-256 of `bytes`.
    package init(sha256Of bytes: RawSpan) {
        var hash = SHA256()
        // The pointer does not outlive the call, in which the hash reads it.
        unsafe bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
        self.init(finished: hash.finalize())
    }

    /// HMAC-SHA-256 (RFC 2104) of `bytes` under `key`.
    package init(hmacOf bytes: [UInt8], key: [UInt8]) {
        self.init(finished: HMAC<SHA256>.authenticationCode(for: bytes, using: SymmetricKey(data: key)))
    }

    private init(finished hash: some Sequence<UInt8>) {
        guard let digest = Self(bytes: Array(hash)) else {
            preconditionFailure("SHA-256 has \(Self.byteCount) bytes")
        }
        self = digest
    }
}
