import ShoalCore
import Testing

@testable import ShoalSwarm

/// A chunk that several peers owe: whose copy counts, and who is noted for it.
@Suite struct ReceivingShardTests {
    private static let chunk = ChunkIndex(0 as Int)
    private static let (first, second, third) = (ConnectionID(1), ConnectionID(2), ConnectionID(3))

    /// Two peers owe the chunk, and the first has brought it.
    private func brought() -> ReceivingShard {
        var shard = ReceivingShard(verified: Bitfield(count: 1))
        shard.asked(Self.first, for: Self.chunk)
        shard.failed(Self.chunk)
        shard.asked(Self.second, for: Self.chunk)
        shard.came(Self.chunk, from: Self.first)
        return shard
    }

    @Test func `while one copy is being checked, the end of another has nobody asked again`() {
        var shard = self.brought()
        shard.ended(Self.second, chunk: Self.chunk)
        shard.failed(Self.chunk)
        #expect(!shard.mayAsk(Self.third, for: 0, doubling: .overdue))
        shard.ended(Self.first, chunk: Self.chunk)
        #expect(shard.mayAsk(Self.third, for: 0, doubling: .overdue))
    }

    @Test func `a peer that leaves is noted for what it brought and for nothing else`() {
        var shard = self.brought()
        shard.abandoned(by: Self.second)
        shard.abandoned(by: Self.first)
        #expect(shard.askers[0] == [Self.first])
        shard.ended(Self.first, chunk: Self.chunk)
        #expect(shard.askers[0].isEmpty)
        #expect(shard.unasked[0])
    }
}
