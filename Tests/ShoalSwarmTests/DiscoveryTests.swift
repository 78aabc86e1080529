import ShoalCore
import ShoalSwarm
import ShoalWire
import Testing

@Suite struct DiscoveryTests {
    private static let tracker = TrackerIndex(0)
    private static let stranger = PeerID(bytes: [UInt8](repeating: 4, count: 20))!
    private static let strangersOffer = OfferID(bytes: [UInt8](repeating: 5, count: 20))!

    /// A machine whose tracker is connected and whose offers are described: it has just announced itself.
    private func started(isSeeder: Bool = false) -> (MachineDriver, [TrackerAnnounce]) {
        var driver = MachineDriver(trackers: 1)
        let offers = driver.addSwarm(shardSizes: [1_000], isSeeder: isSeeder, trackers: 1).offers
        var effects = driver.feed(.trackerConnected(Self.tracker))
        for connection in offers { effects += driver.feed(.described(connection, sdp: "offer \(connection.rawValue)")) }
        return (driver, effects.announces)
    }

    private func counted(_ size: Int) -> MeshInput {
        let statistics = TrackerStatistics(infoHash: MachineDriver.infoHash, complete: size, incomplete: 0)
        return .trackerReceived(Self.tracker, .announced(statistics))
    }

    @Test func `a new swarm connects its tracker and prepares offers`() {
        var driver = MachineDriver(trackers: 1)
        let effects = driver.addSwarm(shardSizes: [1_000], isSeeder: false, trackers: 1)
        #expect(effects.contains(.connectTracker(Self.tracker)))
        #expect(effects.offers.count == MeshConfiguration().offersPerAnnounce)
    }

    @Test func `the first announce says started, what is left, and carries the offers`() {
        let (_, announces) = self.started()
        #expect(announces.count == 1)
        #expect(announces.first?.event == .started)
        #expect(announces.first?.left == 1_000)
        #expect(announces.first?.offers.count == 5)
        #expect(Set(announces.first?.offers.map(\.offerID) ?? []).count == 5)
    }

    @Test func `the first announce does not wait for offers longer than 300 ms`() {
        var driver = MachineDriver(trackers: 1)
        _ = driver.addSwarm(shardSizes: [1_000], isSeeder: true, trackers: 1)
        #expect(driver.feed(.trackerConnected(Self.tracker)).announces.isEmpty)
        #expect(driver.pass(.milliseconds(299)).announces.isEmpty)
        let announces = driver.pass(.milliseconds(1)).announces
        #expect(announces.map(\.event) == [.started])
        #expect(announces.first?.left == 0)
        #expect(announces.first?.offers.isEmpty == true)
    }

    @Test func `later announces name no event and come every 30 s`() {
        var (driver, _) = self.started(isSeeder: true)
        #expect(driver.pass(.milliseconds(29_999)).announces.isEmpty)
        #expect(driver.pass(.milliseconds(1)).announces.map(\.event) == [nil])
    }

    @Test func `nobody else in the swarm: no offers are burnt`() {
        var (driver, _) = self.started(isSeeder: true)
        _ = driver.feed(self.counted(1))
        #expect(driver.pass(.seconds(30)).announces.first?.offers.isEmpty == true)
    }

    @Test func `offers that nobody took are offered again, until they are stale`() {
        var (driver, announces) = self.started(isSeeder: true)
        _ = driver.feed(self.counted(9))
        #expect(driver.pass(.seconds(30)).announces.first?.offers == announces.first?.offers)
        let later = driver.pass(.seconds(91))
        #expect(later.count { if case .disconnect(_, "nobody answered the offer") = $0 { true } else { false } } == 5)
        #expect(later.offers.count == 5)
        announces.removeAll()
    }

    @Test func `a node that stops says nothing more to its trackers, and hears nothing`() throws {
        var (driver, announces) = self.started()
        let offer = try #require(announces.first?.offers.first)
        #expect(driver.feed(.stop).announces.map(\.event) == [.stopped])
        let found = Bitfield.full(count: 1)
        let whole = driver.feed(.chunksFound(MachineDriver.swarm, ShardIndex(0 as Int), found))
        #expect(whole.observations.contains(.swarmCompleted(MachineDriver.swarm)))
        #expect(whole.announces.isEmpty)
        let answer = TrackerResponse.answer(
            infoHash: MachineDriver.infoHash,
            from: Self.stranger,
            offerID: offer.offerID,
            sdp: "answer"
        )
        #expect(driver.feed(.trackerReceived(Self.tracker, answer)).isEmpty)
        announces.removeAll()
    }

    @Test func `an answer is accepted once; answers to nothing are ignored`() {
        var (driver, announces) = self.started()
        guard let offer = announces.first?.offers.first else { return }
        let answer = TrackerResponse.answer(
            infoHash: MachineDriver.infoHash,
            from: Self.stranger,
            offerID: offer.offerID,
            sdp: "answer"
        )
        let first = driver.feed(.trackerReceived(Self.tracker, answer))
        #expect(first.contains { if case .acceptAnswer(_, "answer") = $0 { true } else { false } })
        #expect(driver.feed(.trackerReceived(Self.tracker, answer)).isEmpty)
        let foreign = TrackerResponse.answer(
            infoHash: MachineDriver.infoHash,
            from: Self.stranger,
            offerID: Self.strangersOffer,
            sdp: "answer"
        )
        #expect(driver.feed(.trackerReceived(Self.tracker, foreign)).isEmpty)
        announces.removeAll()
    }

    @Test func `an accepted answer that never opens is given up`() {
        var (driver, announces) = self.started(isSeeder: true)
        guard let offer = announces.first?.offers.first else { return }
        let answer = TrackerResponse.answer(
            infoHash: MachineDriver.infoHash,
            from: Self.stranger,
            offerID: offer.offerID,
            sdp: "answer"
        )
        let effects = driver.feed(.trackerReceived(Self.tracker, answer))
        guard case .acceptAnswer(let connection, _) = effects.first else { return }
        #expect(driver.pass(.milliseconds(19_999)).closing(connection) == nil)
        #expect(driver.pass(.milliseconds(1)).closing(connection) == "it did not open in time")
        announces.removeAll()
    }

    @Test func `an offer is answered through the tracker that brought it`() {
        var (driver, announces) = self.started()
        let effects = driver.feed(self.offer(from: Self.stranger))
        guard case .makeAnswer(let connection, "their offer") = effects.first else {
            Issue.record("no answer was made: \(effects)")
            return
        }
        let answered = driver.feed(.described(connection, sdp: "our answer"))
        #expect(
            answered == [
                .sendToTracker(
                    Self.tracker,
                    .answer(
                        TrackerAnswer(
                            infoHash: MachineDriver.infoHash,
                            peerID: announces[0].peerID,
                            toPeerID: Self.stranger,
                            offerID: Self.strangersOffer,
                            sdp: "our answer",
                            left: 1_000
                        )
                    )
                )
            ]
        )
    }

    @Test func `our own offer, relayed to us, and offers of foreign swarms are ignored`() {
        var (driver, announces) = self.started()
        #expect(driver.feed(self.offer(from: announces[0].peerID)).isEmpty)
        let foreign = TrackerResponse.offer(
            infoHash: InfoHash(bytes: [UInt8](repeating: 1, count: 20))!,
            from: Self.stranger,
            offer: TrackerOffer(offerID: Self.strangersOffer, sdp: "their offer")
        )
        #expect(driver.feed(.trackerReceived(Self.tracker, foreign)).isEmpty)
    }

    @Test func `a flood of offers is answered up to the bound`() {
        var (driver, _) = self.started()
        let answers = (0..<30).map { _ in driver.feed(self.offer(from: Self.stranger)).count }
        #expect(answers.reduce(0, +) == MeshConfiguration().maximumHandshakes)
    }

    @Test(arguments: 0..<18) func `a lost tracker is tried again within 2 s, then less and less often`(round: Int) {
        var driver = MachineDriver(trackers: 1)
        _ = driver.addSwarm(shardSizes: [1_000], isSeeder: true, trackers: 1)
        var delays: [Duration] = []
        for _ in 0...round {
            for case .trackerLost(_, "gone", let delay) in driver.feed(.trackerClosed(Self.tracker, reason: "gone"))
                .observations
            {
                delays.append(delay)
                #expect(driver.pass(delay).contains(.connectTracker(Self.tracker)))
            }
        }
        #expect(delays.count == round + 1)
        #expect(delays.prefix(8).allSatisfy { $0 >= .milliseconds(500) && $0 <= .seconds(2) })
        #expect(round < 8 || delays[round] >= min(.milliseconds(500) * (1 << (round - 7)), .seconds(60)))
        #expect(delays.allSatisfy { $0 <= .seconds(60) })
    }

    @Test func `every socket gets a peer ID of its own, and started again`() {
        var (driver, announces) = self.started(isSeeder: true)
        _ = driver.feed(.trackerClosed(Self.tracker, reason: "gone"))
        let again = driver.feed(.trackerConnected(Self.tracker)).announces + driver.pass(.seconds(1)).announces
        #expect(again.first?.event == .started)
        #expect(again.first?.peerID != announces.first?.peerID)
        announces.removeAll()
    }

    @Test func `a fetcher without peers asks again soon, and less often each time`() {
        var (driver, _) = self.started()
        var moments: [Duration] = []
        let start = driver.now
        while driver.now - start < .seconds(100) {
            if !driver.pass(.milliseconds(100)).announces.isEmpty { moments.append(driver.now - start) }
        }
        let gaps = zip(moments.dropFirst(), moments).map { $0 - $1 }
        #expect(moments.first.map { $0 <= .milliseconds(2_100) } == true)
        #expect(gaps == gaps.sorted())
        #expect(gaps.allSatisfy { $0 <= .milliseconds(30_100) })
    }

    @Test func `who comes and goes without sharing a swarm does not hurry a fetcher to its tracker`() {
        var (driver, _) = self.started()
        let start = driver.now
        var announces = 0
        for number in 0..<100 {
            let visitor = PlayedPeer(number: 1, connection: 900 + UInt64(number))
            visitor.connect(to: &driver)
            _ = driver.feed(.closed(visitor.connection, reason: "gone"))
            announces += driver.pass(.milliseconds(100)).announces.count
        }
        // After 2 s and after 6 s, as if nobody had been there.
        #expect(driver.now - start == .seconds(10))
        #expect(announces == 2)
    }

    @Test func `who has every byte says completed once`() {
        var driver = MachineDriver(trackers: 1)
        let offers = driver.addSwarm(shardSizes: [1_000], isSeeder: false, trackers: 1).offers
        _ = driver.feed(.trackerConnected(Self.tracker))
        for connection in offers { _ = driver.feed(.described(connection, sdp: "offer")) }
        let peer = PlayedPeer(number: 1, connection: 900)
        peer.enter(&driver)
        let asked = driver.feed(peer.say(.bitfield(.full(count: 1))))
        guard
            case .request(_, let swarm, let request) = asked.first(where: {
                if case .request = $0 { true } else { false }
            })
        else {
            Issue.record("nothing was asked for: \(asked)")
            return
        }
        let arrived = driver.feed(
            .frameArrived(peer.connection, request: request.id, chunk: ChunkIndex(0), completesChunk: true)
        )
        let receipt = ChunkReceipt(
            connection: peer.connection,
            request: request.id,
            swarm: swarm,
            shard: ShardIndex(0),
            chunk: ChunkIndex(0)
        )
        #expect(arrived == [.verify(receipt)])
        let done = driver.feed(.chunkVerified(receipt))
        #expect(done.announces.map(\.event) == [.completed])
        #expect(done.announces.first?.left == 0)
        #expect(done.sent(to: peer.connection) == [.ack(id: request.id, chunks: 1), .have([ShardIndex(0)])])
    }

    @Test func `stopping says goodbye to trackers and peers, and wants nothing more`() {
        var (driver, _) = self.started(isSeeder: true)
        let peer = PlayedPeer(number: 1, connection: 900)
        peer.enter(&driver)
        let effects = driver.feed(.stop)
        #expect(effects.announces.map(\.event) == [.stopped])
        #expect(effects.contains(.disconnectTracker(Self.tracker)))
        #expect(effects.closing(peer.connection) == "this node stops")
        #expect(driver.machine.nextDeadline == nil)
        #expect(driver.feed(self.offer(from: Self.stranger)).isEmpty)
    }

    private func offer(from peer: PeerID) -> MeshInput {
        .trackerReceived(
            Self.tracker,
            .offer(
                infoHash: MachineDriver.infoHash,
                from: peer,
                offer: TrackerOffer(offerID: Self.strangersOffer, sdp: "their offer")
            )
        )
    }
}

extension [MeshEffect] {
    var announces: [TrackerAnnounce] {
        self.compactMap { effect in
            guard case .sendToTracker(_, .announce(let announce)) = effect else { return nil }
            return announce
        }
    }

    /// Connections for which an offer was ordered.
    var offers: [ConnectionID] {
        self.compactMap { effect in
            guard case .makeOffer(let connection) = effect else { return nil }
            return connection
        }
    }
}
