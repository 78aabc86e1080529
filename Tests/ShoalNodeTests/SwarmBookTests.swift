import ShoalCore
import ShoalFormats
import ShoalSwarm
import Testing

@testable import ShoalNode

@Suite struct SwarmBookTests {
    private func link(_ number: Int, key: UInt8? = nil) -> MagnetLink {
        MagnetLink(
            manifestID: ManifestID(Digest(sha256Of: Array("\(number)".utf8))),
            swarmKey: key.flatMap { SwarmKey(bytes: [UInt8](repeating: $0, count: 32)) }
        )
    }

    private func handle(_ entrance: SwarmBook.Entrance) -> UInt16? {
        switch entrance {
        case .new(let handle), .known(let handle): handle.rawValue
        case .leaving, .full: nil
        }
    }

    @Test func `handles are given in turn, and one that is free again rests until its turn comes`() {
        var book = SwarmBook()
        let first = (1...3).map { self.handle(book.enter(self.link($0))) }
        #expect(first == [1, 2, 3])
        #expect(book.beginLeaving(self.link(2).manifestID)?.map(\.rawValue) == [2])
        book.endLeaving(self.link(2).manifestID)
        #expect(self.handle(book.enter(self.link(2))) == 4)
        for number in 5...256 { #expect(self.handle(book.enter(self.link(number))) == UInt16(number)) }
        #expect(self.handle(book.enter(self.link(257))) == 2)
        #expect(book.entries.count == SwarmHandle.most)
        guard case .full = book.enter(self.link(258)) else {
            Issue.record("256 swarms are the most")
            return
        }
    }

    @Test func `nobody enters a swarm that is being left, public or private, and it is left once`() {
        var book = SwarmBook()
        #expect(self.handle(book.enter(self.link(1))) == 1)
        #expect(self.handle(book.enter(self.link(1, key: 7))) == 2)
        #expect(book.beginLeaving(self.link(1).manifestID)?.map(\.rawValue) == [1, 2])
        #expect(book.beginLeaving(self.link(1).manifestID) == nil)
        #expect(self.handle(book.enter(self.link(1))) == nil)
        #expect(self.handle(book.enter(self.link(1, key: 8))) == nil)
        book.endLeaving(self.link(1).manifestID)
        #expect(book.entries.isEmpty)
        #expect(self.handle(book.enter(self.link(1))) == 3)
    }
}

@Suite struct FetchDeskTests {
    private let swarm = SwarmHandle(1)

    private func shards(_ positions: Int...) -> Wanted {
        var shards = Bitfield(count: 8)
        for position in positions { shards[position] = true }
        return .shards(shards)
    }

    @Test func `what is wanted is the sum of those who wait and of what was met`() {
        var desk = FetchDesk()
        #expect(desk.wanted(of: self.swarm) == .nothing)
        let (one, other, third) = (desk.enter(self.swarm), desk.enter(self.swarm), desk.enter(self.swarm))
        desk.set(one, self.shards(1, 2))
        desk.set(other, self.shards(2, 3))
        #expect(desk.wanted(of: self.swarm) == self.shards(1, 2, 3))
        desk.set(third, .everything)
        #expect(desk.wanted(of: self.swarm) == .everything)
        desk.leave(third, isMet: false)
        desk.leave(one, isMet: true)
        desk.leave(other, isMet: false)
        #expect(desk.wanted(of: self.swarm) == self.shards(1, 2))
        desk.leave(one, isMet: false)
        #expect(desk.wanted(of: self.swarm) == self.shards(1, 2))
        #expect(desk.wanted(of: SwarmHandle(2)) == .nothing)
    }

    @Test func `what there is no room for is no longer wanted for good, but by those who wait`() {
        var desk = FetchDesk()
        desk.giveUp([ShardIndex(1)], of: self.swarm, count: 8)
        #expect(desk.wanted(of: self.swarm) == .nothing)
        desk.keep(.everything, of: self.swarm)
        desk.giveUp([ShardIndex(1), ShardIndex(7)], of: self.swarm, count: 8)
        #expect(desk.wanted(of: self.swarm) == self.shards(0, 2, 3, 4, 5, 6))
        desk.giveUp([ShardIndex(0)], of: self.swarm, count: 8)
        #expect(desk.wanted(of: self.swarm) == self.shards(2, 3, 4, 5, 6))
        desk.set(desk.enter(self.swarm), self.shards(1))
        desk.giveUp([ShardIndex(1), ShardIndex(2)], of: self.swarm, count: 8)
        #expect(desk.wanted(of: self.swarm) == self.shards(1, 3, 4, 5, 6))
    }

    @Test func `a swarm that was left is wanted no more, and who waited is not counted again`() {
        var desk = FetchDesk()
        let ticket = desk.enter(self.swarm)
        desk.keep(.everything, of: self.swarm)
        desk.remove(self.swarm)
        desk.set(ticket, .everything)
        desk.leave(ticket, isMet: true)
        #expect(desk.wanted(of: self.swarm) == .nothing)
    }
}
