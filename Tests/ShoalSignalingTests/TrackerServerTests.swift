import Foundation
import NIOCore
import NIOPosix
import ShoalCore
import ShoalSwarm
import TestSupport
import Testing

@testable import ShoalSignaling

/// The server against clients that are foreign, or mad.
@Suite(.timeLimit(.minutes(1)))
struct TrackerServerTests {
    @Test
    func `garbage is answered with a failure that has an action, and the socket goes on`() async throws {
        try await withTracker { server in
            let socket = try await TestSocket(to: server.url)
            #expect(
                try await socket.exchange("garbage")
                    == .message(
                        .failure(reason: "message: no JSON: no value begins like this at byte 0", infoHash: nil)
                    )
            )
            let hash = #""info_hash":"aaaabbbbccccddddeeee""#
            let infoHash = try #require(InfoHash(bytes: Array("aaaabbbbccccddddeeee".utf8)))
            #expect(
                try await socket.exchange(#"{"action":"announce",\#(hash)}"#)
                    == .message(.failure(reason: "peer_id: is missing", infoHash: infoHash))
            )
            let statistics = TrackerStatistics(infoHash: infoHash, complete: 0, incomplete: 1, interval: .seconds(30))
            #expect(
                try await socket.exchange(
                    #"{"action":"announce",\#(hash),"peer_id":"aaaabbbbccccddddeeee","offers":[null]}"#
                )
                    == .message(.announced(statistics))
            )
            socket.close()
        }
    }

    @Test(arguments: [0, 1])
    func `a message has a bound`(excess: Int) async throws {
        try await withTracker { server in
            let socket = try await TestSocket(to: server.url)
            let text = #"{"action":"scrape","info_hash":[]}"#
            let padding = String(repeating: " ", count: TrackerCodec.maximumMessageSize - text.utf8.count + excess)
            let expected =
                excess > 0
                ? TrackerClient.Event.closed(reason: "\(server.url) closed the connection (code 1009)")
                : .message(.scraped([:]))
            #expect(try await socket.exchange(text + padding) == expected)
            socket.close()
        }
    }

    /// A masked text frame of `count` spaces, with the mask 0.
    private func frame(_ count: Int) -> [UInt8] {
        [0x81, 0xFF] + (0..<8).reversed().map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } + [0, 0, 0, 0]
            + [UInt8](repeating: 0x20, count: count)
    }

    @Test(arguments: [65_536, 65_537])
    func `a frame has a bound`(count: Int) async throws {
        try await withTracker { configuration in
            configuration.idleTimeout = .seconds(2)
        } _: { server in
            let request = Array(RawSocket.handshake.utf8) + self.frame(count)
            let reply = try await RawSocket.exchange(request, with: server.url)
            let text = String(decoding: reply, as: UTF8.self)
            #expect(text.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
            #expect(text.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
            #expect(text.contains("failure reason") == (count == 65_536))
            // The codes of goodbye: 1001 because it was idle, 1009 because of the frame.
            #expect(Array(reply.suffix(4)) == [0x88, 2, 0x03, count == 65_536 ? 0xE9 : 0xF1])
        }
    }

    @Test
    func `what is no frame ends the connection`() async throws {
        try await withTracker { server in
            // A ping in two fragments.
            let request = Array(RawSocket.handshake.utf8) + [0x09, 0x80, 0, 0, 0, 0]
            let reply = try await RawSocket.exchange(request, with: server.url)
            #expect(Array(reply.suffix(4)) == [0x88, 2, 0x03, 0xEA])
        }
    }

    @Test
    func `an idle socket is closed and its peers are gone`() async throws {
        try await withTracker { configuration in
            configuration.idleTimeout = .seconds(2)
        } _: { server in
            let client = try await TestClient.connected(to: server.url)
            #expect(try await client.exchange(.announce(Sample.announce(1))) == .message(Sample.announced(0, 1)))
            try await client.events.expect(.closed(reason: "\(server.url) closed the connection (code 1001)"))
            client.client.connect()
            try await client.events.expect(.connected)
            #expect(try await client.exchange(.announce(Sample.announce(2))) == .message(Sample.announced(0, 1)))
            client.client.close()
        }
    }

    @Test
    func `who says nothing at all is closed`() async throws {
        try await withTracker { configuration in
            configuration.handshakeTimeout = .milliseconds(50)
        } _: { server in
            let reply = try await RawSocket.exchange("", with: server.url)
            #expect(reply == "")
        }
    }

    @Test
    func `a connection too many is closed`() async throws {
        try await withTracker { configuration in
            configuration.registry.maximumSockets = 1
        } _: { server in
            let first = try await TestClient.connected(to: server.url)
            let reason = try await TestClient(server.url).reasonOfFailure()
            #expect(reason == "\(server.url) closed the connection during the handshake: is this the tracker's port?")
            #expect(try await first.exchange(.announce(Sample.announce(1))) == .message(Sample.announced(0, 1)))
            first.client.close()
        }
    }

    @Test
    func `a client that does not read is given up when 1 MiB waits`() async throws {
        try await withTracker { server in
            let deaf = try await ClientBootstrap(group: loops.next())
                .channelOption(.autoRead, value: false)
                .channelOption(.socketOption(.so_rcvbuf), value: 4096)
                .connect(host: server.url.host, port: server.url.port).get()
            let text = try TrackerCodec.encode(.announce(Sample.announce(1)))
            let announce = [0x81, 0xFE, UInt8(text.count >> 8), UInt8(text.count & 255), 0, 0, 0, 0] + text
            try await deaf.writeAndFlush(ByteBuffer(bytes: Array(RawSocket.handshake.utf8) + announce))

            // 60 KB for the deaf one with each announce, more than all buffers on the way hold. Its socket is closed
            // when the counts say that it has left.
            let client = try await TestClient.connected(to: server.url)
            let offers = [Sample.offer(1, sdp: String(repeating: "a", count: 60_000))]
            var hasBeenSeen = false
            for _ in 0..<1000 {
                let event = try await client.exchange(.announce(Sample.announce(2, offers: offers)))
                if event == .message(Sample.announced(0, 2)) { hasBeenSeen = true }
                if hasBeenSeen, event == .message(Sample.announced(0, 1)) { break }
            }
            #expect(hasBeenSeen)
            #expect(try await client.exchange(.announce(Sample.announce(2))) == .message(Sample.announced(0, 1)))
            client.client.close()
            try await deaf.close()
        }
    }

    @Test(arguments: [
        ("GET / HTTP/1.1", "200 OK", "<h1>A Shoal tracker</h1>"),
        ("GET /announce?x=1 HTTP/1.1", "200 OK", "<td>of them with everything<td class=n>1\n"),
        ("GET /stats HTTP/1.1", "200 OK", "<td>connections<td class=n>2\n"),
        (
            "GET /stats.json HTTP/1.1", "200 OK",
            #"{"sockets":2,"swarms":1,"peers":1,"seeders":1,"leechers":0,"announces":1,"scrapes":0,"#
        ),
        ("GET /etc/passwd HTTP/1.1", "404 Not Found", "Not found."),
        ("POST / HTTP/1.1", "404 Not Found", "Not found."),
        ("GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade", "400 Bad Request", "no WebSocket handshake"),
    ])
    func `plain HTTP gets a page`(request: String, status: String, body: String) async throws {
        try await withTracker { server in
            let client = try await TestClient.connected(to: server.url)
            _ = try await client.exchange(.announce(Sample.announce(1, left: 0)))
            let reply = try await RawSocket.exchange("\(request)\r\nHost: h\r\n\r\n", with: server.url)
            #expect(reply.hasPrefix("HTTP/1.1 \(status)\r\n"))
            #expect(reply.contains(body))
            client.client.close()
        }
    }

    @Test
    func `what is no HTTP gets 400`() async throws {
        try await withTracker { configuration in
            configuration.handshakeTimeout = .seconds(1)
        } _: { server in
            let reply = try await RawSocket.exchange("hello\r\n\r\n", with: server.url)
            #expect(reply.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
        }
    }

    @Test
    func `a port that is taken is told`() async throws {
        try await withTracker { server in
            var configuration = TrackerServer.Configuration()
            configuration.listen = server.url.authority
            let error = await #expect(throws: SignalingError.self) {
                try await TrackerServer.start(configuration, group: loops)
            }
            #expect(error?.code == .cannotListen)
            #expect(error?.message.hasPrefix("cannot listen on \(server.url.authority): ") == true)
        }
    }

    @Test
    func `files that are no certificate, or do not fit, are told`() async throws {
        try await TestCertificates.withFiles { files, _, strangerKey in
            let broken = [
                (
                    TLSFiles(certificateFile: "/nonexistent", keyFile: files.keyFile),
                    "cannot read certificates in PEM from /nonexistent"
                ),
                (
                    TLSFiles(certificateFile: files.keyFile, keyFile: files.keyFile),
                    "cannot read certificates in PEM from \(files.keyFile)"
                ),
                (
                    TLSFiles(certificateFile: files.certificateFile, keyFile: "/nonexistent"),
                    "cannot read a private key in PEM from /nonexistent"
                ),
                (
                    TLSFiles(certificateFile: files.certificateFile, keyFile: strangerKey),
                    "the key in \(strangerKey) does not fit"
                ),
            ]
            for (files, message) in broken {
                var configuration = TrackerServer.Configuration()
                configuration.tls = files
                let error = await #expect(throws: SignalingError.self) {
                    try await TrackerServer.start(configuration, group: loops)
                }
                #expect(error?.code == .invalidCertificate)
                #expect(error?.message.hasPrefix(message) == true, "\(error?.message ?? "nothing")")
            }
        }
    }
}
