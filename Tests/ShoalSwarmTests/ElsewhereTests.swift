import ShoalCore
import ShoalWire
import Testing

@testable import ShoalSwarm

/// A seeder whose uplink everybody waits for sends each chunk once, and who asks for another copy hears of it.
@Suite struct ElsewhereTests {
    private let squeezed = PlayedPeer(number: 1, connection: 7)
    private let other = PlayedPeer(number: 2, connection: 8)

    /// Somebody who fetches shards of one chunk, and what the squeezed peer has been asked for.
    private func play(shards: Int) -> (MachineDriver, [(connection: ConnectionID, request: ChunkRequest)]) {
        var driver = MachineDriver()
        _ = driver.addSwarm(shardSizes: Array(repeating: Cutting.chunkSize, count: shards), isSeeder: false)
        self.squeezed.enter(&driver)
        self.other.enter(&driver)
        let asked = driver.feed(self.squeezed.say(.bitfield(.full(count: shards)))).asked
        return (driver, asked)
    }

    /// What is asked for once the squeezed peer has said that it has sent what `request` is for to somebody else.
    private func refuse(
        _ request: ChunkRequest,
        _ driver: inout MachineDriver
    ) -> [(connection: ConnectionID, request: ChunkRequest)] {
        let refusal = Rejection(id: request.id, reason: .elsewhere, framesSent: 0, retryAfter: 500)
        let receipt = ChunkReceipt(
            connection: self.squeezed.connection,
            request: request.id,
            swarm: MachineDriver.swarm,
            shard: request.shard,
            chunk: request.first
        )
        return driver.feed(self.squeezed.say(.reject(refusal)), .chunkDropped(receipt)).asked
    }

    @Test func `it is asked for something else at once, and for that again after half a second`() throws {
        var (driver, asked) = self.play(shards: 40)
        let first = try #require(asked.first)
        let instead = self.refuse(first.request, &driver)
        #expect(instead.map(\.connection) == [self.squeezed.connection])
        #expect(instead.first?.request.shard != first.request.shard)
    }

    @Test func `what there is nothing else to ask for is asked for again after half a second`() throws {
        var (driver, asked) = self.play(shards: 1)
        #expect(asked.count == 1)
        #expect(self.refuse(asked[0].request, &driver).isEmpty)
        #expect(driver.pass(.milliseconds(499)).asked.isEmpty)
        let again = driver.pass(.milliseconds(2)).asked
        #expect(again.map(\.request.shard) == [ShardIndex(0)])
        // It is no more urgent than before.
        #expect(again.map(\.request.priority) == [asked[0].request.priority])
    }

    @Test func `whoever got it meanwhile is asked at once`() {
        var (driver, asked) = self.play(shards: 1)
        #expect(self.refuse(asked[0].request, &driver).isEmpty)
        let next = driver.feed(self.other.say(.bitfield(.full(count: 1)))).asked
        #expect(next.map(\.connection) == [self.other.connection])
    }

    @Test func `when a peer leaves that may have got it, the wait is over`() {
        var (driver, asked) = self.play(shards: 1)
        #expect(self.refuse(asked[0].request, &driver).isEmpty)
        let next = driver.feed(.closed(self.other.connection, reason: "killed")).asked
        #expect(next.map(\.connection) == [self.squeezed.connection])
    }
}
