import ArgumentParser
import Foundation

/// An address of this machine, in numbers.
struct BindAddress {
    let text: String

    /// Refuses what is no address.
    init(parsing text: String) throws {
        try Self.with(text) { _ in }
        self.text = text
    }

    /// Refuses what is not an address of this machine: a node there would never be reached, and nobody would say why.
    func probe() throws {
        try Self.with(self.text) { address in
            let descriptor = socket(address.ai_family, Self.datagram, 0)
            defer { close(descriptor) }
            guard descriptor >= 0, bind(descriptor, address.ai_addr, address.ai_addrlen) == 0 else {
                throw ValidationError("this machine does not have that address (\(String(cString: strerror(errno))))")
            }
        }
    }

    private static func with(_ text: String, _ body: (addrinfo) throws -> Void) throws {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE
        hints.ai_socktype = Self.datagram
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(text, "0", &hints, &found) == 0, let address = found else {
            throw ValidationError("an IPv4 or IPv6 address of this machine is wanted, in numbers")
        }
        defer { freeaddrinfo(found) }
        try body(address.pointee)
    }

    #if canImport(Glibc)
    private static let datagram = Int32(SOCK_DGRAM.rawValue)
    #else
    private static let datagram = SOCK_DGRAM
    #endif
}
