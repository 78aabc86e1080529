import ShoalCore
import ShoalWire
import Testing

@testable import ShoalSwarm

@Suite struct UploadSchedulerTests {
    private static let shard = ShardOfSwarm(swarm: SwarmHandle(1), shard: ShardIndex(0))
    private static let shardSize = 16 * Cutting.chunkSize
    private static let now = Instant.zero + .seconds(4)

    private func scheduler(slots: Int = 2, atOnce: Int = 8, each: Int = 2) -> UploadScheduler {
        var configuration = MeshConfiguration()
        configuration.uploadSlots = slots...slots
        configuration.servesAtOnce = atOnce
        configuration.servesAtOncePerPeer = each
        return UploadScheduler(configuration: configuration, at: .zero)
    }

    @discardableResult
    private func ask(
        _ scheduler: inout UploadScheduler,
        _ peer: UInt64,
        _ id: UInt32,
        count: UInt16 = 4,
        priority: Priority = .background,
        isSeeding: Bool = false,
        at now: Instant = Self.now
    ) -> Rejection.Reason? {
        let request = ChunkRequest(
            id: id,
            shard: ShardIndex(0),
            first: ChunkIndex(0),
            count: count,
            priority: priority,
            deadline: 0
        )
        return scheduler.add(
            request,
            of: Self.shard,
            shardSize: Self.shardSize,
            from: ConnectionID(peer),
            queueLimit: 3,
            isSeeding: isSeeding,
            at: now
        )
    }

    private func serve(_ scheduler: inout UploadScheduler, _ peer: UInt64, _ id: UInt32, _ chunk: Int) -> Rejection? {
        scheduler.served(ConnectionID(peer), request: id, chunk: ChunkIndex(chunk), succeeded: true, at: Self.now)
    }

    @Test func `peers are served in turn, two chunks each at once`() {
        var scheduler = self.scheduler()
        self.ask(&scheduler, 1, 1)
        self.ask(&scheduler, 2, 1)
        let serves = scheduler.nextServes(at: .zero)
        #expect(serves.map(\.connection.rawValue) == [1, 2, 1, 2])
        #expect(serves.map(\.chunk.rawValue) == [0, 0, 1, 1])
        #expect(scheduler.nextServes(at: .zero).isEmpty)
        #expect(self.serve(&scheduler, 2, 1, 0) == nil)
        #expect(scheduler.nextServes(at: .zero).map(\.connection.rawValue) == [2])
    }

    @Test func `an urgent request overtakes at the next chunk`() {
        var scheduler = self.scheduler(each: 1)
        self.ask(&scheduler, 1, 1)
        #expect(scheduler.nextServes(at: .zero).map(\.request) == [1])
        self.ask(&scheduler, 1, 2, count: 1, priority: .critical)
        _ = self.serve(&scheduler, 1, 1, 0)
        #expect(scheduler.nextServes(at: .zero).map(\.request) == [2])
        _ = self.serve(&scheduler, 1, 2, 0)
        #expect(scheduler.nextServes(at: .zero).map(\.request) == [1])
    }

    @Test func `a peer beyond the slots is busy until one is free`() {
        var scheduler = self.scheduler(slots: 1)
        #expect(self.ask(&scheduler, 1, 1, count: 1) == nil)
        #expect(self.ask(&scheduler, 2, 1) == .busy)
        _ = scheduler.nextServes(at: .zero)
        _ = self.serve(&scheduler, 1, 1, 0)
        #expect(self.ask(&scheduler, 2, 2) == .busy)
        scheduler.acknowledged(ConnectionID(1), chunks: 1, at: .zero)
        #expect(self.ask(&scheduler, 2, 3) == nil)
    }

    @Test func `who acknowledges nothing loses the slot 5 s after the last frame`() {
        var scheduler = self.scheduler(slots: 1)
        self.ask(&scheduler, 1, 1, count: 1)
        _ = scheduler.nextServes(at: .zero)
        _ = self.serve(&scheduler, 1, 1, 0)
        #expect(self.ask(&scheduler, 2, 1, at: Self.now + .milliseconds(4_999)) == .busy)
        #expect(self.ask(&scheduler, 2, 2, at: Self.now + .seconds(5)) == nil)
    }

    @Test func `requests beyond what hello promises are refused`() {
        var scheduler = self.scheduler()
        #expect((1...4).map { self.ask(&scheduler, 1, $0) } == [nil, nil, nil, .limit])
    }

    @Test func `a cancelled request ends in a reject that counts its frames, after what is under way`() {
        var scheduler = self.scheduler()
        self.ask(&scheduler, 1, 1)
        _ = scheduler.nextServes(at: .zero)
        #expect(scheduler.cancel(ConnectionID(1), request: 1) == nil)
        #expect(scheduler.nextServes(at: .zero).isEmpty)
        #expect(self.serve(&scheduler, 1, 1, 0) == nil)
        #expect(self.serve(&scheduler, 1, 1, 1) == Rejection(id: 1, reason: .cancelled, framesSent: 8))
        #expect(scheduler.cancel(ConnectionID(1), request: 1) == nil)
    }

    @Test func `a request that is cancelled when its last frame is out ends without a reject`() {
        var scheduler = self.scheduler()
        self.ask(&scheduler, 1, 1, count: 1)
        _ = scheduler.nextServes(at: .zero)
        #expect(scheduler.cancel(ConnectionID(1), request: 1) == nil)
        #expect(self.serve(&scheduler, 1, 1, 0) == nil)
        #expect(!scheduler.isServing(ConnectionID(1)))
    }

    @Test func `a chunk that cannot be read ends its request as missing`() {
        var scheduler = self.scheduler(each: 1)
        self.ask(&scheduler, 1, 1)
        _ = scheduler.nextServes(at: .zero)
        let rejection = scheduler.served(
            ConnectionID(1),
            request: 1,
            chunk: ChunkIndex(0),
            succeeded: false,
            at: Self.now
        )
        #expect(rejection == Rejection(id: 1, reason: .missing, framesSent: 0))
    }

    @Test func `a lost shard ends every request for it`() {
        var scheduler = self.scheduler()
        self.ask(&scheduler, 1, 1)
        self.ask(&scheduler, 2, 1)
        let rejections = scheduler.lost(Self.shard)
        #expect(rejections.map(\.0.rawValue) == [1, 2])
        #expect(rejections.allSatisfy { $0.1.reason == .missing && $0.1.framesSent == 0 })
    }

    @Test func `no more chunks are read at once than there are buffers, whoever leaves meanwhile`() {
        var scheduler = self.scheduler(slots: 10, atOnce: 3)
        for peer in 1...4 as ClosedRange<UInt64> { self.ask(&scheduler, peer, 1) }
        #expect(scheduler.nextServes(at: .zero).count == 3)
        scheduler.remove(ConnectionID(1))
        #expect(scheduler.nextServes(at: .zero).isEmpty)
        _ = scheduler.served(ConnectionID(1), request: 1, chunk: ChunkIndex(0), succeeded: false, at: Self.now)
        #expect(scheduler.nextServes(at: .zero).count == 1)
    }

    @Test func `over its limit it waits until what it owes has flown in`() {
        var configuration = MeshConfiguration()
        configuration.limits.upload.total = 8 * Cutting.chunkSize
        var scheduler = UploadScheduler(configuration: configuration, at: Self.now)
        self.ask(&scheduler, 1, 1, count: 8)
        let first = scheduler.nextServes(at: Self.now)
        // The burst, and one more on credit.
        #expect(first.count == 2)
        #expect(scheduler.nextDeadline == Self.now + .milliseconds(125))
        _ = self.serve(&scheduler, 1, 1, 0)
        var chunks = first.count
        var now = Self.now
        while now < Self.now + .milliseconds(500) {
            now = max(scheduler.nextDeadline ?? now, now + .milliseconds(1))
            for serve in scheduler.nextServes(at: now) {
                chunks += 1
                _ = scheduler.served(serve.connection, request: 1, chunk: serve.chunk, succeeded: true, at: now)
            }
        }
        #expect(chunks == 6, "\(chunks) chunks in half a second at 8 a second")
    }

    @Test func `who says that everything is urgent gets every second chunk and no more`() {
        var scheduler = self.scheduler(slots: 3, atOnce: 1, each: 1)
        self.ask(&scheduler, 1, 1, count: 16, priority: .critical)
        self.ask(&scheduler, 2, 1, count: 16)
        self.ask(&scheduler, 3, 1, count: 16)
        var served: [UInt64: Int] = [:]
        for _ in 0..<16 {
            for serve in scheduler.nextServes(at: Self.now) {
                served[serve.connection.rawValue, default: 0] += 1
                _ = scheduler.served(
                    serve.connection,
                    request: 1,
                    chunk: serve.chunk,
                    succeeded: true,
                    at: Self.now
                )
            }
        }
        #expect((served[1] ?? 0) >= 8)
        #expect((served[2] ?? 0) >= 2 && (served[3] ?? 0) >= 2, "\(served)")
    }

    @Test func `a peer that takes nothing for too long has stalled`() {
        var scheduler = self.scheduler()
        self.ask(&scheduler, 1, 1)
        _ = scheduler.nextServes(at: Self.now)
        let limit = MeshConfiguration().takeLimit
        #expect(scheduler.stalled(at: Self.now + (limit - .milliseconds(1))).isEmpty)
        #expect(scheduler.stalled(at: Self.now + limit) == [ConnectionID(1)])
        _ = self.serve(&scheduler, 1, 1, 0)
        #expect(scheduler.stalled(at: Self.now + limit) == [ConnectionID(1)])
    }

    /// A scheduler that knows its uplink, one chunk a second, and has sent the first of four chunks to peer 1.
    private func squeezed() -> UploadScheduler {
        var scheduler = self.scheduler(slots: 3, each: 1)
        for (id, second) in [(UInt32(1), 0), (2, 2)] {
            let moment = Instant.zero + .seconds(second)
            self.ask(&scheduler, 9, id, count: 1, at: moment)
            _ = scheduler.nextServes(at: moment)
            _ = self.serve(&scheduler, 9, id, 0)
            scheduler.acknowledged(ConnectionID(9), chunks: 1, at: moment)
        }
        self.ask(&scheduler, 1, 1, count: 4)
        #expect(scheduler.nextServes(at: Self.now).map(\.chunk.rawValue) == [0])
        return scheduler
    }

    @Test func `what a squeezed seeder has sent to one, or is about to, others are to get there`() {
        var scheduler = self.squeezed()
        #expect(self.ask(&scheduler, 2, 1, count: 4, isSeeding: true) == .elsewhere)
        #expect(self.ask(&scheduler, 3, 1, count: 4, isSeeding: true) == .elsewhere)
        // Who asks again did not find it there.
        #expect(self.ask(&scheduler, 3, 2, count: 4, isSeeding: true) == nil)
        // The fifth chunk nobody was sent.
        #expect(self.ask(&scheduler, 2, 2, count: 5, isSeeding: true) == nil)
    }

    @Test func `who has lost a part serves what it is asked for`() {
        var scheduler = self.squeezed()
        #expect(self.ask(&scheduler, 2, 1, count: 4, isSeeding: false) == nil)
    }

    @Test func `what somebody waits for is not sent elsewhere`() {
        var scheduler = self.squeezed()
        #expect(self.ask(&scheduler, 2, 1, count: 4, priority: .next, isSeeding: true) == nil)
    }

    @Test func `who asks for the same chunk again gets it`() {
        var scheduler = self.squeezed()
        #expect(self.ask(&scheduler, 1, 2, count: 1, isSeeding: true) == nil)
    }

    @Test func `a second after a chunk was sent somebody else may have it, and at once when who got it is gone`() {
        var late = self.squeezed()
        #expect(self.ask(&late, 2, 1, count: 1, isSeeding: true, at: Self.now + .seconds(1)) == .elsewhere)
        #expect(self.ask(&late, 3, 1, count: 1, isSeeding: true, at: Self.now + .milliseconds(1_001)) == nil)
        var left = self.squeezed()
        left.remove(ConnectionID(1))
        #expect(self.ask(&left, 3, 1, count: 1) == nil)
        #expect(self.ask(&left, 2, 1, count: 4, isSeeding: true) == nil)
    }

    @Test func `a quick uplink sends everybody what he wants`() {
        var scheduler = self.scheduler(slots: 3, atOnce: 16, each: 16)
        for second in 0..<3 {
            let moment = Instant.zero + .seconds(second)
            self.ask(&scheduler, 9, UInt32(second + 1), count: 16, at: moment)
            for serve in scheduler.nextServes(at: moment) {
                _ = self.serve(&scheduler, 9, serve.request, serve.chunk.position)
            }
            scheduler.acknowledged(ConnectionID(9), chunks: 16, at: moment)
        }
        // One chunk leaves within a tenth of a second.
        self.ask(&scheduler, 1, 1, count: 1)
        #expect(self.ask(&scheduler, 2, 1, count: 1, isSeeding: true) == nil)
    }
}
