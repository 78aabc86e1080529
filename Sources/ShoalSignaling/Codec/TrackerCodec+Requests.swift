import ShoalCore
package import ShoalSwarm

extension TrackerCodec {
    /// The text of a request, with what the tracker said to be called in the swarm; an error when it is beyond what a
    /// tracker would read.
    package static func encode(
        _ request: TrackerRequest,
        trackerID: String? = nil
    ) throws(TrackerCodecError) -> [UInt8] {
        let value: JSONValue
        switch request {
        case .announce(let announce): value = try self.value(announce, trackerID)
        case .answer(let answer): value = try self.value(answer, trackerID)
        case .scrape(let infoHashes): value = try self.value(scrapeOf: infoHashes)
        }
        let bytes = value.encoded
        guard bytes.count <= self.maximumMessageSize else {
            throw TrackerCodecError(
                field: "message",
                problem: "\(bytes.count) bytes are more than \(self.maximumMessageSize): send fewer offers"
            )
        }
        return bytes
    }

    /// Offers and `numwant` are left out of goodbyes, as the reference client does it: nobody would take the answers.
    private static func value(
        _ announce: TrackerAnnounce,
        _ trackerID: String?
    ) throws(TrackerCodecError) -> JSONValue {
        guard announce.offers.count <= self.maximumOffers else {
            throw TrackerCodecError(
                field: "offers",
                problem: "\(announce.offers.count) are more than \(self.maximumOffers)",
                infoHash: announce.infoHash
            )
        }
        for (index, offer) in announce.offers.enumerated() {
            guard let problem = self.problem(ofSDP: offer.sdp) else { continue }
            throw TrackerCodecError(field: "offers[\(index)].offer.sdp", problem: problem, infoHash: announce.infoHash)
        }
        let wantsPeers = announce.event != .stopped && announce.event != .completed
        let offers: [JSONValue] = announce.offers.map {
            ["offer": self.description("offer", $0.sdp), "offer_id": .string($0.offerID.binaryString)]
        }
        return [
            "action": .string("announce"),
            "info_hash": .string(announce.infoHash.binaryString),
            "peer_id": .string(announce.peerID.binaryString),
            "numwant": wantsPeers ? .integer(offers.count) : nil,
            "uploaded": .integer(announce.uploaded),
            "downloaded": .integer(announce.downloaded),
            "left": announce.left.map { .integer($0) },
            "event": announce.event.map { .string($0.rawValue) },
            "trackerid": trackerID.map { .string($0) },
            "offers": wantsPeers ? .array(offers) : nil,
        ]
    }

    private static func value(_ answer: TrackerAnswer, _ trackerID: String?) throws(TrackerCodecError) -> JSONValue {
        if let problem = self.problem(ofSDP: answer.sdp) {
            throw TrackerCodecError(field: "answer.sdp", problem: problem, infoHash: answer.infoHash)
        }
        return [
            "action": .string("announce"),
            "info_hash": .string(answer.infoHash.binaryString),
            "peer_id": .string(answer.peerID.binaryString),
            "to_peer_id": .string(answer.toPeerID.binaryString),
            "left": answer.left.map { .integer($0) },
            "answer": self.description("answer", answer.sdp),
            "offer_id": .string(answer.offerID.binaryString),
            "trackerid": trackerID.map { .string($0) },
        ]
    }

    private static func value(scrapeOf infoHashes: [InfoHash]) throws(TrackerCodecError) -> JSONValue {
        guard infoHashes.count <= self.maximumScrapedSwarms else {
            throw TrackerCodecError(
                field: "info_hash",
                problem: "\(infoHashes.count) swarms are more than \(self.maximumScrapedSwarms)"
            )
        }
        let names = infoHashes.map { JSONValue.string($0.binaryString) }
        return ["action": .string("scrape"), "info_hash": names.count > 1 ? .array(names) : names.first]
    }

    /// The request that a client sent. The error names swarm and action where they can be read, whatever else is wrong:
    /// libtorrent hangs up when a refusal does not name its swarm.
    package static func decodeRequest(_ bytes: [UInt8]) throws(TrackerCodecError) -> TrackerRequest {
        let fields = try TrackerFields(message: bytes)
        do throws(TrackerCodecError) {
            return try self.request(fields)
        } catch {
            let infoHash = fields["info_hash"]?.text.flatMap { InfoHash(binaryString: $0) }
            throw error.about(infoHash, isScrape: fields["action"]?.text == "scrape")
        }
    }

    private static func request(_ fields: TrackerFields) throws(TrackerCodecError) -> TrackerRequest {
        switch try fields.text("action") {
        case "announce":
            let infoHash: InfoHash = try fields.id("info_hash")
            return fields["answer"] == nil
                ? .announce(try self.announce(fields, infoHash)) : .answer(try self.answer(fields, infoHash))
        case "scrape": return .scrape(try self.scrapedSwarms(fields))
        case let action: throw fields.error("action", "\(self.readable(action)) is not announce or scrape")
        }
    }

    /// An `event` that nobody knows (`update`, `paused`, `empty`, …) is a periodic update, and an entry of `offers`
    /// without a sound offer is left out: both are what other clients send and other trackers choke on.
    private static func announce(
        _ fields: TrackerFields,
        _ infoHash: InfoHash
    ) throws(TrackerCodecError) -> TrackerAnnounce {
        let offers = try fields.objects("offers", atMost: self.maximumOffers).compactMap { entry -> TrackerOffer? in
            do throws(TrackerCodecError) {
                return TrackerOffer(offerID: try entry.id("offer_id"), sdp: try entry.sdp("offer"))
            } catch {
                return nil
            }
        }
        return TrackerAnnounce(
            infoHash: infoHash,
            peerID: try fields.id("peer_id"),
            event: fields["event"]?.text.flatMap { TrackerAnnounce.Event(rawValue: $0) },
            uploaded: fields["uploaded"]?.count ?? 0,
            downloaded: fields["downloaded"]?.count ?? 0,
            left: fields["left"]?.count,
            offers: offers
        )
    }

    private static func answer(
        _ fields: TrackerFields,
        _ infoHash: InfoHash
    ) throws(TrackerCodecError) -> TrackerAnswer {
        TrackerAnswer(
            infoHash: infoHash,
            peerID: try fields.id("peer_id"),
            toPeerID: try fields.id("to_peer_id"),
            offerID: try fields.id("offer_id"),
            sdp: try fields.sdp("answer"),
            left: fields["left"]?.count
        )
    }

    private static func scrapedSwarms(_ fields: TrackerFields) throws(TrackerCodecError) -> [InfoHash] {
        guard let elements = fields["info_hash"]?.elements else {
            return fields["info_hash"] == nil ? [] : [try fields.id("info_hash")]
        }
        guard elements.count <= self.maximumScrapedSwarms else {
            throw fields.error("info_hash", "\(elements.count) swarms are more than \(self.maximumScrapedSwarms)")
        }
        var infoHashes: [InfoHash] = []
        for (index, element) in elements.enumerated() {
            guard let text = element.text else { throw fields.error("info_hash[\(index)]", "must be a string") }
            guard let infoHash = InfoHash(binaryString: text) else {
                throw fields.error("info_hash[\(index)]", TrackerFields.idProblem(text, of: InfoHash.self))
            }
            infoHashes.append(infoHash)
        }
        return infoHashes
    }
}
