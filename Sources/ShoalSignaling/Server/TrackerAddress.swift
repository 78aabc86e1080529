package import NIOCore

/// Who shares a limit: an IPv4 address, or the /64 network of an IPv6 address, because its owner has all of it.
package struct TrackerAddress: Hashable, Sendable {
    private let bits: UInt64
    private let isIPv6: Bool

    /// An IPv4 address mapped into IPv6 (RFC 4291, section 2.5.5.2) is the IPv4 address. Nil is a peer that the system
    /// did not name: all of them share one limit.
    package init(_ address: SocketAddress?) {
        // The address stands at bytes 4 to 7 of `sockaddr_in` and 8 to 23 of `sockaddr_in6`, on Linux and Darwin.
        var bytes: [UInt8] =
            switch address {
            case .v4(let address): withUnsafeBytes(of: address.address) { Array($0[4..<8]) }
            case .v6(let address): withUnsafeBytes(of: address.address) { Array($0[8..<24]) }
            case .unixDomainSocket, nil: []
            }
        if bytes.prefix(12).elementsEqual([UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]) { bytes.removeFirst(12) }
        self.isIPv6 = bytes.count == 16
        self.bits = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
