import Foundation
import NIOCore
import NIOPosix
import ShoalCore
import ShoalSwarm
import TestSupport
import Testing

@testable import ShoalSignaling

/// The server against clients that want too much of it.
@Suite(.timeLimit(.minutes(1)))
struct TrackerFloodTests {
    /// A masked WebSocket frame, with the mask 0.
    private func frame(_ first: UInt8, _ text: String) -> [UInt8] {
        let count = text.utf8.count
        let length = count < 126 ? [0x80 | UInt8(count)] : [0xFE, UInt8(count >> 8), UInt8(count & 255)]
        return [first] + length + [0, 0, 0, 0] + Array(text.utf8)
    }

    private func announce(_ peer: Int) throws -> String {
        String(decoding: try TrackerCodec.encode(.announce(Sample.announce(peer))), as: UTF8.self)
    }

    private func goodbye(_ reply: [UInt8]) -> Int {
        reply.suffix(4).prefix(2) == [0x88, 2] ? Int(reply[reply.count - 2]) << 8 | Int(reply[reply.count - 1]) : 0
    }

    @Test
    func `a flood of announces is refused, then shown out, and others are served`() async throws {
        try await withTracker { configuration in
            configuration.door.socketMessages = .init(perSecond: 1, burst: 5)
            configuration.door.refusals = .init(perSecond: 1, burst: 100)
        } _: { server in
            let flood = try (0..<200).flatMap { _ in self.frame(0x81, try self.announce(1)) }
            let reply = try await RawSocket.exchange(Array(RawSocket.handshake.utf8) + flood, with: server.url)
            let text = String(decoding: reply, as: UTF8.self)
            #expect(text.components(separatedBy: #""complete""#).count - 1 == 5)
            let refusals = text.components(separatedBy: "more than 1 messages a second").dropFirst()
            #expect((1...2).contains(refusals.count))
            #expect(text.contains(#""action":"announce","info_hash""#))
            #expect(self.goodbye(reply) == 1008)
            let other = try await TestClient.connected(to: server.url)
            #expect(try await other.exchange(.announce(Sample.announce(2))) == .message(Sample.announced(0, 1)))
            other.client.close()
        }
    }

    @Test
    func `a flood of pings is shown out`() async throws {
        try await withTracker { configuration in
            configuration.door.socketMessages = .init(perSecond: 1, burst: 5)
            configuration.door.refusals = .init(perSecond: 1, burst: 10)
        } _: { server in
            let flood = (0..<100).flatMap { _ in self.frame(0x89, "") }
            let reply = try await RawSocket.exchange(Array(RawSocket.handshake.utf8) + flood, with: server.url)
            #expect(self.goodbye(reply) == 1008)
            #expect(reply.suffix(14).prefix(10).elementsEqual((0..<5).flatMap { _ in [0x8A, 0] as [UInt8] }))
        }
    }

    @Test(arguments: ["a frame that never ends", "fragments that never end"], [true, false])
    func `a message that takes too long ends the connection`(kind: String, comesAlone: Bool) async throws {
        try await withTracker { configuration in
            configuration.messageTimeout = .milliseconds(100)
        } _: { server in
            let whole = self.frame(0x01, #"{"action":"#)
            let bytes = kind.hasPrefix("a frame") ? Array(whole.dropLast()) : whole + self.frame(0x89, "")
            let handshake = Array(RawSocket.handshake.utf8)
            let reply =
                if comesAlone {
                    try await RawSocket.exchange(handshake, then: bytes, with: server.url)
                } else {
                    try await RawSocket.exchange(handshake + self.frame(0x89, "") + bytes, with: server.url)
                }
            #expect(self.goodbye(reply) == 1008)
        }
    }

    @Test
    func `messages that are whole in time go on and on, however they are cut`() async throws {
        try await withTracker { configuration in
            configuration.door.maximumHeldBytes = 1000
        } _: { server in
            let message = self.frame(0x01, #"{"action":"#) + self.frame(0x89, "") + self.frame(0x80, "}")
            let many = (0..<100).flatMap { _ in message }
            let reply = try await RawSocket.exchange(
                Array(RawSocket.handshake.utf8),
                then: many + self.frame(0x88, ""),
                with: server.url
            )
            let failures = String(decoding: reply, as: UTF8.self).components(separatedBy: "failure reason").count - 1
            #expect(failures == 100)
            #expect(self.goodbye(reply) == 1000)
        }
    }

    @Test
    func `when too much of what is not whole is kept, who sent it makes room`() async throws {
        try await withTracker { configuration in
            configuration.door.maximumHeldBytes = 10_000
            configuration.messageTimeout = .seconds(3)
        } _: { server in
            let client = try await TestClient.connected(to: server.url)
            let half = Array(self.frame(0x81, String(repeating: "x", count: 4000)).dropLast())
            let goodbyes = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<3 {
                    let bytes = Array(RawSocket.handshake.utf8) + half
                    group.addTask { self.goodbye(try await RawSocket.exchange(bytes, with: server.url)) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            // Some make room, without a word. For the others it is too late in the end.
            #expect(Set(goodbyes) == [0, 1008])
            #expect(try await client.exchange(.announce(Sample.announce(1))) == .message(Sample.announced(0, 1)))
            client.client.close()
        }
    }

    @Test
    func `an address has so many connections`() async throws {
        try await withTracker { configuration in
            configuration.door.maximumSocketsPerAddress = 1
        } _: { server in
            let first = try await TestClient.connected(to: server.url)
            let reason = try await TestClient(server.url).reasonOfFailure()
            #expect(reason == "\(server.url) closed the connection during the handshake: is this the tracker's port?")
            #expect(try await first.exchange(.announce(Sample.announce(1))) == .message(Sample.announced(0, 1)))
            first.client.close()
        }
    }

    @Test
    func `who opens and closes a thousand times leaves nothing behind`() async throws {
        try await withTracker { configuration in
            configuration.door.connections = .init(perSecond: 10, burst: 2000)
        } _: { server in
            for _ in 0..<1000 {
                let channel = try await ClientBootstrap(group: loops.next())
                    .connect(host: server.url.host, port: server.url.port).get()
                try await channel.close()
            }
            let client = try await TestClient.connected(to: server.url)
            var page = ""
            while !page.contains(#"{"sockets":2,"#) {
                page = try await RawSocket.exchange("GET /stats.json HTTP/1.1\r\nHost: h\r\n\r\n", with: server.url)
            }
            client.client.close()
        }
    }
}
