import ShoalCore
import ShoalSwarm
import Testing

@testable import ShoalSignaling

/// Each bound of the registry, below, at and above.
struct TrackerRegistryBoundsTests {
    @Test
    func `the defaults are what the documentation says`() {
        let configuration = TrackerRegistry.Configuration()
        #expect(configuration.interval == .seconds(30))
        #expect(configuration.peerLifetime == .seconds(180))
        #expect(configuration.takeoverDelay == .seconds(90))
        #expect(configuration.maximumSockets == 20_000)
        #expect(configuration.maximumSwarms == 10_000)
        #expect(configuration.maximumPeersPerSwarm == 1000)
        #expect(configuration.maximumPeersPerSocket == 1000)
        #expect(configuration.maximumPeers == 200_000)
        #expect(configuration.maximumRelayedOffers == 10)
        #expect(configuration.offerLifetime == .seconds(120))
        #expect(configuration.maximumOpenOffers == 100_000)
    }

    @Test
    func `a socket too many is closed, and there is room again when one ends`() {
        var tracker = RegistryDriver(sockets: 2) { $0.maximumSockets = 3 }
        #expect(tracker.handle(.socketOpened(SocketID(3), from: .sample("10.0.0.1"))) == [])
        #expect(tracker.handle(.socketOpened(SocketID(4), from: .sample("10.0.0.1"))) == [.close(SocketID(4))])
        #expect(tracker.registry.isOpen(SocketID(3)))
        #expect(!tracker.registry.isOpen(SocketID(4)))
        #expect(tracker.announce(Sample.announce(1), from: 4) == [])
        _ = tracker.handle(.socketClosed(SocketID(4)))
        _ = tracker.handle(.socketClosed(SocketID(1)))
        #expect(tracker.handle(.socketOpened(SocketID(5), from: .sample("10.0.0.1"))) == [])
    }

    @Test
    func `a swarm too many is refused by name, and known swarms go on`() {
        var tracker = RegistryDriver(sockets: 2) { $0.maximumSwarms = 2 }
        tracker.announce(Sample.announce(1, in: 1), from: 1)
        #expect(tracker.announce(Sample.announce(1, in: 2), from: 1) == [.send(Sample.announced(0, 1, in: 2), to: 1)])
        let refusal = TrackerResponse.failure(reason: "this tracker has 2 swarms already", infoHash: Sample.infoHash(3))
        #expect(tracker.announce(Sample.announce(1, in: 3), from: 1) == [.send(refusal, to: 1)])
        #expect(tracker.announce(Sample.announce(2, in: 2), from: 2) == [.send(Sample.announced(0, 2, in: 2), to: 2)])
        tracker.announce(Sample.announce(1, in: 1, event: .stopped), from: 1)
        #expect(tracker.announce(Sample.announce(1, in: 3), from: 1) == [.send(Sample.announced(0, 1, in: 3), to: 1)])
    }

    @Test
    func `in a full swarm the peer that was silent for longest makes room`() {
        var tracker = RegistryDriver(sockets: 4) { $0.maximumPeersPerSwarm = 3 }
        for peer in 1...3 {
            tracker.now = .zero + .seconds(peer)
            let effects = tracker.announce(Sample.announce(peer), from: peer)
            #expect(effects == [.send(Sample.announced(0, peer), to: SocketID(UInt64(peer)))])
        }
        tracker.now = .zero + .seconds(4)
        tracker.announce(Sample.announce(1), from: 1)
        let effects = tracker.announce(Sample.announce(4, offers: [Sample.offer(1), Sample.offer(2)]), from: 4)
        #expect(effects.first == .send(Sample.announced(0, 3), to: 4))
        #expect(Set(effects.receivers(ofOffersBy: 4)) == [1, 3])
        #expect(tracker.registry.totals == .init(sockets: 4, swarms: 1, peers: 3, seeders: 0))
    }

    @Test
    func `whoever invents peers crowds nobody out of a full swarm who comes from elsewhere`() {
        var tracker = RegistryDriver(sockets: 2) { $0.maximumPeersPerSwarm = 10 }
        tracker.open(3...3, from: "10.0.0.2")
        tracker.open(4...9, from: "10.0.0.3")
        for socket in 1...3 { tracker.announce(Sample.announce(socket), from: socket) }
        for peer in 10..<100 {
            tracker.now = .zero + .seconds(peer)
            tracker.announce(Sample.announce(peer), from: 4 + peer % 6)
        }
        #expect(tracker.registry.totals.peers == 10)
        let offers = (0..<9).map { Sample.offer($0) }
        let receivers = tracker.announce(Sample.announce(99, offers: offers), from: 4 + 99 % 6)
            .receivers(ofOffersBy: 99)
        #expect(Set(receivers).isSuperset(of: [1, 2, 3]))
    }

    @Test
    func `one offer in four goes to a random address, where one peer counts as much as a hundred`() {
        var tracker = RegistryDriver(sockets: 1)
        tracker.open(2...2, from: "10.0.0.2")
        tracker.open(3...102, from: "10.0.0.3")
        for peer in 2...102 { tracker.announce(Sample.announce(peer), from: peer) }
        var count = 0
        for number in 0..<4000 {
            let effects = tracker.announce(Sample.announce(1, offers: [Sample.offer(number)]), from: 1)
            if effects.receivers(ofOffersBy: 1) == [2] { count += 1 }
        }
        // A twelfth by its address, which is one of three, and a hundredth of the rest.
        #expect((300...440).contains(count), "\(count)")
    }

    @Test
    func `what is announced belongs to its address until it was silent for 90 s`() {
        var tracker = RegistryDriver(sockets: 2)
        tracker.open(3...3, from: "10.0.0.2")
        tracker.announce(Sample.announce(1), from: 1)
        let reason = "another address announces this peer ID: use one of your own"
        let refusal = TrackerResponse.failure(reason: reason, infoHash: Sample.infoHash(1))
        #expect(tracker.announce(Sample.announce(1), from: 3) == [.send(refusal, to: 3)])
        #expect(tracker.announce(Sample.announce(1), from: 2) == [.send(Sample.announced(0, 1), to: 2)])
        tracker.now = .zero + .milliseconds(89_999)
        #expect(tracker.announce(Sample.announce(1), from: 3) == [.send(refusal, to: 3)])
        tracker.now = .zero + .seconds(90)
        #expect(tracker.announce(Sample.announce(1), from: 3) == [.send(Sample.announced(0, 1), to: 3)])
        #expect(tracker.registry.totals.peers == 1)
    }

    @Test
    func `a socket stands for so many peers and no more`() {
        var tracker = RegistryDriver(sockets: 2) { $0.maximumPeersPerSocket = 2 }
        tracker.announce(Sample.announce(1, in: 1), from: 1)
        #expect(tracker.announce(Sample.announce(1, in: 2), from: 1) == [.send(Sample.announced(0, 1, in: 2), to: 1)])
        let reason = "this connection stands for 2 peers already: open another"
        #expect(
            tracker.announce(Sample.announce(1, in: 3), from: 1)
                == [.send(.failure(reason: reason, infoHash: Sample.infoHash(3)), to: 1)]
        )
        // Neither can it take over another's.
        tracker.announce(Sample.announce(2, in: 1), from: 2)
        #expect(
            tracker.announce(Sample.announce(2, in: 1), from: 1)
                == [.send(.failure(reason: reason, infoHash: Sample.infoHash(1)), to: 1)]
        )
        #expect(tracker.announce(Sample.announce(1, in: 1), from: 1) == [.send(Sample.announced(0, 2), to: 1)])
    }

    @Test
    func `a peer too many is refused`() {
        var tracker = RegistryDriver(sockets: 3) { $0.maximumPeers = 2 }
        tracker.announce(Sample.announce(1), from: 1)
        #expect(tracker.announce(Sample.announce(2), from: 2) == [.send(Sample.announced(0, 2), to: 2)])
        let refusal = TrackerResponse.failure(reason: "this tracker has 2 peers already", infoHash: Sample.infoHash(1))
        #expect(tracker.announce(Sample.announce(3), from: 3) == [.send(refusal, to: 3)])
        #expect(tracker.announce(Sample.announce(2), from: 3) == [.send(Sample.announced(0, 2), to: 3)])
    }

    @Test(arguments: [9, 10, 11, 82])
    func `at most ten offers of an announce are handed on`(count: Int) {
        var tracker = RegistryDriver(sockets: 90)
        for peer in 1...89 { tracker.announce(Sample.announce(peer), from: peer) }
        let offers = (0..<count).map { Sample.offer($0) }
        let effects = tracker.announce(Sample.announce(90, offers: offers), from: 90)
        #expect(effects.receivers(ofOffersBy: 90).count == min(count, 10))
    }

    @Test(arguments: [999, 1000, 1001])
    func `a scrape of everything is refused when there is too much`(count: Int) {
        var tracker = RegistryDriver(sockets: 2)
        for swarm in 0..<count { tracker.announce(Sample.announce(1, in: swarm), from: swarm < 1000 ? 1 : 2) }
        let effect = tracker.send(.scrape([]), from: 1).first
        if count > 1000 {
            #expect(effect == .refuseScrape(reason: "1001 swarms: name up to 1000 of them", infoHash: nil, to: 1))
        } else if case .send(.scraped(let swarms), to: 1) = effect {
            #expect(swarms.count == count)
        } else {
            Issue.record("a scrape of \(count) swarms is answered with counts")
        }
    }
}
