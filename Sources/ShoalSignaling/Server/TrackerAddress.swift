/// Who shares a limit: an IPv4 address, or the /64 network of an IPv6 address, because its owner has all of it.
package struct TrackerAddress: Hashable, Sendable {
    private let bits: UInt64
    private let isIPv6: Bool

    /// The 4 or 16 bytes of an address as the network has them. An IPv4 address mapped into IPv6 (RFC 4291, section
    /// 2.5.5.2) is the IPv4 address. No bytes are a peer that the system did not name: all of them share one limit.
    package init(networkBytes: [UInt8]) {
        var bytes = networkBytes
        if bytes.prefix(12).elementsEqual([UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]) { bytes.removeFirst(12) }
        self.isIPv6 = bytes.count == 16
        self.bits = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
