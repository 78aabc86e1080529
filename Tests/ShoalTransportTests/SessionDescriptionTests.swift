import ShoalCore
import Testing

@testable import ShoalTransport

@Suite(.timeLimit(.minutes(1)))
struct SessionDescriptionTests {
    static let hex = String(repeating: "0f", count: 32)
    static let fingerprint =
        "a=fingerprint:sha-256 " + [String](repeating: "0F", count: 32).joined(separator: ":")
    static let head = "v=0\r\no=rtc 1 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    static let media = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"

    /// What is wrong with an SDP, and the SDP.
    static let refused: [(String, String)] = [
        ("is not an SDP", "garbage"),
        ("is not an SDP", ""),
        ("no data channels", Self.head + Self.fingerprint + "\r\n"),
        ("0 fingerprints", Self.head + Self.media),
        ("2 fingerprints", Self.head + Self.fingerprint + "\r\n" + Self.media + Self.fingerprint + "\r\n"),
        (
            "not a SHA-256",
            Self.head + Self.media + "a=fingerprint:sha-1 "
                + [String](repeating: "0F", count: 20).joined(separator: ":")
        ),
        ("not a SHA-256", Self.head + Self.media + Self.fingerprint + ":0F"),
        ("not a SHA-256", Self.head + Self.media + Self.fingerprint.dropLast(1)),
        ("not a SHA-256", Self.head + Self.media + Self.fingerprint.replacing("0F:0F:", with: "0FF:F:")),
        ("not a SHA-256", Self.head + Self.media + Self.fingerprint.replacing("0F:0F:", with: "0G:0F:")),
        (
            "at most 65536",
            Self.head + Self.media + Self.fingerprint + "\r\n" + String(repeating: "a=x\r\n", count: 13_312)
        ),
    ]

    @Test func `an SDP with one fingerprint is taken, whatever its case and line ends`() throws {
        for text in [
            Self.head + Self.media + Self.fingerprint,
            (Self.head + Self.fingerprint + "\r\n" + Self.media).replacing("\r\n", with: "\n"),
            Self.head + Self.media + Self.fingerprint.replacing("sha", with: "SHA").replacing("0F", with: "0f"),
        ] {
            #expect(try SessionDescription(text).fingerprint == Digest(hex: Self.hex))
        }
    }

    @Test func `an SDP of the full size is taken, one byte more is not`() throws {
        let text = Self.head + Self.media + Self.fingerprint + "\r\n"
        let filling = String(repeating: "x", count: SessionDescription.maximumSize - text.utf8.count)
        #expect(try SessionDescription(text + filling).text.utf8.count == SessionDescription.maximumSize)
        #expect(throws: RTCError.self) { try SessionDescription(text + filling + "x") }
    }

    @Test(arguments: Self.refused)
    func `a bad SDP is refused with a reason`(reason: String, sdp: String) {
        let error = #expect(throws: RTCError.self) { try SessionDescription(sdp) }
        #expect(error?.message.contains(reason) == true, "\(String(describing: error))")
    }

    @Test(arguments: Self.refused)
    func `a bad offer closes the connection that was to answer it`(reason: String, sdp: String) async throws {
        let peer = try Peer()
        peer.transport.answer(ConnectionID(1), offer: sdp)
        #expect(try await peer.end(of: ConnectionID(1)).contains(reason))
        peer.transport.shutdown()
        #expect(peer.recorder.log.closed[ConnectionID(1)]?.count == 1)
    }

    @Test(arguments: Self.refused)
    func `a bad answer closes the connection that waited for it`(reason: String, sdp: String) async throws {
        let peer = try Peer()
        peer.transport.offer(ConnectionID(1))
        _ = try await peer.description(of: ConnectionID(1))
        peer.transport.accept(ConnectionID(1), answer: sdp)
        #expect(try await peer.end(of: ConnectionID(1)).contains(reason))
        peer.transport.shutdown()
    }

    @Test func `an SDP that passes us but not the library closes the connection`() async throws {
        let peer = try Peer()
        peer.transport.answer(ConnectionID(1), offer: Self.head + Self.media + Self.fingerprint)
        _ = try await peer.end(of: ConnectionID(1))
        peer.transport.shutdown()
        #expect(peer.recorder.log.paths.isEmpty)
    }

    @Test func `a peer with another certificate than its SDP names does not get in`() async throws {
        let offerer = try Peer()
        let answerer = try Peer()
        let connection = ConnectionID(1)
        offerer.transport.offer(connection)
        answerer.transport.answer(connection, offer: try await offerer.description(of: connection))
        let lines = try await answerer.description(of: connection).split(whereSeparator: \.isNewline)
        let forged = lines.map { $0.hasPrefix("a=fingerprint:") ? Self.fingerprint : String($0) }
        offerer.transport.accept(connection, answer: forged.joined(separator: "\r\n") + "\r\n")
        _ = try await offerer.end(of: connection)
        offerer.transport.shutdown()
        answerer.transport.shutdown()
        #expect(offerer.recorder.log.paths.isEmpty)
    }
}
