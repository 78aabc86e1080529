/// A SHA-256 or HMAC-SHA-256 value (FIPS 180-4, RFC 2104), 32 bytes.
package struct Digest: WrappedBytes {
    package let storage: ThirtyTwoBytes

    package init(storage: ThirtyTwoBytes) { self.storage = storage }
}
