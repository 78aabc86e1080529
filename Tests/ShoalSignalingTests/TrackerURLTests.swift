import Testing

@testable import ShoalSignaling

struct TrackerURLTests {
    @Test(arguments: [
        ("ws://127.0.0.1:8000", "127.0.0.1", 8000, "/"),
        ("ws://tracker.example", "tracker.example", 80, "/"),
        ("wss://tracker.example/", "tracker.example", 443, "/"),
        ("wss://tracker.example:443/announce?key=%20a", "tracker.example", 443, "/announce?key=%20a"),
        ("ws://[::1]:9/x", "::1", 9, "/x"),
        ("ws://[fe80::1]", "fe80::1", 80, "/"),
        ("ws://h?a=b", "h", 80, "/?a=b"),
    ])
    func `a URL is taken apart and given back`(text: String, host: String, port: Int, target: String) throws {
        let url = try TrackerURL(text)
        #expect(url.host == host)
        #expect(url.port == port)
        #expect(url.requestTarget == target)
        #expect(url.description == text)
        #expect(try TrackerURL(url.description) == url)
    }

    @Test
    func `scheme and host are written in lower case`() throws {
        #expect(try TrackerURL("WSS://Tracker.EXAMPLE/Announce").description == "wss://tracker.example/Announce")
    }

    @Test(arguments: [
        "udp://tracker.example:80", "http://tracker.example/announce", "https://h", "h:80", "", "ws:/h", "ws//h",
        "://h",
    ])
    func `a URL of another kind is told what trackers speak`(text: String) {
        let error = #expect(throws: SignalingError.self) { try TrackerURL(text) }
        #expect(error?.code == .invalidAddress)
        #expect(
            error?.message.hasSuffix("trackers of native nodes and browsers speak WebSocket: use ws:// or wss://")
                == true
        )
    }

    @Test(arguments: [
        ("ws://", "the host is missing"),
        ("ws://:80", "the host is missing"),
        ("ws:///announce", "the host is missing"),
        ("ws://h:", "the port must be a number from 0 to 65535"),
        ("ws://h:x", "the port must be a number from 0 to 65535"),
        ("ws://h:+1", "the port must be a number from 0 to 65535"),
        ("ws://h:65536", "the port must be a number from 0 to 65535"),
        ("ws://h:0", "port 0 cannot be connected to"),
        ("ws://::1:80", "the host is missing"),
        ("ws://fe80::1", "an IPv6 address needs [brackets]"),
        ("ws://[::1", "a ] is missing"),
        ("ws://[tracker]", "[tracker] is no IPv6 address"),
        ("ws://[::1]x", "the port must be a number from 0 to 65535"),
        ("ws://user@h", "a tracker's URL has no user name"),
        ("ws://h/#a", "a tracker's URL has no # part"),
        ("ws://h\\x", "the host may have letters, digits, dots and hyphens; write others in punycode"),
        ("ws://h /", "a URL has neither spaces nor characters beyond ASCII: percent-encode them"),
        ("ws://h\r\nHost: x/", "a URL has neither spaces nor characters beyond ASCII: percent-encode them"),
        ("ws://h/é", "a URL has neither spaces nor characters beyond ASCII: percent-encode them"),
    ])
    func `a broken URL says what is wrong with it`(text: String, problem: String) {
        let error = #expect(throws: SignalingError.self) { try TrackerURL(text) }
        #expect(error?.message.hasSuffix(": \(problem)") == true)
    }

    @Test(arguments: [2047, 2048, 2049])
    func `a URL has a bound`(length: Int) throws {
        let text = "ws://h/" + String(repeating: "a", count: length - 7)
        if length > TrackerURL.maximumLength {
            let error = #expect(throws: SignalingError.self) { try TrackerURL(text) }
            #expect(error?.message.hasSuffix("longer than 2048 bytes") == true)
        } else {
            #expect(try TrackerURL(text).description == text)
        }
    }

    @Test(arguments: ["[1.2.3.4%:]:80", "[1.2.3.4]:80", "[::1%]", "[::1%a b]", "[::1\0x]", "[%eth0]"])
    func `what is no IPv6 address is not one in brackets either`(text: String) {
        let error = #expect(throws: SignalingError.self) { try HostPort(text) }
        #expect(error?.message.contains("no IPv6 address") == true)
    }

    @Test(arguments: [
        ("127.0.0.1:0", "127.0.0.1", 0), ("[::]:8000", "::", 8000), ("[fe80::1%eth0]:1", "fe80::1%eth0", 1),
        ("localhost", "localhost", nil),
    ])
    func `a listen address may have port 0 or none`(text: String, host: String, port: Int?) throws {
        let address = try HostPort(text)
        #expect(address == HostPort(host: host, port: port))
        #expect(address.description == text)
    }
}
