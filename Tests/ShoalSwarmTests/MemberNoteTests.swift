import ShoalCore
import ShoalSwarm
import ShoalWire
import Testing

/// Whoever shows a tracker's offer to be a member's is not kept out by strangers.
@Suite struct MemberNoteTests {
    private static let tracker = TrackerIndex(0)
    private static let start: UInt64 = 1_786_000_000_000
    private static let limit = MeshConfiguration().maximumHandshakes
    private static let author = PeerID(bytes: [UInt8](repeating: 4, count: 20))!

    /// A machine that hears of offers, and what it has announced.
    private func started() -> (MachineDriver, [TrackerAnnounce]) {
        var driver = MachineDriver(trackers: 1, session: Self.start)
        let offers = driver.addSwarm(shardSizes: [1_000], isSeeder: false, trackers: 1).offers
        var effects = driver.feed(.trackerConnected(Self.tracker))
        for connection in offers {
            effects += driver.feed(.described(connection, sdp: "offer \(connection.rawValue)\r\n"))
        }
        return (driver, effects.announces)
    }

    /// An offer that a member, or whoever `secret` makes it, sends as `author` (each offer has its own) and says is of `sentAt`.
    private func membersOffer(
        _ number: UInt8,
        secret: Digest = MachineDriver.secret,
        sentAt: UInt64 = Self.start,
        author: PeerID? = nil,
        kind: MemberNote.Kind = .offer
    ) -> TrackerOffer {
        let id = OfferID(bytes: [UInt8](repeating: number, count: 20))!
        let author = author ?? Self.author(of: id)
        let sdp = "their offer \(number)\r\n"
        let message = MemberNote.message(kind, peerID: author, offerID: id, sentAt: sentAt, sdp: sdp)
        let code = FakeAuthenticator(number: 1).authenticationCode(of: message, key: secret)
        return TrackerOffer(offerID: id, sdp: MemberNote(sentAt: sentAt, code: code).appended(to: sdp))
    }

    private func strangersOffer(_ number: UInt8) -> TrackerOffer {
        TrackerOffer(offerID: OfferID(bytes: [UInt8](repeating: number, count: 20))!, sdp: "a stranger's\r\n")
    }

    private static func author(of id: OfferID) -> PeerID { PeerID(bytes: id.bytes)! }

    private func brought(_ offer: TrackerOffer, from peer: PeerID? = nil) -> MeshInput {
        let peer = peer ?? Self.author(of: offer.offerID)
        return .trackerReceived(Self.tracker, .offer(infoHash: MachineDriver.infoHash, from: peer, offer: offer))
    }

    /// The machine when strangers have taken all their places.
    private func besieged() -> (MachineDriver, [TrackerAnnounce]) {
        var (driver, announces) = self.started()
        for number in 0..<30 { _ = driver.feed(self.brought(self.strangersOffer(UInt8(100 + number)))) }
        #expect(driver.feed(self.brought(self.strangersOffer(99))).isEmpty)
        return (driver, announces)
    }

    @Test func `a member's offer is answered when strangers have all places, and without its note`() {
        var (driver, _) = self.besieged()
        let effects = driver.feed(self.brought(self.membersOffer(1)))
        #expect(effects.contains { if case .makeAnswer(_, "their offer 1\r\n") = $0 { true } else { false } })
    }

    @Test func `members have as many places as strangers`() {
        var (driver, _) = self.besieged()
        let answered = (0..<30).reduce(0) { count, number in
            count + driver.feed(self.brought(self.membersOffer(UInt8(number)))).answeredConnections.count
        }
        #expect(answered == Self.limit)
    }

    @Test func `a note that does not fit makes nobody a member`() {
        var (driver, _) = self.besieged()
        let other = Digest(bytes: [UInt8](repeating: 8, count: 32))!
        var changed = self.membersOffer(1)
        changed.sdp = "x" + changed.sdp
        var moved = self.membersOffer(1)
        moved.offerID = OfferID(bytes: [UInt8](repeating: 2, count: 20))!
        let offers = [
            self.membersOffer(1, secret: other), self.membersOffer(1, kind: .answer), changed, moved,
            self.membersOffer(1, author: PeerID(bytes: [UInt8](repeating: 5, count: 20))!),
            self.membersOffer(1, sentAt: Self.start + 600_001), self.membersOffer(1, sentAt: Self.start - 720_001),
        ]
        let author = Self.author(of: self.membersOffer(1).offerID)
        for offer in offers { #expect(driver.feed(self.brought(offer, from: author)).isEmpty, "\(offer.sdp)") }
        let good = self.membersOffer(1, sentAt: Self.start + 600_000)
        #expect(driver.feed(self.brought(good)).answeredConnections.count == 1)
    }

    @Test func `of one author three connections at a time count as a member's`() {
        var (driver, _) = self.besieged()
        let answered = (1...5 as ClosedRange<UInt8>).map { number in
            let offer = self.membersOffer(number, author: Self.author)
            return driver.feed(self.brought(offer, from: Self.author)).answeredConnections.count
        }
        #expect(answered == [1, 1, 1, 0, 0])
        #expect(driver.feed(self.brought(self.membersOffer(6))).answeredConnections.count == 1)
    }

    @Test func `a copy of a member's offer is a stranger's`() {
        var (driver, _) = self.besieged()
        #expect(driver.feed(self.brought(self.membersOffer(1))).answeredConnections.count == 1)
        #expect(driver.feed(self.brought(self.membersOffer(1))).isEmpty)
        // The same offer, announced anew.
        #expect(driver.feed(self.brought(self.membersOffer(1, sentAt: Self.start + 1))).answeredConnections.count == 1)
    }

    @Test func `a member keeps its place while it proves who it is, and strangers keep theirs`() {
        var (driver, _) = self.started()
        for number in 0..<UInt8(Self.limit) {
            for connection in driver.feed(self.brought(self.membersOffer(number))).answeredConnections {
                _ = driver.feed(.described(connection, sdp: "our answer\r\n"))
                let path = PlayedPeer(number: 2, connection: connection.rawValue).path
                _ = driver.feed(.opened(connection, path))
            }
        }
        #expect(driver.feed(self.brought(self.membersOffer(50))).isEmpty)
        #expect(driver.feed(self.brought(self.strangersOffer(51))).answeredConnections.count == 1)
    }

    @Test func `who proves a key and shares no swarm keeps a place, for 10 s`() {
        var (driver, _) = self.started()
        var strangers: [ConnectionID] = []
        for number in 0..<UInt8(Self.limit) {
            let answered = driver.feed(self.brought(self.strangersOffer(100 + number))).answeredConnections
            for connection in answered {
                _ = driver.feed(.described(connection, sdp: "our answer\r\n"))
                PlayedPeer(number: 2 + number, connection: connection.rawValue).connect(to: &driver)
            }
            strangers += answered
        }
        #expect(strangers.count == Self.limit)
        #expect(driver.feed(self.brought(self.strangersOffer(50))).isEmpty)
        #expect(driver.feed(self.brought(self.membersOffer(51))).answeredConnections.count == 1)
        // They are anything but silent.
        let ping = ControlMessage(.ping(token: 1))
        var early = driver.pass(.milliseconds(5_000))
        for stranger in strangers { early += driver.feed(.received(stranger, ping)) }
        early += driver.pass(.milliseconds(4_999))
        let late = driver.pass(.milliseconds(1))
        for stranger in strangers {
            #expect(early.closing(stranger) == nil)
            #expect(late.closing(stranger) == "it shares no swarm")
        }
    }

    @Test func `our offers and answers have notes that hold, new ones in each announce`() throws {
        var (driver, announces) = self.started()
        let first = try #require(announces.first)
        let again = try #require(driver.pass(.seconds(2)).announces.first)
        #expect(again.offers.map(\.offerID) == first.offers.map(\.offerID))
        let makeAnswer = driver.feed(self.brought(self.membersOffer(1)))
        let connection = try #require(makeAnswer.answeredConnections.first)
        let answers = driver.feed(.described(connection, sdp: "our answer\r\n")).compactMap { effect in
            if case .sendToTracker(_, .answer(let answer)) = effect { answer } else { nil }
        }
        let answer = try #require(answers.first)
        var codes: Set<Digest> = []
        for announce in [first, again] {
            for offer in announce.offers {
                codes.insert(try self.code(of: offer.sdp, .offer, offer.offerID, by: announce.peerID))
            }
        }
        codes.insert(try self.code(of: answer.sdp, .answer, answer.offerID, by: answer.peerID))
        #expect(codes.count == first.offers.count + again.offers.count + 1)
    }

    /// What a note says, once it is found to hold.
    private func code(of text: String, _ kind: MemberNote.Kind, _ id: OfferID, by peerID: PeerID) throws -> Digest {
        let (sdp, found) = MemberNote.split(text)
        let note = try #require(found)
        let message = MemberNote.message(kind, peerID: peerID, offerID: id, sentAt: note.sentAt, sdp: sdp)
        #expect(note.code == FakeAuthenticator(number: 1).authenticationCode(of: message, key: MachineDriver.secret))
        return note.code
    }

    @Test func `an answer of a member is accepted when strangers have all places; a stranger's has to wait`() throws {
        var (driver, announces) = self.besieged()
        let offer = try #require(announces.first?.offers.first)
        let plain = TrackerResponse.answer(
            infoHash: MachineDriver.infoHash,
            from: Self.author,
            offerID: offer.offerID,
            sdp: "their answer\r\n"
        )
        #expect(driver.feed(.trackerReceived(Self.tracker, plain)).isEmpty)
        let sdp = "their answer\r\n"
        let message = MemberNote.message(
            .answer,
            peerID: Self.author,
            offerID: offer.offerID,
            sentAt: Self.start,
            sdp: sdp
        )
        let code = FakeAuthenticator(number: 1).authenticationCode(of: message, key: MachineDriver.secret)
        let noted = TrackerResponse.answer(
            infoHash: MachineDriver.infoHash,
            from: Self.author,
            offerID: offer.offerID,
            sdp: MemberNote(sentAt: Self.start, code: code).appended(to: sdp)
        )
        let effects = driver.feed(.trackerReceived(Self.tracker, noted))
        #expect(effects.contains { if case .acceptAnswer(_, "their answer\r\n") = $0 { true } else { false } })
    }
}
