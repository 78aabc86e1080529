package import NIOCore

extension TrackerAddress {
    /// Where a connection comes from; nil is one of which the system does not say.
    package init(_ address: SocketAddress?) {
        // The address stands at bytes 4 to 7 of `sockaddr_in` and 8 to 23 of `sockaddr_in6`, on Linux and Darwin.
        let bytes: [UInt8] =
            switch address {
            case .v4(let address): withUnsafeBytes(of: address.address) { Array($0[4..<8]) }
            case .v6(let address): withUnsafeBytes(of: address.address) { Array($0[8..<24]) }
            case .unixDomainSocket, nil: []
            }
        self.init(networkBytes: bytes)
    }
}
