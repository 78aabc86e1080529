import ShoalCore
import ShoalSwarm
import Testing

@testable import ShoalSignaling

/// Who may answer an offer, how often, and for how long.
struct RelayedOffersTests {
    private var tracker = RegistryDriver(sockets: 4)

    /// Peers 2 and 3 are there; peer 1 makes offer 1, which goes to one of them.
    private mutating func offer() -> (receiver: Int, other: Int) {
        for peer in 2...3 { self.tracker.announce(Sample.announce(peer), from: peer) }
        let effects = self.tracker.announce(Sample.announce(1, offers: [Sample.offer(1)]), from: 1)
        let receiver = effects.receivers(ofOffersBy: 1)[0]
        return (receiver, 5 - receiver)
    }

    private mutating func answer(from peer: Int) -> Int {
        self.tracker.send(.answer(Sample.answer(from: peer, to: 1)), from: peer).count
    }

    @Test
    mutating func `an offer is answered once`() {
        let (receiver, _) = self.offer()
        #expect(self.answer(from: receiver) == 1)
        #expect(self.answer(from: receiver) == 0)
        #expect(self.tracker.registry.counters.answers == 1)
        #expect(self.tracker.registry.counters.droppedAnswers == 1)
    }

    @Test
    mutating func `who did not get an offer does not answer it, and who did still can`() {
        let (receiver, other) = self.offer()
        #expect(self.answer(from: other) == 0)
        #expect(self.answer(from: receiver) == 1)
    }

    @Test
    mutating func `an offer that is made again may be answered by everyone who got it, once`() {
        var receivers: Set<Int> = [self.offer().receiver]
        for _ in 0..<40 where receivers.count < 2 {
            let effects = self.tracker.announce(Sample.announce(1, offers: [Sample.offer(1)]), from: 1)
            receivers.formUnion(effects.receivers(ofOffersBy: 1))
        }
        #expect(receivers == [2, 3])
        let later = self.answer(from: 3)
        let latest = self.answer(from: 2)
        #expect(later == 1)
        #expect(latest == 0)
    }

    @Test(arguments: [119, 120])
    mutating func `an offer may be answered for two minutes`(seconds: Int) {
        let (receiver, _) = self.offer()
        self.tracker.now = .zero + .seconds(seconds)
        #expect(self.answer(from: receiver) == (seconds < 120 ? 1 : 0))
    }

    @Test
    mutating func `an offer that is made again may be answered for two minutes from then`() {
        let (receiver, _) = self.offer()
        self.tracker.now = .zero + .seconds(60)
        for peer in 2...3 { self.tracker.announce(Sample.announce(peer), from: peer) }
        self.tracker.announce(Sample.announce(1, offers: [Sample.offer(1)]), from: 1)
        self.tracker.now = .zero + .seconds(179)
        #expect(self.answer(from: receiver) == 1)
    }

    @Test
    mutating func `an answer names the swarm of its offer`() {
        let (receiver, _) = self.offer()
        self.tracker.announce(Sample.announce(receiver, in: 2), from: receiver)
        self.tracker.announce(Sample.announce(1, in: 2), from: 1)
        var answer = Sample.answer(from: receiver, to: 1)
        answer.infoHash = Sample.infoHash(2)
        #expect(self.tracker.send(.answer(answer), from: receiver) == [])
    }

    private func key(_ number: Int) -> RelayedOffers.Key {
        .init(infoHash: Sample.infoHash(1), from: Sample.peerID(1), offerID: Sample.offerID(number))
    }

    @Test
    func `beyond the bound the oldest offers cannot be answered any more`() {
        var offers = RelayedOffers(capacity: 3, lifetime: .seconds(120))
        for number in 1...4 { offers.handedOn(self.key(number), to: Sample.peerID(2), at: .zero) }
        #expect(offers.count == 3)
        let oldest = offers.take(self.key(1), by: Sample.peerID(2), at: .zero)
        #expect(!oldest)
        for number in 2...4 {
            let isOpen = offers.take(self.key(number), by: Sample.peerID(2), at: .zero)
            #expect(isOpen)
        }
        #expect(offers.count == 0)
    }

    @Test(arguments: [8, 9])
    func `the last eight receivers of an offer may answer it`(receivers: Int) {
        var offers = RelayedOffers(capacity: 100, lifetime: .seconds(120))
        for peer in 1...receivers { offers.handedOn(self.key(1), to: Sample.peerID(peer), at: .zero) }
        let first = offers.take(self.key(1), by: Sample.peerID(1), at: .zero)
        #expect(first == (receivers == 8))
    }

    @Test
    func `what is handed on for hours leaves nothing behind`() {
        var offers = RelayedOffers(capacity: 1000, lifetime: .seconds(120))
        for number in 0..<10_000 {
            offers.handedOn(self.key(number), to: Sample.peerID(2), at: .zero + .seconds(number))
        }
        #expect(offers.count == 120)
        offers.forgetOld(at: .zero + .seconds(20_000))
        #expect(offers.count == 0)
    }
}
