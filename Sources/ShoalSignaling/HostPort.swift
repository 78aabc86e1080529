#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// `HOST:PORT` as people write it: a name, an IPv4 address, or an IPv6 address in brackets.
package struct HostPort: Hashable, Sendable, CustomStringConvertible {
    /// Lower case, without brackets.
    package let host: String
    /// Nil when none was given.
    package let port: Int?

    package init(host: String, port: Int?) {
        self.host = host
        self.port = port
    }

    /// Reads `HOST`, `HOST:PORT`, `[IPv6]` or `[IPv6]:PORT`; port 0 is for those who listen.
    package init(_ text: some StringProtocol) throws(SignalingError) {
        let isLiteral = text.first == "["
        let end = isLiteral ? text.firstIndex(of: "]") : text.firstIndex(of: ":") ?? text.endIndex
        guard let end else { throw Self.error(text, "a ] is missing") }
        let host = String(isLiteral ? text[..<end].dropFirst() : text[..<end]).lowercased()
        let rest = isLiteral ? text[end...].dropFirst() : text[end...]
        if isLiteral {
            guard Self.isAddress(host), host.contains(":") else {
                throw Self.error(text, "[\(host)] is no IPv6 address")
            }
        } else {
            guard !host.isEmpty else { throw Self.error(text, "the host is missing") }
            guard host.utf8.count <= 253, host.utf8.allSatisfy(Self.isNameByte) else {
                throw Self.error(text, "the host may have letters, digits, dots and hyphens; write others in punycode")
            }
        }
        if rest.isEmpty {
            self.init(host: host, port: nil)
            return
        }
        let digits = rest.dropFirst()
        guard rest.first == ":", !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = UInt16(digits)
        else {
            let isBareLiteral = !isLiteral && digits.contains(":")
            throw Self.error(
                text,
                isBareLiteral ? "an IPv6 address needs [brackets]" : "the port must be a number from 0 to 65535"
            )
        }
        self.init(host: host, port: Int(port))
    }

    package var description: String {
        let host = self.host.contains(":") ? "[\(self.host)]" : self.host
        return self.port.map { "\(host):\($0)" } ?? host
    }

    /// Whether the host is an IP address, not a name.
    var isAddress: Bool { Self.isAddress(self.host) }

    /// What follows the `%` of an IPv6 address names an interface of this machine (RFC 4007, section 11): whether there is
    /// one shows when it is used.
    private static func isAddress(_ host: String) -> Bool {
        let parts = host.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        // For C, a text ends at its first zero.
        guard !host.utf8.contains(0), let address = parts.first.map(String.init) else { return false }
        // As large as an address of either kind.
        var bytes = in6_addr()
        guard parts.count == 2 else { return [AF_INET, AF_INET6].contains { inet_pton($0, address, &bytes) == 1 } }
        return !parts[1].isEmpty && parts[1].utf8.allSatisfy(self.isNameByte)
            && inet_pton(AF_INET6, address, &bytes) == 1
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }

    private static func error(_ text: some StringProtocol, _ problem: String) -> SignalingError {
        SignalingError(code: .invalidAddress, message: "\(TrackerCodec.readable(String(text))): \(problem)")
    }
}
