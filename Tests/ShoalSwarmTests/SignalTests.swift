import ShoalCore
import ShoalSwarm
import ShoalWire
import Testing

/// Offers and answers through neighbours: those that the machine carries, those for it, and its own.
@Suite struct SignalTests {
    private static let sentAt: UInt64 = 10_000_000
    private let id = OfferID(bytes: [UInt8](repeating: 5, count: 20))!
    private let stranger = GossipVoice(index: 77)

    private func started(isSeeder: Bool = true, trackers: Int = 0) -> (MachineDriver, PlayedPeer, PlayedPeer) {
        var driver = MachineDriver(trackers: trackers, session: Self.sentAt)
        _ = driver.addSwarm(shardSizes: [1_000, 1_000], isSeeder: isSeeder, trackers: trackers)
        let first = PlayedPeer(number: 1, connection: 901)
        let second = PlayedPeer(number: 2, connection: 902)
        first.enter(&driver)
        second.enter(&driver)
        return (driver, first, second)
    }

    private func id(_ number: Int) -> OfferID {
        OfferID(bytes: [UInt8(number >> 8), UInt8(number & 255)] + [UInt8](repeating: 6, count: 18))!
    }

    private func offer(_ voice: GossipVoice, to node: NodeID, id: OfferID? = nil, hops: UInt8 = 1) -> Signal {
        voice.signal(.offer, to: node, id: id ?? self.id, sentAt: Self.sentAt, hops: hops, sdp: "their offer")
    }

    // MARK: Carrying

    @Test func `an offer is carried one hop, and its answer back, once each`() {
        var (driver, first, second) = self.started()
        let offer = self.offer(first.voice, to: second.node)
        let carried = driver.feed(first.say(.signal(offer)))
        var expected = offer
        expected.hops = 0
        #expect(carried == [.send(second.connection, ControlMessage(handle: 1, .signal(expected)))])
        #expect(driver.feed(first.say(.signal(offer))).isEmpty)

        let answer = second.voice.signal(.answer, to: first.node, id: self.id, sentAt: Self.sentAt)
        let returned = driver.feed(second.say(.signal(answer)))
        #expect(returned.signals.map(\.connection) == [first.connection])
        #expect(driver.feed(second.say(.signal(answer))).isEmpty)
    }

    @Test func `nothing is carried that could be sent to many, to strangers, further, or for others`() {
        var (driver, first, second) = self.started()
        // To a node that we are not connected to.
        #expect(driver.feed(first.say(.signal(self.offer(first.voice, to: self.stranger.node)))).isEmpty)
        // That was carried already.
        #expect(driver.feed(first.say(.signal(self.offer(first.voice, to: second.node, hops: 0)))).isEmpty)
        // An answer to no offer.
        let answer = first.voice.signal(.answer, to: second.node, id: self.id, sentAt: Self.sentAt)
        #expect(driver.feed(first.say(.signal(answer))).isEmpty)
        // From somebody else: only its author may hand it in.
        #expect(driver.feed(first.say(.signal(self.offer(self.stranger, to: second.node)))).signals.isEmpty)
        // Long after it was made, or before.
        for sentAt in [Self.sentAt - 720_001, Self.sentAt + 600_001] {
            let offer = first.voice.signal(.offer, to: second.node, id: self.id, sentAt: sentAt)
            #expect(driver.feed(first.say(.signal(offer))).isEmpty)
        }
    }

    @Test func `a forged signal is not carried, and its bringer does not last`() {
        var (driver, first, second) = self.started()
        var offer = self.offer(first.voice, to: second.node)
        offer.sdp = "another offer"
        let effects = (0..<3).flatMap { _ in driver.feed(first.say(.signal(offer))) }
        #expect(effects.signals.isEmpty)
        #expect(effects.closing(first.connection) != nil)
    }

    @Test func `a flood of signals is carried at our pace, one for one, and then ends its sender`() {
        var (driver, first, second) = self.started()
        var sent = 0
        var carried = 0
        var closed = false
        while !closed, sent < 10_000 {
            let effects = driver.feed(first.say(.signal(self.offer(first.voice, to: second.node, id: self.id(sent)))))
            sent += 1
            carried += effects.signals.count
            #expect(effects.signals.count <= 1)
            closed = effects.closing(first.connection) != nil
        }
        let numbers = GossipConfiguration()
        #expect(carried == numbers.signalBurst)
        #expect(sent == numbers.signalBurst + 3 * numbers.ignoredPerFault)
    }

    // MARK: For us

    @Test func `an offer for us is answered through the neighbour that brought it, once`() {
        var (driver, first, _) = self.started()
        let offer = self.offer(self.stranger, to: driver.machine.nodeID, hops: 0)
        let effects = driver.feed(first.say(.signal(offer)))
        guard case .makeAnswer(let connection, "their offer") = effects.first, effects.count == 1 else {
            Issue.record("no answer was made: \(effects)")
            return
        }
        #expect(driver.feed(first.say(.signal(offer))).isEmpty)
        let answered = driver.feed(.described(connection, sdp: "our answer")).signals
        #expect(answered.map(\.connection) == [first.connection])
        #expect(answered.first?.signal.kind == .answer)
        #expect(answered.first?.signal.to == self.stranger.node)
        #expect(answered.first?.signal.offerID == self.id)
        #expect(answered.first?.signal.sdp == "our answer")
        _ = driver.feed(.closed(connection, reason: "a test"))
        // A recording of it, later: it was seen.
        #expect(driver.feed(first.say(.signal(offer))).isEmpty)
    }

    @Test func `an offer of a node that we are connected to, or banned, is not answered`() {
        var (driver, first, second) = self.started()
        let offer = self.offer(second.voice, to: driver.machine.nodeID, hops: 0)
        #expect(driver.feed(first.say(.signal(offer))).isEmpty)
        _ = driver.feed(.manifestRejected(MachineDriver.swarm, from: second.connection, reason: "a test"))
        _ = driver.feed(.closed(second.connection, reason: "a test"))
        #expect(driver.feed(first.say(.signal(offer))).isEmpty)
    }

    @Test func `who proves to be another node than the one that was sought is not let in`() {
        var (driver, first, _) = self.started()
        let offer = self.offer(self.stranger, to: driver.machine.nodeID, hops: 0)
        guard let connection = driver.feed(first.say(.signal(offer))).answeredConnections.first else {
            Issue.record("no answer was made")
            return
        }
        let other = PlayedPeer(number: 9, connection: connection.rawValue)
        #expect(other.connect(to: &driver).closing(connection) == "it is not the node that was sought")
    }

    @Test func `one neighbour's flood of offers fills neither others' places nor those of trackers`() {
        var (driver, first, second) = self.started(trackers: 1)
        let numbers = MeshConfiguration().gossip
        func flood(_ count: Int, from start: Int) -> [ConnectionID] {
            (start..<start + count).flatMap { number -> [ConnectionID] in
                let voice = GossipVoice(index: UInt32(1_000 + number))
                let offer = self.offer(voice, to: driver.machine.nodeID, id: self.id(number), hops: 0)
                return driver.feed(first.say(.signal(offer))).answeredConnections
            }
        }
        let answered = flood(numbers.signalBurst, from: 0)
        #expect(answered.count == numbers.offersPerRelay)
        let honest = self.offer(self.stranger, to: driver.machine.nodeID, id: self.id(999), hops: 0)
        #expect(driver.feed(second.say(.signal(honest))).answeredConnections.count == 1)
        let tracked = (0..<20).flatMap { _ in driver.feed(self.trackerOffer).answeredConnections }
        #expect(tracked.count == MeshConfiguration().maximumHandshakes)
        // Those that had their time make place.
        _ = driver.pass(numbers.attemptGrace)
        let later = driver.feed(self.trackerOffer)
        #expect(later.answeredConnections.count == 1)
        #expect(tracked.contains { later.closing($0) == "it does not open, and others wait" })
        #expect(flood(2, from: 100).count == 2)
    }

    private var trackerOffer: MeshInput {
        let offer = TrackerOffer(offerID: self.id, sdp: "their offer")
        let peer = PeerID(bytes: [UInt8](repeating: 4, count: 20))!
        return .trackerReceived(
            TrackerIndex(0),
            .offer(infoHash: MachineDriver.infoHash, from: peer, offer: offer)
        )
    }

    // MARK: Ours

    /// A machine that seeks `stranger` through the first peer.
    private func seeking() -> (MachineDriver, PlayedPeer, ConnectionID, Signal)? {
        var (driver, first, _) = self.started(isSeeder: false)
        let inventory = self.stranger.inventory(.full(count: 2), sequence: Self.sentAt, isNeighbour: true)
        _ = driver.feed(first.say(inventory))
        guard let connection = driver.pass(.milliseconds(200)).soughtConnections.first else { return nil }
        guard let sent = driver.feed(.described(connection, sdp: "our offer")).signals.first else { return nil }
        guard sent.connection == first.connection else { return nil }
        return (driver, first, connection, sent.signal)
    }

    @Test func `who has what we lack gets an offer through a neighbour of both`() throws {
        var (driver, first, connection, signal) = try #require(self.seeking())
        #expect(signal.kind == .offer)
        #expect(signal.to == self.stranger.node)
        #expect(signal.hops == 1)
        // Another node's answer, and one to another offer, count for nothing.
        let other = GossipVoice(index: 78).signal(
            .answer,
            to: driver.machine.nodeID,
            id: signal.offerID,
            sentAt: Self.sentAt
        )
        #expect(driver.feed(first.say(.signal(other))).isEmpty)
        let wrong = self.stranger.signal(.answer, to: driver.machine.nodeID, id: self.id, sentAt: Self.sentAt)
        #expect(driver.feed(first.say(.signal(wrong))).isEmpty)
        let answer = self.stranger.signal(
            .answer,
            to: driver.machine.nodeID,
            id: signal.offerID,
            sentAt: Self.sentAt,
            sdp: "an answer"
        )
        #expect(driver.feed(first.say(.signal(answer))) == [.acceptAnswer(connection, answer: "an answer")])
        #expect(driver.feed(first.say(.signal(answer))).isEmpty)
    }

    @Test func `two that seek each other use the offer of the one with the lower ID`() throws {
        var (driver, first, connection, _) = try #require(self.seeking())
        // The stranger's ID is the lower one.
        #expect(self.stranger.node < driver.machine.nodeID)
        let offer = self.offer(self.stranger, to: driver.machine.nodeID, hops: 0)
        let effects = driver.feed(first.say(.signal(offer)))
        #expect(effects.closing(connection) == "the node has sent an offer itself")
        #expect(effects.answeredConnections.count == 1)
    }

    @Test func `an offer that nobody answers is given up after 8 s`() throws {
        var (driver, first, connection, _) = try #require(self.seeking())
        _ = driver.pass(.seconds(4))
        _ = driver.feed(first.say(.ping(token: 1), handle: 0))
        #expect(driver.pass(.seconds(5)).closing(connection) == "it did not open in time")
        _ = driver.feed(.closed(connection, reason: "a test"))
        // Not at once again.
        #expect(driver.pass(.seconds(3)).soughtConnections.isEmpty)
    }
}
