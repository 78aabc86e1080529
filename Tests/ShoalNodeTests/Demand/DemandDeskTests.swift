import ShoalCore
import ShoalStore
import ShoalSwarm
import ShoalWire
import TestSupport
import Testing

@testable import ShoalNode

/// What the mesh is told of shards that several callers want.
@Suite(.timeLimit(.minutes(1))) struct DemandDeskTests {
    private static let swarm = SwarmHandle(1)
    private let inputs = Journal<MeshInput>()
    private let desk: DemandDesk

    init() {
        let inputs = self.inputs
        self.desk = DemandDesk { inputs.note($0) }
    }

    private func demand(_ shard: Int, _ chunks: Range<Int> = 0..<2) -> ShardDemand {
        ShardDemand(ShardIndex(shard), chunks: chunks)
    }

    private func arrival(_ waiter: DemandDesk.Waiter) async throws {
        for try await _ in waiter.arrival {}
    }

    @Test func `a shard is wanted until the last who wants it leaves`() throws {
        let first = try self.desk.enter([self.demand(0), self.demand(1)], of: Self.swarm, .next)
        let second = try self.desk.enter([self.demand(1)], of: Self.swarm, .critical)
        let other = try self.desk.enter([self.demand(0)], of: SwarmHandle(2), .next)
        self.desk.leave(first)
        self.desk.leave(first)
        self.desk.leave(second)
        self.desk.leave(other)
        #expect(
            self.inputs.entries == [
                .demand(Self.swarm, [ShardIndex(0), ShardIndex(1)], .next),
                .demand(Self.swarm, [ShardIndex(1)], .critical),
                .demand(SwarmHandle(2), [ShardIndex(0)], .next),
                .endDemand(Self.swarm, [ShardIndex(0)]),
                .endDemand(Self.swarm, [ShardIndex(1)]),
                .endDemand(SwarmHandle(2), [ShardIndex(0)]),
            ]
        )
    }

    @Test func `a wait ends when all of it is there, for everybody who waits for it`() async throws {
        let part = try self.desk.enter([self.demand(0, 1..<2)], of: Self.swarm, .next)
        let all = try self.desk.enter([self.demand(0), self.demand(1, 0..<1)], of: Self.swarm, .next)
        self.desk.arrived(ShardIndex(0), of: SwarmHandle(2)) { _ in true }
        self.desk.arrived(ShardIndex(0), of: Self.swarm) { $0.chunks == 1..<2 }
        try await self.arrival(part)
        self.desk.arrived(ShardIndex(1), of: Self.swarm) { _ in true }
        self.desk.arrived(ShardIndex(0), of: Self.swarm) { _ in true }
        try await self.arrival(all)
    }

    @Test func `shards that were lost are wanted again, as urgently as anybody wants them`() throws {
        _ = try self.desk.enter([self.demand(0)], of: Self.swarm, .prefetch)
        _ = try self.desk.enter([self.demand(0)], of: Self.swarm, .next)
        self.desk.renew([ShardIndex(0), ShardIndex(5)], of: Self.swarm)
        self.desk.renew([ShardIndex(0)], of: SwarmHandle(2))
        self.desk.renew(nil, of: Self.swarm)
        let again = MeshInput.demand(Self.swarm, [ShardIndex(0)], .next)
        #expect(self.inputs.entries.dropFirst(2) == [again, again])
    }

    @Test func `a store that gives up ends the waits of its swarm, and a stop ends all`() async throws {
        let here = try self.desk.enter([self.demand(0)], of: Self.swarm, .next)
        let there = try self.desk.enter([self.demand(0)], of: SwarmHandle(2), .next)
        self.desk.fail(Self.swarm, StoreError(.diskFull, "the disk is full"))
        await #expect(throws: StoreError.self) { try await self.arrival(here) }
        self.desk.stop()
        await #expect(throws: DemandFailure.stopped) { try await self.arrival(there) }
        #expect(throws: DemandFailure.stopped) { try self.desk.enter([self.demand(0)], of: Self.swarm, .next) }
    }
}
