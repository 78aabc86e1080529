import ShoalCore
import Testing

@testable import ShoalSwarm

/// What is remembered of nodes.
struct NodeBookTests {
    private static let swarm = SwarmHandle(1)

    private func node(_ number: Int) -> NodeID {
        NodeID(bytes: (0..<32).map { UInt8(truncatingIfNeeded: number >> (8 * ($0 % 4))) })!
    }

    private func shard(_ index: Int) -> ShardOfSwarm { ShardOfSwarm(swarm: Self.swarm, shard: ShardIndex(index)) }

    private func moment(_ seconds: Int) -> Instant { .zero + .seconds(seconds) }

    /// Strikes for these shards, ten seconds apart, each asked for just before.
    private func strikes(_ book: inout NodeBook, _ shards: [Int]) -> [NodeBook.Verdict] {
        shards.enumerated().map { position, shard in
            let now = self.moment(10 * (position + 1))
            return book.strike(
                self.node(1),
                self.shard(shard),
                askedAt: self.moment(10 * (position + 1) - 1),
                at: now
            )
        }
    }

    @Test func `a second wrong shard is no accident`() {
        var book = NodeBook()
        #expect(self.strikes(&book, [7, 7, 8]) == [.warned, .nothingNew, .banned])
        #expect(book.isBanned(self.node(1)))
        #expect(!book.isBanned(self.node(2)))
    }

    @Test func `what was asked for before the first strike is the same accident`() {
        var book = NodeBook()
        let first = book.strike(self.node(1), self.shard(1), askedAt: self.moment(1), at: self.moment(5))
        let second = book.strike(self.node(1), self.shard(2), askedAt: self.moment(5), at: self.moment(6))
        let third = book.strike(self.node(1), self.shard(2), askedAt: self.moment(6), at: self.moment(7))
        #expect([first, second, third] == [.warned, .nothingNew, .banned])
    }

    @Test func `a shard that was withdrawn counts no more, up to the fourth`() {
        var book = NodeBook()
        var verdicts: [NodeBook.Verdict] = []
        for index in 0..<4 {
            let now = self.moment(10 * index + 10)
            verdicts.append(
                book.strike(self.node(1), self.shard(index), askedAt: self.moment(10 * index + 9), at: now)
            )
            book.withdrew(self.node(1), self.shard(index), at: now)
        }
        #expect(verdicts == [.warned, .warned, .warned, .banned])
    }

    @Test func `withdrawing what was never wrong earns nothing`() {
        var book = NodeBook()
        book.withdrew(self.node(1), self.shard(5), at: .zero)
        #expect(book.count == 0)
        #expect(self.strikes(&book, [1, 2]) == [.warned, .banned])
    }

    @Test func `a full book forgets who was seen longest ago, and banned nodes last`() {
        var book = NodeBook()
        book.ban(self.node(0), at: self.moment(0))
        for number in 1..<NodeBook.limit { book.update(self.node(number), at: self.moment(number)) { _ in } }
        #expect(book.count == NodeBook.limit)
        book.update(self.node(NodeBook.limit), at: self.moment(NodeBook.limit)) { _ in }
        #expect(book.count == NodeBook.limit)
        #expect(book.isBanned(self.node(0)))
        #expect(book[self.node(1)] == nil)
        #expect(book[self.node(2)] != nil)
    }
}
