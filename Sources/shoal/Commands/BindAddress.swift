import ArgumentParser
import Foundation

/// An address of this machine, in numbers.
struct BindAddress {
    let text: String

    /// Refuses what is no address, and what is not one of this machine: a node there would never be reached, and nobody
    /// would say why.
    init(parsing text: String) throws {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE
        hints.ai_socktype = Self.datagram
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(text, "0", &hints, &found) == 0, let address = found else {
            throw ValidationError("an IPv4 or IPv6 address of this machine is wanted, in numbers")
        }
        defer { freeaddrinfo(found) }
        let descriptor = socket(address.pointee.ai_family, Self.datagram, 0)
        defer { close(descriptor) }
        guard descriptor >= 0, bind(descriptor, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0 else {
            throw ValidationError("this machine does not have that address (\(String(cString: strerror(errno))))")
        }
        self.text = text
    }

    #if canImport(Glibc)
    private static let datagram = Int32(SOCK_DGRAM.rawValue)
    #else
    private static let datagram = SOCK_DGRAM
    #endif
}
