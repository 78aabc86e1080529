/// Where a tracker is: `ws://host[:port][/path]` or `wss://…`.
package struct TrackerURL: Hashable, Sendable, CustomStringConvertible {
    package enum Scheme: String, Hashable, Sendable {
        case ws
        case wss

        var defaultPort: Int { self == .ws ? 80 : 443 }
    }

    package let scheme: Scheme
    /// Host and port as they were given.
    package let authority: HostPort
    /// Path and query as they were given; empty when there was none.
    package let path: String

    /// 2,048 bytes, as long as any URL that people pass around.
    package static let maximumLength = 2048

    package init(scheme: Scheme, authority: HostPort, path: String = "") {
        self.scheme = scheme
        self.authority = authority
        self.path = path
    }

    /// Reads a URL; the error says what a tracker's URL looks like.
    package init(_ text: String) throws(SignalingError) {
        guard text.utf8.count <= Self.maximumLength else {
            throw Self.error(text.prefix(32) + "…", "longer than \(Self.maximumLength) bytes")
        }
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Self.error(text, "a URL has neither spaces nor characters beyond ASCII: percent-encode them")
        }
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://"),
            let scheme = Scheme(rawValue: text[..<colon].lowercased())
        else {
            throw Self.error(text, "trackers of native nodes and browsers speak WebSocket: use ws:// or wss://")
        }
        let rest = text[colon...].dropFirst(3)
        let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
        let authority = rest[..<end]
        let path = rest[end...]
        guard !path.contains("#") else { throw Self.error(text, "a tracker's URL has no # part") }
        guard !authority.contains("@") else { throw Self.error(text, "a tracker's URL has no user name") }
        let hostPort = try HostPort(authority)
        guard hostPort.port != 0 else { throw Self.error(text, "port 0 cannot be connected to") }
        self.init(scheme: scheme, authority: hostPort, path: String(path))
    }

    package var host: String { self.authority.host }

    /// The port that was given, else the scheme's.
    package var port: Int { self.authority.port ?? self.scheme.defaultPort }

    /// What stands in the HTTP request line.
    var requestTarget: String { self.path.hasPrefix("/") ? self.path : "/" + self.path }

    package var description: String { "\(self.scheme)://\(self.authority)\(self.path)" }

    private static func error(_ text: some StringProtocol, _ problem: String) -> SignalingError {
        SignalingError(code: .invalidAddress, message: "\(TrackerCodec.readable(String(text))): \(problem)")
    }
}
