import ShoalCore
import ShoalSwarm
import Testing

@testable import ShoalSignaling

struct TrackerRegistryTests {
    private var tracker = RegistryDriver(sockets: 3)

    @Test
    mutating func `an announce is answered with counts and interval`() {
        #expect(
            self.tracker.announce(Sample.announce(1, event: .started), from: 1) == [
                .send(Sample.announced(0, 1), to: 1)
            ]
        )
        #expect(self.tracker.announce(Sample.announce(2, left: 0), from: 2) == [.send(Sample.announced(1, 1), to: 2)])
        #expect(self.tracker.announce(Sample.announce(1), from: 1) == [.send(Sample.announced(1, 1), to: 1)])
        #expect(self.tracker.registry.totals == .init(sockets: 3, swarms: 1, peers: 2, seeders: 1))
    }

    @Test
    mutating func `offers go to other peers, one each, and to nobody when there is nobody`() {
        let offers = [Sample.offer(1), Sample.offer(2)]
        #expect(
            self.tracker.announce(Sample.announce(1, offers: offers), from: 1) == [.send(Sample.announced(0, 1), to: 1)]
        )
        #expect(
            self.tracker.announce(Sample.announce(2, offers: offers), from: 2) == [
                .send(Sample.announced(0, 2), to: 2),
                .send(.offer(infoHash: Sample.infoHash(1), from: Sample.peerID(2), offer: offers[0]), to: 1),
            ]
        )
        let effects = self.tracker.announce(Sample.announce(3, offers: offers), from: 3)
        #expect(Set(effects.receivers(ofOffersBy: 3)) == [1, 2])
    }

    @Test
    mutating func `a swarm's offers stay in the swarm`() {
        self.tracker.announce(Sample.announce(1, in: 1), from: 1)
        let effects = self.tracker.announce(Sample.announce(2, in: 2, offers: [Sample.offer(1)]), from: 2)
        #expect(effects == [.send(Sample.announced(0, 1, in: 2), to: 2)])
    }

    @Test
    mutating func `an answer goes to whom it names and gets no reply`() {
        self.tracker.announce(Sample.announce(2), from: 2)
        self.tracker.announce(Sample.announce(1, offers: [Sample.offer(1)]), from: 1)
        let answer = Sample.answer(from: 2, to: 1)
        #expect(
            self.tracker.send(.answer(answer), from: 2) == [
                .send(
                    .answer(infoHash: answer.infoHash, from: answer.peerID, offerID: answer.offerID, sdp: answer.sdp),
                    to: 1
                )
            ]
        )
    }

    @Test
    mutating func `an answer to nobody, of nobody, or in another's name is dropped`() {
        self.tracker.announce(Sample.announce(2), from: 2)
        self.tracker.announce(Sample.announce(1, offers: [Sample.offer(1)]), from: 1)
        #expect(self.tracker.send(.answer(Sample.answer(from: 2, to: 9)), from: 2) == [])
        #expect(self.tracker.send(.answer(Sample.answer(from: 9, to: 1)), from: 3) == [])
        #expect(self.tracker.send(.answer(Sample.answer(from: 2, to: 1)), from: 3) == [])
        #expect(self.tracker.registry.totals.peers == 2)
        #expect(self.tracker.registry.counters.droppedAnswers == 3)
    }

    @Test
    mutating func `an answer is a sign of life and tells a seeder`() {
        self.tracker.announce(Sample.announce(1, left: 5), from: 1)
        self.tracker.announce(Sample.announce(2, left: 5), from: 2)
        self.tracker.now = .zero + .seconds(100)
        _ = self.tracker.send(.answer(Sample.answer(from: 2, to: 1, left: 0)), from: 2)
        self.tracker.now = .zero + .seconds(180)
        #expect(self.tracker.announce(Sample.announce(3), from: 3) == [.send(Sample.announced(1, 1), to: 3)])
    }

    @Test
    mutating func `stopped is answered, removes the peer, and gets no offers out`() {
        self.tracker.announce(Sample.announce(1), from: 1)
        self.tracker.announce(Sample.announce(2), from: 2)
        let stop = Sample.announce(1, event: .stopped, offers: [Sample.offer(1)])
        #expect(self.tracker.announce(stop, from: 1) == [.send(Sample.announced(0, 1), to: 1)])
        #expect(self.tracker.announce(stop, from: 1) == [.send(Sample.announced(0, 1), to: 1)])
        #expect(
            self.tracker.announce(Sample.announce(1, in: 7, event: .stopped), from: 1)
                == [.send(Sample.announced(0, 0, in: 7), to: 1)]
        )
        #expect(self.tracker.registry.totals == .init(sockets: 3, swarms: 1, peers: 1, seeders: 0))
    }

    @Test
    mutating func `nobody stops another socket's peer`() {
        self.tracker.announce(Sample.announce(1), from: 1)
        let effects = self.tracker.announce(Sample.announce(1, event: .stopped), from: 2)
        #expect(effects == [.send(Sample.announced(0, 1), to: 2)])
    }

    @Test
    mutating func `a peer becomes a seeder, is counted once, and can lose what it had`() {
        self.tracker.announce(Sample.announce(1, left: 9), from: 1)
        #expect(
            self.tracker.announce(Sample.announce(1, event: .completed), from: 1).first
                == .send(Sample.announced(1, 0), to: 1)
        )
        self.tracker.announce(Sample.announce(1, event: .completed, left: 0), from: 1)
        #expect(self.tracker.announce(Sample.announce(1), from: 1).first == .send(Sample.announced(1, 0), to: 1))
        let counts = TrackerCounts(complete: 1, incomplete: 0, downloaded: 1)
        #expect(
            self.tracker.send(.scrape([Sample.infoHash(1)]), from: 2)
                == [.send(.scraped([Sample.infoHash(1): counts]), to: 2)]
        )
        #expect(
            self.tracker.announce(Sample.announce(1, left: 4), from: 1).first == .send(Sample.announced(0, 1), to: 1)
        )
    }

    @Test
    mutating func `scrape tells of one, of several, and of all`() {
        self.tracker.announce(Sample.announce(1, in: 1, left: 0), from: 1)
        self.tracker.announce(Sample.announce(1, in: 2), from: 1)
        let (one, two, none) = (Sample.infoHash(1), Sample.infoHash(2), Sample.infoHash(3))
        let seeder = TrackerCounts(complete: 1, incomplete: 0, downloaded: 0)
        let leecher = TrackerCounts(complete: 0, incomplete: 1, downloaded: 0)
        let nothing = TrackerCounts(complete: 0, incomplete: 0, downloaded: 0)
        #expect(self.tracker.send(.scrape([one]), from: 3) == [.send(.scraped([one: seeder]), to: 3)])
        #expect(
            self.tracker.send(.scrape([two, none]), from: 3)
                == [.send(.scraped([two: leecher, none: nothing]), to: 3)]
        )
        #expect(self.tracker.send(.scrape([]), from: 3) == [.send(.scraped([one: seeder, two: leecher]), to: 3)])
    }

    @Test
    mutating func `a garbled scrape is refused as a scrape`() {
        let error = TrackerCodecError(field: "info_hash", problem: "must be a string").about(nil, isScrape: true)
        #expect(
            self.tracker.handle(.garbled(error, from: 1))
                == [.refuseScrape(reason: "info_hash: must be a string", infoHash: nil, to: 1)]
        )
    }

    @Test
    mutating func `a garbled message is answered with what is known of it`() {
        let error = TrackerCodecError(field: "peer_id", problem: "is missing", infoHash: Sample.infoHash(4))
        #expect(
            self.tracker.handle(.garbled(error, from: 1))
                == [.send(.failure(reason: "peer_id: is missing", infoHash: Sample.infoHash(4)), to: 1)]
        )
    }

    @Test
    mutating func `the end of a socket stops all its peers`() {
        self.tracker.announce(Sample.announce(1, in: 1), from: 1)
        self.tracker.announce(Sample.announce(2, in: 1, left: 0), from: 1)
        self.tracker.announce(Sample.announce(1, in: 2), from: 1)
        self.tracker.announce(Sample.announce(3, in: 1), from: 2)
        #expect(self.tracker.handle(.socketClosed(SocketID(1))) == [])
        #expect(self.tracker.registry.totals == .init(sockets: 2, swarms: 1, peers: 1, seeders: 0))
        #expect(self.tracker.handle(.socketClosed(SocketID(1))) == [])
    }

    @Test
    mutating func `what comes from a socket that has ended is ignored`() {
        _ = self.tracker.handle(.socketClosed(SocketID(1)))
        #expect(self.tracker.announce(Sample.announce(1), from: 1) == [])
        #expect(
            self.tracker.handle(.garbled(TrackerCodecError(field: "message", problem: ""), from: SocketID(1))) == []
        )
        #expect(self.tracker.registry.totals == .init(sockets: 2))
    }

    @Test
    mutating func `a newer socket takes a peer over, and the end of the older does not remove it`() {
        self.tracker.announce(Sample.announce(1), from: 1)
        self.tracker.announce(Sample.announce(1), from: 2)
        #expect(self.tracker.registry.totals.peers == 1)
        self.tracker.announce(Sample.announce(1, event: .stopped), from: 1)
        _ = self.tracker.handle(.socketClosed(SocketID(1)))
        let effects = self.tracker.announce(Sample.announce(3, offers: [Sample.offer(1)]), from: 3)
        #expect(effects.first == .send(Sample.announced(0, 2), to: 3))
        #expect(effects.receivers(ofOffersBy: 3) == [2])
        _ = self.tracker.handle(.socketClosed(SocketID(2)))
        #expect(self.tracker.registry.totals.peers == 1)
    }

    @Test(arguments: [179, 180, 181])
    mutating func `a peer is forgotten after three minutes without announce`(seconds: Int) {
        self.tracker.announce(Sample.announce(1), from: 1)
        self.tracker.now = .zero + .seconds(seconds)
        let others = seconds < 180 ? 1 : 0
        #expect(self.tracker.announce(Sample.announce(2), from: 2) == [.send(Sample.announced(0, 1 + others), to: 2)])
    }

    @Test
    mutating func `swarms that nobody asks about are swept, and then there is nothing to wait for`() {
        #expect(self.tracker.registry.nextDeadline == nil)
        self.tracker.announce(Sample.announce(1), from: 1)
        #expect(self.tracker.registry.nextDeadline == .zero + .seconds(30))
        #expect(self.tracker.handle(.deadline) == [])
        #expect(self.tracker.registry.nextDeadline == .zero + .seconds(30))
        for seconds in stride(from: 30, through: 150, by: 30) {
            self.tracker.now = .zero + .seconds(seconds)
            _ = self.tracker.handle(.deadline)
            #expect(self.tracker.registry.totals.peers == 1)
            #expect(self.tracker.registry.nextDeadline == .zero + .seconds(seconds + 30))
        }
        self.tracker.now = .zero + .seconds(180)
        _ = self.tracker.handle(.deadline)
        #expect(self.tracker.registry.totals == .init(sockets: 3))
        #expect(self.tracker.registry.nextDeadline == nil)
        #expect(self.tracker.announce(Sample.announce(1), from: 1) == [.send(Sample.announced(0, 1), to: 1)])
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `the same seed and inputs give the same effects`(seed: UInt64) {
        func run() -> [TrackerRegistry.Effect] {
            var tracker = RegistryDriver(sockets: 20, seed: seed)
            var effects: [TrackerRegistry.Effect] = []
            for round in 0..<5 {
                for peer in 1...20 {
                    let offers = (0..<4).map { Sample.offer(round * 100 + $0) }
                    effects += tracker.announce(Sample.announce(peer, offers: offers), from: peer)
                }
                effects += tracker.handle(.socketClosed(SocketID(UInt64(round + 1))))
            }
            return effects
        }
        #expect(run() == run())
    }

    @Test
    func `offers reach everyone sooner or later, and nobody twice`() {
        var tracker = RegistryDriver(sockets: 12, seed: 5)
        for peer in 1...12 { tracker.announce(Sample.announce(peer), from: peer) }
        var reached: Set<Int> = []
        for _ in 0..<40 {
            let effects = tracker.announce(Sample.announce(1, offers: (0..<3).map { Sample.offer($0) }), from: 1)
            let receivers = effects.receivers(ofOffersBy: 1)
            #expect(receivers.count == 3)
            #expect(Set(receivers).count == 3)
            reached.formUnion(receivers)
        }
        #expect(reached == Set(2...12))
    }
}
