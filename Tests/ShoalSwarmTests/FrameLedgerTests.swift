import ShoalCore
import ShoalSwarm
import ShoalWire
import Testing

@Suite struct FrameLedgerTests {
    private static let connection = ConnectionID(3)
    private static let swarm = SwarmHandle(1)
    /// Two chunks and 40,000 bytes: the last chunk has two frames, the second of them short.
    private static let shardSize = 2 * Cutting.chunkSize + 40_000

    private func ledger(first: Int = 0, count: UInt16 = 3) -> FrameLedger {
        var ledger = FrameLedger(connection: Self.connection)
        let isExpected = ledger.expect(
            self.request(1, first: first, count: count),
            swarm: Self.swarm,
            shardSize: Self.shardSize,
            slots: Array(10..<10 + Int(count))
        )
        #expect(isExpected)
        return ledger
    }

    private func request(_ id: UInt32, first: Int, count: UInt16) -> ChunkRequest {
        ChunkRequest(
            id: id,
            shard: ShardIndex(5),
            first: ChunkIndex(first),
            count: count,
            priority: .background,
            deadline: 0
        )
    }

    private func header(_ chunk: Int, _ frame: Int, request: UInt32 = 1) -> FrameHeader {
        FrameHeader(
            handle: 1,
            request: request,
            chunk: ChunkIndex(chunk),
            offset: UInt32(frame * WireLimits.framePayload)
        )
    }

    private func receipt(_ chunk: Int) -> ChunkReceipt {
        ChunkReceipt(
            connection: Self.connection,
            request: 1,
            swarm: Self.swarm,
            shard: ShardIndex(5),
            chunk: ChunkIndex(chunk)
        )
    }

    @Test func `frames go to their place, in any order, and the last one completes the chunk`() {
        var ledger = self.ledger()
        for (frame, completes) in [(2, false), (0, false), (3, false), (1, true)] {
            #expect(
                ledger.accept(self.header(1, frame), payload: WireLimits.framePayload)
                    == .copy(slot: 11, offset: frame * WireLimits.framePayload, completesChunk: completes)
            )
        }
    }

    @Test func `the last chunk of a shard is shorter`() {
        var ledger = self.ledger()
        #expect(ledger.accept(self.header(2, 0), payload: 32_768) == .copy(slot: 12, offset: 0, completesChunk: false))
        #expect(
            ledger.accept(self.header(2, 1), payload: 7_232) == .copy(slot: 12, offset: 32_768, completesChunk: true)
        )
    }

    @Test func `a frame of a direct lane goes to its place part by part, and counts with the last one`() {
        var ledger = self.ledger()
        let size = Cutting.chunkSize
        for (part, completes) in [(0..<16_000, false), (16_000..<size, true)] {
            #expect(
                ledger.accept(self.header(1, 0), payload: size, part: part)
                    == .copy(slot: 11, offset: part.lowerBound, completesChunk: completes)
            )
        }
        #expect(ledger.accept(self.header(1, 2), payload: WireLimits.framePayload) == .malformed)
        #expect(ledger.take(self.receipt(1)) == 11)
    }

    @Test func `what a direct lane began the bulk channel finishes, and the other way round`() {
        var ledger = self.ledger()
        // Half of it came, and the lane was gone.
        _ = ledger.accept(self.header(0, 0), payload: Cutting.chunkSize, part: 0..<70_000)
        for frame in 0..<3 { _ = ledger.accept(self.header(0, frame), payload: WireLimits.framePayload) }
        let rest = Cutting.chunkSize - 3 * WireLimits.framePayload
        #expect(
            ledger.accept(self.header(0, 3), payload: rest, part: 0..<rest)
                == .copy(slot: 10, offset: 3 * WireLimits.framePayload, completesChunk: true)
        )
    }

    @Test(arguments: [1, 32_768, 131_071]) func `a frame of a direct lane goes to the end of its chunk`(payload: Int) {
        var ledger = self.ledger()
        #expect(ledger.accept(self.header(0, 0), payload: payload, part: 0..<payload) == .malformed)
    }

    @Test func `frames of a direct lane count as those that they stand for`() {
        var ledger = self.ledger()
        _ = ledger.accept(self.header(0, 0), payload: Cutting.chunkSize, part: 0..<Cutting.chunkSize)
        // The chunk that came is waited for by whoever takes it.
        #expect(ledger.settle(1, framesSent: 4).map(\.slot) == [11, 12])
    }

    @Test(arguments: [7_231, 7_233, 32_768]) func `a frame of the wrong length is malformed`(length: Int) {
        var ledger = self.ledger()
        #expect(ledger.accept(self.header(2, 1), payload: length) == .malformed)
    }

    @Test func `a frame behind the end of its chunk, of another chunk, or sent twice is malformed`() {
        var ledger = self.ledger(first: 1, count: 2)
        #expect(ledger.accept(self.header(2, 2), payload: 100) == .malformed)
        #expect(ledger.accept(self.header(0, 0), payload: 32_768) == .malformed)
        #expect(ledger.accept(self.header(3, 0), payload: 32_768) == .malformed)
        _ = ledger.accept(self.header(1, 0), payload: 32_768)
        #expect(ledger.accept(self.header(1, 0), payload: 32_768) == .malformed)
    }

    @Test(arguments: [0, 2, UInt32.max]) func `a frame of a request that never was is stray`(request: UInt32) {
        var ledger = self.ledger()
        #expect(ledger.accept(self.header(0, 0, request: request), payload: 32_768) == .stray)
    }

    @Test func `a discarded request gives its room back, and its frames are late`() {
        var ledger = self.ledger()
        _ = ledger.accept(self.header(0, 0), payload: 32_768)
        #expect(ledger.discard(1).map(\.slot) == [10, 11, 12])
        #expect(ledger.accept(self.header(0, 1), payload: 32_768) == .late)
        #expect(ledger.discard(1).isEmpty)
    }

    @Test func `a taken chunk belongs to the taker, once`() {
        var ledger = self.ledger()
        #expect(ledger.take(self.receipt(0)) == nil)
        for frame in 0..<4 { _ = ledger.accept(self.header(0, frame), payload: 32_768) }
        #expect(ledger.take(self.receipt(0)) == 10)
        #expect(ledger.take(self.receipt(0)) == nil)
        #expect(ledger.discard(1).map(\.slot) == [11, 12])
    }

    @Test func `a settled request keeps its room until the frames that were sent are there`() {
        var ledger = self.ledger()
        _ = ledger.accept(self.header(0, 0), payload: 32_768)
        #expect(ledger.settle(1, framesSent: 4).isEmpty)
        for frame in 1...2 {
            _ = ledger.accept(self.header(0, frame), payload: 32_768)
            #expect(ledger.settledByFrame(1).isEmpty)
        }
        _ = ledger.accept(self.header(0, 3), payload: 32_768)
        // The whole chunk is still there for the taker.
        #expect(ledger.settledByFrame(1).map(\.slot) == [11, 12])
        #expect(ledger.take(self.receipt(0)) == 10)
    }

    @Test func `a request that is settled with nothing sent is over at once`() {
        var ledger = self.ledger()
        #expect(ledger.settle(1, framesSent: 0).map(\.receipt) == [0, 1, 2].map(self.receipt))
        #expect(ledger.accept(self.header(0, 0), payload: 32_768) == .late)
    }

    @Test func `a closed ledger gives everything back and takes nothing more`() {
        var ledger = self.ledger()
        #expect(ledger.closed().map(\.slot) == [10, 11, 12])
        let isExpected = ledger.expect(
            self.request(2, first: 0, count: 1),
            swarm: Self.swarm,
            shardSize: Self.shardSize,
            slots: [1]
        )
        #expect(!isExpected)
    }
}
