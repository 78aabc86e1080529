import ShoalCore
import ShoalWire
import Testing

@testable import ShoalSwarm

/// How many peers an uplink serves at once.
struct UploadSlotsTests {
    private func slots(_ rates: [Int]) -> UploadSlots {
        var slots = UploadSlots(range: 3...16, at: .zero)
        for (second, rate) in rates.enumerated() {
            for _ in 0..<rate { slots.acknowledged(1, at: .zero + .seconds(second)) }
        }
        return slots
    }

    @Test func `a node that has sent nothing yet serves the fewest`() {
        #expect(self.slots([]).count == 3)
    }

    @Test(arguments: [(5, 3), (6, 3), (8, 4), (20, 10), (32, 16), (33, 16), (4_000, 16)])
    func `each slot gets two chunks a second`(rate: Int, count: Int) {
        #expect(self.slots([rate, rate]).count == count)
    }

    @Test func `slow takers do not take the slots of a quick uplink away at once`() {
        #expect(self.slots([20] + Array(repeating: 1, count: 29)).count == 10)
    }

    @Test func `an uplink that has become slow gets fewer slots after 30 s of work`() {
        #expect(self.slots([20] + Array(repeating: 1, count: 31)).count == 3)
    }

    @Test func `seconds without work are not remembered`() {
        var slots = self.slots([20])
        slots.acknowledged(1, at: .zero + .seconds(1_000))
        #expect(slots.count == 10)
    }

    @Test func `acknowledging what was not sent makes no slots`() {
        var configuration = MeshConfiguration()
        configuration.uploadSlots = 1...16
        var scheduler = UploadScheduler(configuration: configuration, at: .zero)
        let request = ChunkRequest(
            id: 1,
            shard: ShardIndex(0),
            first: ChunkIndex(0),
            count: 1,
            priority: .background,
            deadline: 0
        )
        let shard = ShardOfSwarm(swarm: SwarmHandle(1), shard: ShardIndex(0))
        for peer in 1...2 {
            let refusal = scheduler.add(
                request,
                of: shard,
                shardSize: Cutting.chunkSize,
                from: ConnectionID(UInt64(peer)),
                queueLimit: 1,
                isSeeding: false,
                at: .zero
            )
            #expect(refusal == (peer == 1 ? nil : .busy))
            scheduler.acknowledged(ConnectionID(1), chunks: 1_000, at: .zero)
        }
    }
}
