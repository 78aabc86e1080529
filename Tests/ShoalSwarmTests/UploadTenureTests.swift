import ShoalCore
import ShoalWire
import Testing

@testable import ShoalSwarm

/// Upload slots change hands while others wait.
@Suite struct UploadTenureTests {
    private static let shard = ShardOfSwarm(swarm: SwarmHandle(1), shard: ShardIndex(0))
    private static let start = Instant(nanoseconds: 1_000_000_000)
    private static let tenure = MeshConfiguration().uploadTenure

    private func scheduler(slots: Int, chunks: Int = 64) -> UploadScheduler {
        var configuration = MeshConfiguration()
        configuration.uploadSlots = slots...slots
        configuration.uploadTenureChunks = chunks
        configuration.servesAtOncePerPeer = 1
        return UploadScheduler(configuration: configuration, at: Self.start)
    }

    private func ask(
        _ scheduler: inout UploadScheduler,
        _ peer: UInt64,
        _ id: UInt32,
        count: UInt16 = 8,
        after time: Duration = .zero
    ) -> Rejection.Reason? {
        let request = ChunkRequest(
            id: id,
            shard: ShardIndex(0),
            first: ChunkIndex(0),
            count: count,
            priority: .background,
            deadline: 0
        )
        return scheduler.add(
            request,
            of: Self.shard,
            shardSize: 512 * Cutting.chunkSize,
            from: ConnectionID(peer),
            queueLimit: 4,
            isSeeding: false,
            at: Self.start + time
        )
    }

    private func busy(_ id: UInt32, framesSent: UInt32 = 0) -> Rejection {
        Rejection(id: id, reason: .busy, framesSent: framesSent, retryAfter: 1_000)
    }

    @Test func `nobody loses a slot that nobody waits for, however long it was used`() {
        var scheduler = self.scheduler(slots: 1)
        #expect(self.ask(&scheduler, 1, 1) == nil)
        #expect(scheduler.endTenures(at: Self.start + .seconds(600)).isEmpty)
        #expect(self.ask(&scheduler, 1, 2, after: .seconds(600)) == nil)
    }

    @Test func `after its time a peer goes to the end of the line, once what is under way is out`() {
        var scheduler = self.scheduler(slots: 1)
        #expect(self.ask(&scheduler, 1, 1) == nil)
        #expect(self.ask(&scheduler, 1, 2) == nil)
        #expect(scheduler.nextServes(at: Self.start).count == 1)
        #expect(self.ask(&scheduler, 2, 1, after: Self.tenure - .milliseconds(1)) == .busy)
        #expect(scheduler.endTenures(at: Self.start + (Self.tenure - .milliseconds(1))).isEmpty)
        let ended = scheduler.endTenures(at: Self.start + Self.tenure)
        #expect(ended.map(\.2) == [self.busy(2)])
        #expect(ended.map(\.0) == [ConnectionID(1)])
        #expect(scheduler.endTenures(at: Self.start + Self.tenure).isEmpty)
        #expect(scheduler.nextServes(at: Self.start + Self.tenure).isEmpty)
        #expect(self.ask(&scheduler, 1, 3, after: Self.tenure) == .busy)
        let last = scheduler.served(
            ConnectionID(1),
            request: 1,
            chunk: ChunkIndex(0),
            succeeded: true,
            at: Self.start + Self.tenure
        )
        #expect(last == self.busy(1, framesSent: 4))
        scheduler.acknowledged(ConnectionID(1), chunks: 1, at: Self.start + Self.tenure)
        // The slot is free, and not for whoever has just had it.
        #expect(self.ask(&scheduler, 1, 4, after: Self.tenure + .milliseconds(200)) == .busy)
        #expect(self.ask(&scheduler, 2, 2, after: Self.tenure + .seconds(1)) == nil)
        #expect(self.ask(&scheduler, 1, 5, after: Self.tenure + .seconds(1)) == .busy)
    }

    @Test(arguments: [3, 4, 5])
    func `a peer that takes chunks quickly has its slot for so many of them`(chunks: Int) {
        var scheduler = self.scheduler(slots: 1, chunks: 4)
        #expect(self.ask(&scheduler, 1, 1) == nil)
        for chunk in 0..<chunks {
            #expect(scheduler.nextServes(at: Self.start).count == 1)
            _ = scheduler.served(
                ConnectionID(1),
                request: 1,
                chunk: ChunkIndex(chunk),
                succeeded: true,
                at: Self.start
            )
        }
        #expect(self.ask(&scheduler, 2, 1) == .busy)
        let ended = scheduler.endTenures(at: Self.start).map(\.2)
        #expect(ended == (chunks < 4 ? [] : [self.busy(1, framesSent: UInt32(4 * chunks))]))
    }

    @Test func `as many slots are taken back as others wait for, from those that have had theirs for longest`() {
        var scheduler = self.scheduler(slots: 3)
        for peer in 1...3 as ClosedRange<UInt64> {
            #expect(self.ask(&scheduler, peer, 1, after: .milliseconds(Int64(10 - peer))) == nil)
        }
        #expect(self.ask(&scheduler, 4, 1, after: Self.tenure) == .busy)
        #expect(self.ask(&scheduler, 5, 1, after: Self.tenure) == .busy)
        let ended = scheduler.endTenures(at: Self.start + Self.tenure + .seconds(1))
        #expect(ended.map(\.0) == [ConnectionID(3), ConnectionID(2)])
    }

    @Test func `a free slot is for whoever asks, and not kept for one that may have found everything elsewhere`() {
        var scheduler = self.scheduler(slots: 1)
        #expect(self.ask(&scheduler, 1, 1) == nil)
        #expect(self.ask(&scheduler, 2, 1) == .busy)
        scheduler.remove(ConnectionID(1))
        #expect(self.ask(&scheduler, 3, 1, after: .milliseconds(100)) == nil)
    }

    @Test(arguments: [4_999, 5_000])
    func `who has waited for 5 s goes before all that came later`(milliseconds: Int) {
        var scheduler = self.scheduler(slots: 1)
        #expect(self.ask(&scheduler, 1, 1) == nil)
        for second in 0..<5 {
            #expect(self.ask(&scheduler, 2, UInt32(second), after: .seconds(second)) == .busy)
        }
        scheduler.remove(ConnectionID(1))
        let others = self.ask(&scheduler, 3, 1, after: .milliseconds(milliseconds))
        #expect(others == (milliseconds < 5_000 ? nil : .busy))
    }

    @Test func `who does not come back in time keeps nobody waiting`() {
        var scheduler = self.scheduler(slots: 1)
        #expect(self.ask(&scheduler, 1, 1) == nil)
        for second in 0...5 {
            #expect(self.ask(&scheduler, 2, UInt32(second), after: .seconds(second)) == .busy)
        }
        scheduler.remove(ConnectionID(1))
        #expect(self.ask(&scheduler, 3, 1, after: .milliseconds(6_499)) == .busy)
        #expect(self.ask(&scheduler, 3, 2, after: .milliseconds(6_500)) == nil)
    }

    @Test func `who leaves while it waits holds nobody up`() {
        var scheduler = self.scheduler(slots: 1)
        #expect(self.ask(&scheduler, 1, 1) == nil)
        #expect(self.ask(&scheduler, 2, 1) == .busy)
        scheduler.remove(ConnectionID(1))
        scheduler.remove(ConnectionID(2))
        #expect(self.ask(&scheduler, 3, 1) == nil)
    }

    @Test func `forty fetchers of one seeder that serves sixteen at once all make progress`() {
        // 16 MiB at 2 MiB a second: the first sixteen alone would keep the seeder busy for two minutes.
        var bed = Testbed(shardSizes: [16 << 20])
        var configuration = MeshConfiguration()
        configuration.limits.upload.total = 2 << 20
        let seeder = bed.addNode(complete: bed.allShards, configuration: configuration)
        let fetchers = (0..<40).map { _ in
            let fetcher = bed.addNode(complete: bed.noShards)
            bed.connect(fetcher, seeder)
            // Ten strangers at most may be shaking hands.
            bed.run(for: .milliseconds(20))
            return fetcher
        }
        func progress(_ bed: Testbed) -> [Int] {
            fetchers.map { bed.nodes[$0].machine.swarms[Testbed.swarm]?.holdings?.verifiedBytes ?? 0 }
        }
        let least = 2 * Cutting.chunkSize
        bed.run(for: .seconds(25)) { progress($0).allSatisfy { $0 >= least } }
        #expect(progress(bed).allSatisfy { $0 >= least }, "\(progress(bed).map { $0 / Cutting.chunkSize })")
        bed.run(for: .seconds(20))
        let chunks = progress(bed).map { $0 / Cutting.chunkSize }
        // Nobody has more than some turns' worth more than anybody else.
        #expect((chunks.max() ?? 0) <= 4 * (chunks.min() ?? 0), "\(chunks)")
        #expect(bed.nodes[seeder].disconnected.isEmpty)
    }
}
