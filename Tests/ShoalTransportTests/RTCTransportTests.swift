import Foundation
import ShoalCore
import ShoalSwarm
import ShoalTransport
import ShoalWire
import Testing

@Suite(.timeLimit(.minutes(1)))
struct RTCTransportTests {
    @Test func `two transports connect through their SDPs and agree on who they are`() async throws {
        let pair = try await Pair()
        let ours = try await pair.offerer.path(of: pair.connection)
        let theirs = try await pair.answerer.path(of: pair.connection)
        #expect(ours.peer.role == .initiator)
        #expect(theirs.peer.role == .responder)
        #expect(ours.peer.localFingerprint == pair.offerer.transport.certificate.fingerprint)
        #expect(ours.peer.remoteFingerprint == pair.answerer.transport.certificate.fingerprint)
        #expect(theirs.peer.localFingerprint == ours.peer.remoteFingerprint)
        #expect(theirs.peer.remoteFingerprint == ours.peer.localFingerprint)
        #expect(ours.localCandidate.contains(" 127.0.0.1 "))
        #expect(!ours.isRelayed)
        pair.shutdown()
    }

    @Test func `a bind address gives exactly that candidate`() async throws {
        let peer = try Peer()
        peer.transport.offer(ConnectionID(1))
        let sdp = try await peer.description(of: ConnectionID(1))
        let candidates = sdp.split(whereSeparator: \.isNewline).filter { $0.hasPrefix("a=candidate:") }
        #expect(candidates.count == 1)
        #expect(candidates.allSatisfy { $0.contains(" 127.0.0.1 ") })
        peer.transport.shutdown()
    }

    @Test func `control messages arrive in order both ways`() async throws {
        let pair = try await Pair()
        let messages = (0..<500).map { [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: $0) }
        for message in messages {
            pair.offerer.transport.sendControl(pair.connection, message)
            pair.answerer.transport.sendControl(pair.connection, message)
        }
        for peer in [pair.offerer, pair.answerer] {
            let arrived = try await peer.recorder.wait { log in
                log.control[pair.connection].flatMap { $0.count == messages.count ? $0 : nil }
            }
            #expect(arrived == messages)
        }
        pair.shutdown()
    }

    @Test func `a control message of the full length passes`() async throws {
        let pair = try await Pair()
        let message = [UInt8](repeating: 7, count: WireLimits.controlMessage)
        pair.offerer.transport.sendControl(pair.connection, message)
        let arrived = try await pair.answerer.recorder.wait { $0.control[pair.connection]?.first }
        #expect(arrived == message)
        pair.shutdown()
    }

    @Test func `a close is seen by both sides once, and what was sent before arrives`() async throws {
        let pair = try await Pair()
        pair.offerer.transport.sendControl(pair.connection, [1, 2, 3])
        pair.offerer.transport.close(pair.connection, reason: "enough")
        pair.offerer.transport.close(pair.connection, reason: "again")
        #expect(try await pair.offerer.end(of: pair.connection) == "enough")
        #expect(try await pair.answerer.end(of: pair.connection).contains("the peer closed"))
        pair.shutdown()
        #expect(pair.answerer.recorder.log.control[pair.connection] == [[1, 2, 3]])
        for peer in [pair.offerer, pair.answerer] {
            #expect(peer.recorder.log.closed[pair.connection]?.count == 1)
            #expect(peer.recorder.log.disorder.isEmpty)
        }
    }

    @Test func `an offer that is closed ends once`() async throws {
        let peer = try Peer()
        peer.transport.offer(ConnectionID(1))
        peer.transport.close(ConnectionID(1), reason: "nobody answered")
        #expect(try await peer.end(of: ConnectionID(1)) == "nobody answered")
        peer.transport.shutdown()
        #expect(peer.recorder.log.closed[ConnectionID(1)] == ["nobody answered"])
    }

    @Test func `orders for unknown connections are ignored`() async throws {
        let pair = try await Pair()
        let stranger = ConnectionID(99)
        let answer = try await pair.answerer.description(of: pair.connection)
        pair.offerer.transport.accept(stranger, answer: answer)
        pair.offerer.transport.accept(pair.connection, answer: "a second answer, which nobody waits for")
        pair.offerer.transport.sendControl(stranger, [1])
        pair.offerer.transport.close(stranger, reason: "unknown")
        pair.offerer.transport.sendControl(pair.connection, [2])
        #expect(try await pair.answerer.recorder.wait { $0.control[pair.connection]?.first } == [2])
        #expect(pair.offerer.recorder.log.closed.isEmpty)
        pair.shutdown()
    }

    @Test func `shutdown returns with live connections and reports each as closed`() async throws {
        let pair = try await Pair()
        try await pair.connect(ConnectionID(2))
        pair.offerer.transport.offer(ConnectionID(3))
        pair.offerer.transport.shutdown()
        let closed = pair.offerer.recorder.log.closed
        #expect(closed.keys.sorted() == [ConnectionID(1), ConnectionID(2), ConnectionID(3)])
        #expect(closed.values.allSatisfy { $0.count == 1 })
        _ = try await pair.answerer.end(of: ConnectionID(1))
        _ = try await pair.answerer.end(of: ConnectionID(2))
        pair.answerer.transport.shutdown()
        pair.answerer.transport.shutdown()
    }

    @Test func `connections beyond the limit are closed with a reason`() async throws {
        let peer = try Peer { $0.maximumConnections = 2 }
        for number in 1...3 { peer.transport.offer(ConnectionID(UInt64(number))) }
        #expect(try await peer.end(of: ConnectionID(3)).contains("too many connections"))
        _ = try await peer.description(of: ConnectionID(1))
        _ = try await peer.description(of: ConnectionID(2))
        peer.transport.close(ConnectionID(1), reason: "room")
        _ = try await peer.end(of: ConnectionID(1))
        peer.transport.offer(ConnectionID(4))
        _ = try await peer.description(of: ConnectionID(4))
        peer.transport.shutdown()
    }

    @Test func `a connection that does not open in time is closed`() async throws {
        let offerer = try Peer()
        let answerer = try Peer { $0.openingLimit = .milliseconds(50) }
        let connection = ConnectionID(1)
        offerer.transport.offer(connection)
        answerer.transport.answer(connection, offer: try await offerer.description(of: connection))
        #expect(try await answerer.end(of: connection).contains("did not open"))
        offerer.transport.shutdown()
        answerer.transport.shutdown()
    }

    @Test func `a silent STUN server delays an offer no longer than the limit`() async throws {
        let silence = try SilentSocket()
        let peer = try Peer {
            $0.gatheringLimit = .milliseconds(50)
            $0.iceServers = ["stun:127.0.0.1:\(silence.port)"]
        }
        let clock = ContinuousClock()
        let start = clock.now
        peer.transport.offer(ConnectionID(1))
        let sdp = try await peer.description(of: ConnectionID(1))
        // The library alone would wait for 23.5 s.
        #expect(clock.now - start < .seconds(15))
        #expect(sdp.contains("127.0.0.1"))
        peer.transport.shutdown()
    }
}

/// A UDP socket on loopback that never answers.
private final class SilentSocket {
    let port: UInt16
    private let descriptor: Int32

    init() throws {
        self.descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = self.descriptor
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        self.port = UInt16(bigEndian: address.sin_port)
        try #require(result)
    }

    deinit { close(self.descriptor) }
}
