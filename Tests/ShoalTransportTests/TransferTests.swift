import ShoalCore
import ShoalTransport
import ShoalWire
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1)))
struct TransferTests {
    /// 8 MiB each way: as many chunks as may be in line.
    @Test func `a full line of chunks arrives complete both ways, within the buffer's bound`() async throws {
        let pair = try await Pair()
        let peak = PeakBuffered()
        for peer in [pair.offerer, pair.answerer] {
            peer.recorder.onChunkSent.withLock { action in
                action = { [transport = peer.transport] _ in
                    transport.statistics(of: pair.connection) { peak.note($0) }
                }
            }
            for number in 0..<RTCLimits.queuedChunks {
                peer.transport.sendChunk(pair.connection, Peer.chunk(UInt8(number)), token: UInt64(number))
            }
            peer.transport.sendControl(pair.connection, [42])
        }
        let expected = (0..<RTCLimits.queuedChunks).flatMap { chunk in (0..<4).map { [UInt8(chunk), UInt8($0)] } }
        for peer in [pair.offerer, pair.answerer] {
            let frames = try await peer.recorder.wait { log in
                log.frames[pair.connection].flatMap { $0.count == expected.count ? $0 : nil }
            }
            let seen = frames.map { [UInt8]($0.prefix(2)) }.sorted { $0.lexicographicallyPrecedes($1) }
            #expect(seen == expected)
            let tokens = try await peer.recorder.wait { $0.tokens.count == RTCLimits.queuedChunks ? $0.tokens : nil }
            #expect(tokens == (0..<UInt64(RTCLimits.queuedChunks)).map(\.self))
            #expect(peer.recorder.log.badFrames == 0)
        }
        pair.shutdown()
        #expect(peak.value > 0)
        #expect(peak.value <= RTCLimits.bulkBuffer)
    }

    @Test func `control messages overtake chunks in line`() async throws {
        let pair = try await Pair()
        let chunks = (0..<RTCLimits.queuedChunks).map { Peer.chunk(UInt8($0)) }
        // Posted by the WebRTC thread itself, so that it finds them all at once.
        pair.offerer.transport.statistics(of: pair.connection) { [transport = pair.offerer.transport] _ in
            for chunk in chunks { transport.sendChunk(pair.connection, chunk, token: 0) }
            transport.sendControl(pair.connection, [42])
        }
        let framesBefore = try await pair.answerer.recorder.wait { $0.framesBeforeControl[pair.connection] }
        #expect(framesBefore < RTCLimits.queuedChunks * 4)
        pair.shutdown()
    }

    @Test(arguments: [1, 32_768, 32_769, 131_071])
    func `the last chunk of a shard has as many frames as it needs`(size: Int) async throws {
        let pair = try await Pair()
        pair.offerer.transport.sendChunk(pair.connection, Peer.chunk(9, size: size), token: 5)
        let count = (size + WireLimits.framePayload - 1) / WireLimits.framePayload
        let frames = try await pair.answerer.recorder.wait { log in
            log.frames[pair.connection].flatMap { $0.count == count ? $0 : nil }
        }
        #expect(frames.map { $0[1] }.sorted() == (0..<count).map { UInt8($0) })
        #expect(try await pair.offerer.recorder.wait { $0.tokens.first } == 5)
        let sent = await withCheckedContinuation { continuation in
            pair.offerer.transport.statistics(of: pair.connection) { continuation.resume(returning: $0) }
        }
        #expect(sent?.bytesSent == UInt64(size + count * WireLimits.frameHeader))
        #expect(sent?.queuedChunks == 0)
        pair.shutdown()
    }

    @Test func `a side that shuts down mid transfer ends the connection once on both`() async throws {
        let pair = try await Pair()
        let line = UInt64(RTCLimits.queuedChunks)
        // For each chunk that has gone another one: however late the end comes, it comes in the middle.
        pair.offerer.recorder.onChunkSent.withLock {
            $0 = { [transport = pair.offerer.transport, connection = pair.connection] token in
                transport.sendChunk(connection, Peer.chunk(1), token: token + line)
            }
        }
        for token in 0..<line { pair.offerer.transport.sendChunk(pair.connection, Peer.chunk(1), token: token) }
        _ = try await pair.answerer.recorder.wait { $0.frames[pair.connection] }
        pair.answerer.transport.shutdown()
        _ = try await pair.offerer.end(of: pair.connection)
        pair.offerer.transport.shutdown()
        for peer in [pair.offerer, pair.answerer] {
            #expect(peer.recorder.log.closed[pair.connection]?.count == 1)
            #expect(peer.recorder.log.disorder.isEmpty)
        }
        let tokens = pair.offerer.recorder.log.tokens
        #expect(Set(tokens).count == tokens.count)
    }

    @Test func `statistics of an unknown connection are none`() async throws {
        let peer = try Peer()
        let statistics = await withCheckedContinuation { continuation in
            peer.transport.statistics(of: ConnectionID(1)) { continuation.resume(returning: $0) }
        }
        #expect(statistics == nil)
        peer.transport.shutdown()
    }

    @Test func `a chunk beyond the line's bound is our own mistake`() async throws {
        await #expect(processExitsWith: .failure) {
            let pair = try await Pair()
            // One batch cannot drain in between: the chunks share a buffer, and are posted faster than they leave.
            let chunk = Peer.chunk(1)
            for token in 0..<UInt64(100 * RTCLimits.queuedChunks) {
                pair.offerer.transport.sendChunk(pair.connection, chunk, token: token)
            }
            _ = try await pair.offerer.end(of: pair.connection)
        }
    }

    @Test func `a control message beyond the limit is our own mistake`() async throws {
        await #expect(processExitsWith: .failure) {
            let peer = try Peer()
            peer.transport.sendControl(ConnectionID(1), [UInt8](repeating: 0, count: WireLimits.controlMessage + 1))
        }
    }
}

/// The most that `bulk` had buffered whenever anybody looked.
private final class PeakBuffered: Sendable {
    private let peak = Mutex(0)

    var value: Int { self.peak.withLock { $0 } }

    func note(_ statistics: RTCStatistics?) {
        guard let statistics else { return }
        self.peak.withLock { $0 = max($0, statistics.bulkBuffered) }
    }
}
