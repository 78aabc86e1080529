import Dispatch
import NIOCore
import NIOPosix
import NIOWebSocket
import ShoalCore
import ShoalSwarm
import Testing

@testable import ShoalSignaling

/// The client against servers that are down, foreign, or mad.
@Suite(.timeLimit(.minutes(1)))
struct TrackerClientTests {
    @Test
    func `nobody listens`() async throws {
        let server = try await CannedServer(answer: "")
        try await server.close()
        let reason = try await TestClient(server.url).reasonOfFailure()
        #expect(reason == "connection refused by \(server.url): is the tracker running?")
    }

    @Test
    func `a name that does not exist`() async throws {
        let url = try TrackerURL("ws://tracker.invalid:8000")
        let reason = try await TestClient(url).reasonOfFailure()
        #expect(reason == "cannot find tracker.invalid: check the name in ws://tracker.invalid:8000 and the network")
    }

    @Test(arguments: [
        ("404 Not Found", "", "answered HTTP 404 Not Found instead of a WebSocket: check host and path"),
        ("200 OK", "", "answered HTTP 200 OK instead of a WebSocket: check host and path"),
        (
            "302 Found", "Location: https://h/\r\n",
            "answered HTTP 302 Found to https://h/ instead of a WebSocket: check host and path"
        ),
        (
            "101 Switching Protocols", "Upgrade: tea\r\nConnection: upgrade\r\n",
            "answered the WebSocket handshake wrongly: is this the tracker's port and path?"
        ),
        (
            "101 Switching Protocols", "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: x\r\n",
            "answered the WebSocket handshake wrongly: is this the tracker's port and path?"
        ),
    ])
    func `an HTTP server that is no tracker`(status: String, headers: String, reason: String) async throws {
        let server = try await CannedServer(answer: "HTTP/1.1 \(status)\r\n\(headers)Content-Length: 0\r\n\r\n")
        #expect(try await TestClient(server.url).reasonOfFailure() == "\(server.url) \(reason)")
        try await server.close()
    }

    @Test
    func `a server that does not speak HTTP`() async throws {
        let server = try await CannedServer(after: "", answer: "SSH-2.0-OpenSSH_9.2\r\n")
        let reason = try await TestClient(server.url).reasonOfFailure()
        #expect(reason == "\(server.url) does not speak HTTP: is this the tracker's port?")
        try await server.close()
    }

    @Test(arguments: ["", "\r\n\r\n"])
    func `a server that closes before the handshake is done`(trigger: String) async throws {
        let server = try await CannedServer(after: trigger, answer: "", closes: true)
        let reason = try await TestClient(server.url).reasonOfFailure()
        #expect(reason == "\(server.url) closed the connection during the handshake: is this the tracker's port?")
        try await server.close()
    }

    @Test
    func `a server that never answers`() async throws {
        let server = try await CannedServer(after: "never", answer: "")
        var configuration = TrackerClient.Configuration.patient
        configuration.upgradeTimeout = .milliseconds(50)
        let reason = try await TestClient(server.url, configuration: configuration).reasonOfFailure()
        #expect(reason == "no WebSocket handshake from \(server.url) within 0.05 seconds: is it a tracker?")
        try await server.close()
    }

    @Test
    func `garbage is reported and the connection goes on`() async throws {
        try await withWebSocketPeer { server, client in
            server.send(.text, Array("garbage".utf8))
            server.send(.binary, [1, 2, 3])
            server.send(.text, TrackerCodec.encode(.warning("after all")))
            try await client.events.expect(.malformed(reason: "message: no JSON: no value begins like this at byte 0"))
            try await client.events.expect(.message(.warning("after all")))
        }
    }

    @Test
    func `a warning and counts in one message are two events`() async throws {
        try await withWebSocketPeer { server, client in
            let text = #"{"action":"announce","warning message":"w","complete":1,"info_hash":"aaaabbbbccccddddeeee"}"#
            server.send(.text, Array(text.utf8))
            try await client.events.expect(.message(.warning("w")))
            let infoHash = try #require(InfoHash(bytes: Array("aaaabbbbccccddddeeee".utf8)))
            let statistics = TrackerStatistics(infoHash: infoHash, complete: 1, incomplete: 0)
            try await client.events.expect(.message(.announced(statistics)))
        }
    }

    @Test
    func `what the tracker wants to be told is told to it, of that swarm alone`() async throws {
        try await withWebSocketPeer { server, client in
            func announce(in swarm: Int) async throws -> String {
                try client.client.send(.announce(Sample.announce(1, in: swarm)))
                return String(decoding: try await server.frames.next().data, as: UTF8.self)
            }
            for trackerID in [String(repeating: "x", count: 257), "abc", nil] {
                let statistics = TrackerStatistics(
                    infoHash: Sample.infoHash(1),
                    complete: 1,
                    incomplete: 1,
                    trackerID: trackerID
                )
                server.send(.text, TrackerCodec.encode(.announced(statistics)))
                _ = try await client.events.next()
                let text = try await announce(in: 1)
                #expect(text.contains(#""trackerid":"abc""#) == (trackerID?.count != 257))
                #expect(try await !announce(in: 2).contains("trackerid"))
            }
        }
    }

    @Test
    func `pings are answered`() async throws {
        try await withWebSocketPeer { server, _ in
            server.send(.ping, [7, 8])
            try await server.frames.expect(.init(opcode: .pong, data: [7, 8]))
        }
    }

    @Test
    func `two pings without answer end the connection`() async throws {
        var configuration = TrackerClient.Configuration.patient
        configuration.pingInterval = .milliseconds(20)
        try await withWebSocketPeer(configuration) { server, client in
            try await server.frames.expect(.init(opcode: .ping, data: []))
            try await server.frames.expect(.init(opcode: .ping, data: []))
            try await client.events.expect(.closed(reason: "\(client.client.url) does not answer pings any more"))
            #expect(server.frames.rest == [])
        }
    }

    @Test
    func `answered pings keep the connection`() async throws {
        var configuration = TrackerClient.Configuration.patient
        configuration.pingInterval = .milliseconds(400)
        try await withWebSocketPeer(configuration, answersPings: true) { server, client in
            for _ in 0..<4 { try await server.frames.expect(.init(opcode: .ping, data: [])) }
            #expect(client.events.rest == [])
        }
    }

    @Test
    func `a goodbye is answered and told`() async throws {
        try await withWebSocketPeer { server, client in
            server.send(.connectionClose, [0x03, 0xF4] + Array("full\u{1B}".utf8))
            try await server.frames.expect(.init(opcode: .connectionClose, data: [0x03, 0xF4]))
            try await client.events.expect(
                .closed(reason: "\(client.client.url) closed the connection (code 1012, full\u{FFFD})")
            )
        }
    }

    @Test
    func `a connection that is cut is told`() async throws {
        try await withWebSocketPeer { server, client in
            server.cut()
            try await client.events.expect(.closed(reason: "lost the connection to \(client.client.url)"))
        }
    }

    @Test(arguments: [-1, 0, 1])
    func `a message of the tracker has a bound`(excess: Int) async throws {
        try await withWebSocketPeer { server, client in
            let text = TrackerCodec.encode(.warning("long"))
            let padding = [UInt8](repeating: 0x20, count: TrackerCodec.maximumMessageSize - text.count + excess)
            server.send(.text, text + padding)
            if excess > 0 {
                try await client.events.expect(
                    .closed(reason: "\(client.client.url) broke the WebSocket protocol: a frame is too large")
                )
            } else {
                try await client.events.expect(.message(.warning("long")))
            }
        }
    }

    @Test
    func `a tracker that does not read is given up when 1 MiB waits in the channel`() async throws {
        let loop = loops.next()
        try await withWebSocketPeer(group: loop) { server, client in
            server.stopReading()
            let sdp = String(repeating: "a", count: 60_000)
            let announce = Sample.announce(1, offers: (0..<4).map { Sample.offer($0, sdp: sdp) })
            // Until the system's own buffers are full and then ours.
            while client.events.rest.isEmpty {
                try client.client.send(.announce(announce))
                try await loop.submit {}.get()
            }
            try await client.events.expect(self.outboundFull(client))
        }
    }

    @Test
    func `what waits for a busy loop has a bound`() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let request = TrackerRequest.announce(
            Sample.announce(1, offers: [Sample.offer(1, sdp: String(repeating: "a", count: 65_000))])
        )
        let text = try TrackerCodec.encode(request)
        let limit = 1_048_576 / text.count
        let frames = WebSocketLimits.frames(of: text, isClient: true).count
        for count in [limit, limit + 1] {
            try await withWebSocketPeer(group: group) { server, client in
                let busy = DispatchSemaphore(value: 0)
                group.next().execute { busy.wait() }
                for _ in 0..<count { try client.client.send(request) }
                busy.signal()
                if count > limit {
                    try await client.events.expect(self.outboundFull(client))
                } else {
                    for _ in 0..<count * frames { _ = try await server.frames.next() }
                    #expect(client.events.rest == [])
                }
            }
        }
        try await group.shutdownGracefully()
    }

    private func outboundFull(_ client: TestClient) -> TrackerClient.Event {
        .closed(reason: "\(client.client.url) does not take what this node sends: more than 1 MiB is waiting")
    }

    @Test
    func `a request beyond the limits is refused where it is made`() async throws {
        let client = try TestClient(try TrackerURL("ws://127.0.0.1:9"))
        let announce = Sample.announce(1, offers: (0..<83).map { Sample.offer($0) })
        #expect(throws: TrackerCodecError.self) { try client.client.send(.announce(announce)) }
    }

    @Test
    func `an authority file that cannot be read is told at once`() throws {
        var configuration = TrackerClient.Configuration.patient
        configuration.authorityFile = "/nonexistent/authority.pem"
        let url = try TrackerURL("wss://127.0.0.1:9")
        let error = #expect(throws: SignalingError.self) { try TestClient(url, configuration: configuration) }
        #expect(error?.code == .invalidCertificate)
        #expect(error?.message.hasPrefix("cannot read certificates in PEM from /nonexistent/authority.pem: ") == true)
    }
}
