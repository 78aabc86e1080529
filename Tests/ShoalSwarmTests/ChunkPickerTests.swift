import ShoalCore
import ShoalWire
import Testing

@testable import ShoalSwarm

@Suite struct ChunkPickerTests {
    private static let peer = ConnectionID(1)
    private static let other = ConnectionID(2)
    private static let chunk = Cutting.chunkSize

    private func swarm(_ sizes: [Int], hashLists: Bool = true, fetches: Bool = true) -> Swarm {
        let content = SwarmContent(
            manifest: [],
            shardSizes: sizes,
            complete: Bitfield(count: sizes.count),
            partial: [:],
            hashLists: hashLists ? .full(count: sizes.count) : Bitfield(count: sizes.count)
        )
        return Swarm(
            SwarmDescription(
                handle: MachineDriver.swarm,
                infoHash: MachineDriver.infoHash,
                secret: MachineDriver.secret,
                content: content,
                fetches: fetches,
                trackers: []
            )
        )
    }

    private func seeder(of swarm: Swarm) -> SharedSwarm {
        var shared = SharedSwarm(theirHandle: 1, at: .zero)
        shared.holdings = .full(count: swarm.holdings!.shardSizes.count)
        return shared
    }

    private func pick(
        _ swarm: Swarm,
        _ shared: SharedSwarm,
        _ pass: ChunkPicker.Pass = .everything,
        limit: Int = 8,
        portion: Portion = Portion(),
        for peer: ConnectionID = Self.peer
    )
        -> ChunkRun?
    {
        ChunkPicker.pick(from: swarm, for: peer, sharing: shared, portion: portion, pass: pass, limit: limit)
    }

    private func run(
        _ shard: Int,
        _ first: Int,
        _ count: Int,
        _ priority: Priority = .background
    ) -> ChunkRun {
        ChunkRun(shard: ShardIndex(shard), first: ChunkIndex(first), count: count, priority: priority)
    }

    @Test func `a run ends at the limit, at the shard's end, and at a chunk that is there`() {
        var swarm = self.swarm([6 * Self.chunk])
        swarm.holdings!.begin(ShardIndex(0))
        let shared = self.seeder(of: swarm)
        #expect(self.pick(swarm, shared, limit: 4) == self.run(0, 0, 4))
        #expect(self.pick(swarm, shared)?.count == 6)
        let isWhole = swarm.holdings!.verified(ChunkIndex(2), of: ShardIndex(0))
        #expect(!isWhole)
        #expect(self.pick(swarm, shared)?.count == 2)
    }

    @Test func `nothing is asked for before its hashes are known, unless it is a single chunk`() {
        var swarm = self.swarm([2 * Self.chunk, Self.chunk], hashLists: false)
        swarm.holdings!.begin(ShardIndex(0))
        let shared = self.seeder(of: swarm)
        #expect(self.pick(swarm, shared) == nil)
        swarm.holdings!.begin(ShardIndex(1))
        #expect(self.pick(swarm, shared)?.shard == ShardIndex(1))
    }

    @Test func `only chunks that the peer has are asked of it`() {
        var swarm = self.swarm([4 * Self.chunk])
        swarm.holdings!.begin(ShardIndex(0))
        var shared = SharedSwarm(theirHandle: 1, at: .zero)
        var chunks = Bitfield(count: 4)
        chunks[2] = true
        _ = shared.setPartial(chunks, of: ShardIndex(0))
        #expect(self.pick(swarm, shared) == self.run(0, 2, 1))
        shared.refused.insert(ShardIndex(0))
        #expect(self.pick(swarm, shared) == nil)
    }

    @Test func `what another peer owes is asked for again only when it is late or nothing else is left`() {
        var swarm = self.swarm([2 * Self.chunk, 2 * Self.chunk])
        swarm.holdings!.begin(ShardIndex(0))
        let shared = self.seeder(of: swarm)
        func owe(_ chunk: Int, by peer: ConnectionID) {
            swarm.holdings!.update(ShardIndex(0)) { $0.asked(peer, for: ChunkIndex(chunk)) }
        }
        owe(0, by: Self.other)
        owe(1, by: Self.other)
        #expect(self.pick(swarm, shared) == nil)
        swarm.holdings!.update(ShardIndex(0)) { $0.overdue[1] = true }
        #expect(self.pick(swarm, shared) == nil)
        #expect(self.pick(swarm, shared, .urgent) == self.run(0, 1, 1, .next))
        swarm.holdings!.begin(ShardIndex(1))
        #expect(self.pick(swarm, shared)?.shard == ShardIndex(1))
        for chunk in 0..<2 { swarm.holdings!.update(ShardIndex(1)) { $0.asked(Self.peer, for: ChunkIndex(chunk)) } }
        // Endgame: every missing chunk is owed by somebody.
        swarm.holdings!.update(ShardIndex(0)) { $0.overdue[1] = false }
        #expect(self.pick(swarm, shared) == self.run(0, 0, 1))
        owe(0, by: Self.peer)
        owe(1, by: Self.peer)
        #expect(self.pick(swarm, shared) == nil)
        #expect(self.pick(swarm, shared, for: ConnectionID(3)).map(\.shard) == ShardIndex(1))
    }

    @Test(arguments: 0..<8) func `the rarest shard is begun first`(seed: UInt64) {
        var swarm = self.swarm([Self.chunk, Self.chunk, Self.chunk])
        for shard in [0, 0, 1, 2, 2] { swarm.holdings!.count(ShardIndex(shard), by: 1) }
        var generator = SeededGenerator(seed: seed)
        let shared = self.seeder(of: swarm)
        #expect(ChunkPicker.nextShard(of: swarm, sharing: shared, using: &generator) == ShardIndex(1))
    }

    @Test func `ties are broken at random`() {
        let swarm = self.swarm([Int](repeating: Self.chunk, count: 4))
        let shared = self.seeder(of: swarm)
        let chosen = (0..<64 as Range<UInt64>).map { seed -> ShardIndex? in
            var generator = SeededGenerator(seed: seed)
            return ChunkPicker.nextShard(of: swarm, sharing: shared, using: &generator)
        }
        #expect(Set(chosen).count == 4)
    }

    @Test func `the chunks that the fewest peers have are asked for first`() {
        var swarm = self.swarm([4 * Self.chunk])
        swarm.holdings!.count(ShardIndex(0), by: 1)
        swarm.holdings!.begin(ShardIndex(0))
        var common = Bitfield(count: 4)
        for chunk in [0, 1, 3] { common[chunk] = true }
        swarm.holdings!.update(ShardIndex(0)) { $0.shared(nil, common) }
        #expect(self.pick(swarm, self.seeder(of: swarm)) == self.run(0, 2, 1))
        swarm.holdings!.update(ShardIndex(0)) { $0.shared(common, nil) }
        #expect(self.pick(swarm, self.seeder(of: swarm)) == self.run(0, 0, 4))
    }

    @Test func `fetchers of one source ask it for different chunks`() {
        var swarm = self.swarm([64 * Self.chunk])
        swarm.holdings!.begin(ShardIndex(0))
        let shared = self.seeder(of: swarm)
        var asked: [Set<Int>] = []
        for rank in 0..<4 {
            var mine = swarm
            var chunks: Set<Int> = []
            let portion = Portion(rank: rank, count: 4, salt: UInt64(rank))
            for _ in 0..<10 {
                guard let run = self.pick(mine, shared, limit: 1, portion: portion) else { break }
                chunks.insert(run.first.position)
                mine.holdings!.update(ShardIndex(0)) { $0.asked(Self.peer, for: run.first) }
            }
            asked.append(chunks)
        }
        #expect(asked.map(\.count) == [10, 10, 10, 10])
        #expect(asked.reduce(into: Set<Int>()) { $0.formUnion($1) }.count == 40)
    }

    @Test func `what is another's to ask a seeder for is left to it while there is something else to wait for`() {
        var swarm = self.swarm([64 * Self.chunk])
        swarm.holdings!.count(ShardIndex(0), by: 1)
        swarm.holdings!.begin(ShardIndex(0))
        let shared = self.seeder(of: swarm)
        let portion = Portion(rank: 0, count: 4)
        for chunk in 0..<64 where portion.turn(for: chunk, of: ShardIndex(0)) == 0 {
            swarm.holdings!.update(ShardIndex(0)) { $0.asked(Self.other, for: ChunkIndex(chunk)) }
        }
        func pick(mayIntrude: Bool) -> ChunkRun? {
            ChunkPicker.pick(
                from: swarm,
                for: Self.peer,
                sharing: shared,
                portion: portion,
                mayIntrude: mayIntrude,
                limit: 8
            )
        }
        #expect(pick(mayIntrude: false) == nil)
        #expect(pick(mayIntrude: true)?.count == 1)
        // Once somebody else has it as well, it is anybody's.
        swarm.holdings!.update(ShardIndex(0)) { $0.shared(nil, .full(count: 64)) }
        #expect(pick(mayIntrude: false) != nil)
    }

    @Test(arguments: [2, 3, 8]) func `fetchers take turns at every chunk`(count: Int) {
        for chunk in 0..<64 {
            let turns = (0..<count).map { Portion(rank: $0, count: count).turn(for: chunk, of: ShardIndex(0)) }
            #expect(turns.sorted() == Array(0..<count))
        }
        let alone = Portion()
        #expect((0..<64).allSatisfy { alone.turn(for: $0, of: ShardIndex(0)) == 0 })
    }

    @Test func `what one fetcher leaves is divided among the others`() {
        // Those that come second for the chunks that the first of eight is to ask for first.
        let owned = (0..<256).filter { Portion(rank: 0, count: 8).turn(for: $0, of: ShardIndex(0)) == 0 }
        let seconds = owned.map { chunk in
            (1..<8).first { Portion(rank: $0, count: 8).turn(for: chunk, of: ShardIndex(0)) == 1 }
        }
        #expect(Set(seconds) == Set(1..<8))
    }

    @Test func `a peer with rivals is asked only for what none of them has`() {
        var swarm = self.swarm([2 * Self.chunk])
        swarm.holdings!.count(ShardIndex(0), by: 1)
        swarm.holdings!.begin(ShardIndex(0))
        var rival = SharedSwarm(theirHandle: 2, at: .zero)
        var common = Bitfield(count: 2)
        common[0] = true
        _ = rival.setPartial(common, of: ShardIndex(0))
        let run = ChunkPicker.pick(
            from: swarm,
            for: Self.peer,
            sharing: self.seeder(of: swarm),
            rivals: [rival],
            limit: 8
        )
        #expect(run == self.run(0, 1, 1))
    }

    @Test func `what is demanded comes before what is rare`() {
        var swarm = self.swarm([Self.chunk, Self.chunk, Self.chunk])
        for shard in [0, 1, 1, 2, 2, 2] { swarm.holdings!.count(ShardIndex(shard), by: 1) }
        let shared = self.seeder(of: swarm)
        _ = swarm.demand(ShardIndex(2), .prefetch)
        var generator = SeededGenerator(seed: 1)
        #expect(ChunkPicker.nextShard(of: swarm, sharing: shared, using: &generator) == ShardIndex(2))
        for shard in 0..<3 { swarm.holdings!.begin(ShardIndex(shard)) }
        #expect(self.pick(swarm, shared) == self.run(2, 0, 1, .prefetch))
        #expect(self.pick(swarm, shared, .urgent) == nil)
        _ = swarm.demand(ShardIndex(1), .critical)
        #expect(self.pick(swarm, shared, .urgent) == self.run(1, 0, 1, .critical))
    }

    @Test func `a node that does not fetch asks for what is demanded and for nothing else`() {
        var swarm = self.swarm([Self.chunk, Self.chunk], fetches: false)
        let shared = self.seeder(of: swarm)
        var generator = SeededGenerator(seed: 1)
        #expect(!swarm.isHungry)
        #expect(ChunkPicker.nextShard(of: swarm, sharing: shared, using: &generator) == nil)
        _ = swarm.demand(ShardIndex(1), .next)
        #expect(swarm.isHungry)
        #expect(ChunkPicker.nextShard(of: swarm, sharing: shared, using: &generator) == ShardIndex(1))
        for shard in 0..<2 { swarm.holdings!.begin(ShardIndex(shard)) }
        #expect(self.pick(swarm, shared) == self.run(1, 0, 1, .next))
    }

    @Test func `a demand is raised, never lowered, and only for what is missing`() {
        var swarm = self.swarm([Self.chunk, Self.chunk])
        let changes = [Priority.prefetch, .critical, .next, .critical].map { swarm.demand(ShardIndex(0), $0) }
        #expect(changes == [true, true, false, false])
        #expect(swarm.priority(of: ShardIndex(0)) == .critical)
        #expect(swarm.priority(of: ShardIndex(1)) == .background)
        let outside = swarm.demand(ShardIndex(2), .critical)
        #expect(!outside)
    }
}
