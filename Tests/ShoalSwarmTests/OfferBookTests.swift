import ShoalCore
import Testing

@testable import ShoalSwarm

/// Offers that wait for an answer.
struct OfferBookTests {
    private func place(_ tracker: Int, _ swarm: UInt16 = 1) -> OfferBook.Place {
        OfferBook.Place(tracker: TrackerIndex(tracker), swarm: SwarmHandle(swarm))
    }

    private func book(_ count: Int) -> OfferBook {
        var book = OfferBook()
        var generator = SeededGenerator(seed: 1)
        for number in 0..<UInt64(count) {
            let connection = ConnectionID(number)
            book.begin(connection, id: .random(using: &generator), at: .zero)
            _ = book.described(connection, sdp: "offer \(number)")
        }
        return book
    }

    @Test func `an offer is at one place at a time`() {
        var book = self.book(5)
        let first = book.take(3, for: self.place(0), at: .zero).map(\.sdp)
        let second = book.take(3, for: self.place(1), at: .zero).map(\.sdp)
        let third = book.take(3, for: self.place(0, 2), at: .zero)
        #expect(first == ["offer 0", "offer 1", "offer 2"])
        #expect(second == ["offer 3", "offer 4"])
        #expect(third.isEmpty)
    }

    @Test func `it is offered again where it was, and elsewhere once nobody answers there`() {
        var book = self.book(2)
        let first = book.take(2, for: self.place(0), at: .zero)
        let again = book.take(2, for: self.place(0), at: .zero + .seconds(10))
        let early = book.take(2, for: self.place(1), at: .zero + .seconds(34))
        let late = book.take(2, for: self.place(1), at: .zero + .seconds(35))
        #expect(again == first)
        #expect(early.isEmpty)
        #expect(late == first)
    }
}
