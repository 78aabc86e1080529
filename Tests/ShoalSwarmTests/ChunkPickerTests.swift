import ShoalCore
import ShoalWire
import Testing

@testable import ShoalSwarm

@Suite struct ChunkPickerTests {
    private static let peer = ConnectionID(1)
    private static let other = ConnectionID(2)
    private static let chunk = Cutting.chunkSize

    private func holdings(_ sizes: [Int], hashLists: Bool = true) -> Holdings {
        Holdings(
            SwarmContent(
                manifest: [],
                shardSizes: sizes,
                complete: Bitfield(count: sizes.count),
                partial: [:],
                hashLists: hashLists ? .full(count: sizes.count) : Bitfield(count: sizes.count)
            )
        )
    }

    private func seeder(of holdings: Holdings) -> SharedSwarm {
        var shared = SharedSwarm(theirHandle: 1, at: .zero)
        shared.holdings = .full(count: holdings.shardSizes.count)
        return shared
    }

    private func pick(
        _ holdings: Holdings,
        _ shared: SharedSwarm,
        limit: Int = 8,
        for peer: ConnectionID = Self.peer
    )
        -> ChunkRun?
    {
        ChunkPicker.pick(from: holdings, for: peer, sharing: shared, limit: limit)
    }

    @Test func `a run ends at the limit, at the shard's end, and at a chunk that is there`() {
        var holdings = self.holdings([6 * Self.chunk])
        holdings.begin(ShardIndex(0))
        let shared = self.seeder(of: holdings)
        #expect(self.pick(holdings, shared, limit: 4) == ChunkRun(shard: ShardIndex(0), first: ChunkIndex(0), count: 4))
        #expect(self.pick(holdings, shared)?.count == 6)
        let isWhole = holdings.verified(ChunkIndex(2), of: ShardIndex(0))
        #expect(!isWhole)
        #expect(self.pick(holdings, shared)?.count == 2)
    }

    @Test func `nothing is asked for before its hashes are known, unless it is a single chunk`() {
        var holdings = self.holdings([2 * Self.chunk, Self.chunk], hashLists: false)
        holdings.begin(ShardIndex(0))
        let shared = self.seeder(of: holdings)
        #expect(self.pick(holdings, shared) == nil)
        holdings.begin(ShardIndex(1))
        #expect(self.pick(holdings, shared)?.shard == ShardIndex(1))
    }

    @Test func `only chunks that the peer has are asked of it`() {
        var holdings = self.holdings([4 * Self.chunk])
        holdings.begin(ShardIndex(0))
        var shared = SharedSwarm(theirHandle: 1, at: .zero)
        var chunks = Bitfield(count: 4)
        chunks[2] = true
        shared.setPartial(chunks, of: ShardIndex(0))
        #expect(self.pick(holdings, shared) == ChunkRun(shard: ShardIndex(0), first: ChunkIndex(2), count: 1))
        shared.refused.insert(ShardIndex(0))
        #expect(self.pick(holdings, shared) == nil)
    }

    @Test func `what another peer owes is asked for again only when it is late or nothing else is left`() {
        var holdings = self.holdings([2 * Self.chunk, 2 * Self.chunk])
        holdings.begin(ShardIndex(0))
        let shared = self.seeder(of: holdings)
        func owe(_ chunk: Int, by peer: ConnectionID) {
            holdings.update(ShardIndex(0)) { $0.asked(peer, for: ChunkIndex(chunk)) }
        }
        owe(0, by: Self.other)
        owe(1, by: Self.other)
        #expect(self.pick(holdings, shared) == nil)
        holdings.update(ShardIndex(0)) { $0.overdue[1] = true }
        #expect(self.pick(holdings, shared) == ChunkRun(shard: ShardIndex(0), first: ChunkIndex(1), count: 1))
        holdings.begin(ShardIndex(1))
        #expect(self.pick(holdings, shared)?.shard == ShardIndex(1))
        for chunk in 0..<2 { holdings.update(ShardIndex(1)) { $0.asked(Self.peer, for: ChunkIndex(chunk)) } }
        // Endgame: every missing chunk is owed by somebody.
        holdings.update(ShardIndex(0)) { $0.overdue[1] = false }
        #expect(self.pick(holdings, shared) == ChunkRun(shard: ShardIndex(0), first: ChunkIndex(0), count: 2))
        owe(0, by: Self.peer)
        owe(1, by: Self.peer)
        #expect(self.pick(holdings, shared) == nil)
        #expect(self.pick(holdings, shared, for: ConnectionID(3)).map(\.shard) == ShardIndex(1))
    }

    @Test(arguments: 0..<8) func `the rarest shard is begun first`(seed: UInt64) {
        var holdings = self.holdings([Self.chunk, Self.chunk, Self.chunk])
        for shard in [0, 0, 1, 2, 2] { holdings.count(ShardIndex(shard), by: 1) }
        var generator = SeededGenerator(seed: seed)
        let shared = self.seeder(of: holdings)
        #expect(ChunkPicker.nextShard(of: holdings, sharing: shared, using: &generator) == ShardIndex(1))
    }

    @Test func `ties are broken at random`() {
        let holdings = self.holdings([Int](repeating: Self.chunk, count: 4))
        let shared = self.seeder(of: holdings)
        let chosen = (0..<64 as Range<UInt64>).map { seed -> ShardIndex? in
            var generator = SeededGenerator(seed: seed)
            return ChunkPicker.nextShard(of: holdings, sharing: shared, using: &generator)
        }
        #expect(Set(chosen).count == 4)
    }
}
