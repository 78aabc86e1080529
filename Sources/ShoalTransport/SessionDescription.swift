import ShoalCore

/// An SDP offer or answer of a peer that keeps the rules of Shoal's protocol: it describes data channels and names
/// exactly one certificate, by SHA-256. Everything else in it is libdatachannel's to judge.
struct SessionDescription: Sendable {
    /// 64 KiB: thirty candidates make 4 KiB; trackers and relays carry no more than this either.
    static let maximumSize = 64 * 1024

    let text: String

    /// SHA-256 of the certificate that the peer will show in the DTLS handshake.
    let fingerprint: Digest

    init(_ text: String) throws(RTCError) {
        guard text.utf8.count <= Self.maximumSize else {
            throw RTCError("the peer's SDP has \(text.utf8.count) bytes; at most \(Self.maximumSize) are read")
        }
        let lines = text.utf8.split(whereSeparator: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") })
        guard let first = lines.first, first.elementsEqual("v=0".utf8) else {
            throw RTCError("what the peer sent is not an SDP: it does not begin with v=0")
        }
        guard lines.contains(where: { $0.starts(with: "m=application ".utf8) }) else {
            throw RTCError("the peer's SDP offers no data channels")
        }
        let fingerprints = lines.filter { $0.starts(with: Self.attribute.utf8) }
        guard fingerprints.count == 1 else {
            throw RTCError("the peer's SDP has \(fingerprints.count) fingerprints instead of one")
        }
        let value = String(decoding: fingerprints[0].dropFirst(Self.attribute.utf8.count), as: UTF8.self)
        guard let fingerprint = Self.digest(ofFingerprint: value) else {
            throw RTCError("the fingerprint in the peer's SDP is not a SHA-256")
        }
        self.text = text
        self.fingerprint = fingerprint
    }

    private static let attribute = "a=fingerprint:"

    /// The digest in `sha-256 4A:AD:…` (RFC 8122, which ignores the case of both parts).
    private static func digest(ofFingerprint value: String) -> Digest? {
        let parts = value.lowercased().split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == "sha-256" else { return nil }
        let pairs = parts[1].split(separator: ":", omittingEmptySubsequences: false)
        guard pairs.count == Digest.byteCount, pairs.allSatisfy({ $0.utf8.count == 2 }) else { return nil }
        return Digest(hex: pairs.joined())
    }
}
