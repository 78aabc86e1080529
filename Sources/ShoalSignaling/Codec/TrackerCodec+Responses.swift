package import ShoalCore
package import ShoalSwarm

extension TrackerCodec {
    /// The text of a response.
    ///
    /// Every one names its `action`, also a failure: without it the reference client drops the socket, and libtorrent
    /// does so when `info_hash` is missing. It never exceeds ``maximumMessageSize`` for what ``decodeRequest(_:)`` let
    /// through: an SDP at most doubles when it is escaped.
    package static func encode(_ response: TrackerResponse) -> [UInt8] {
        self.value(response).encoded
    }

    /// The text of a refusal to tell counts.
    package static func encode(refusalOfScrape reason: String, infoHash: InfoHash?) -> [UInt8] {
        let value: JSONValue = [
            "action": .string("scrape"),
            "info_hash": infoHash.map { .string($0.binaryString) },
            "failure reason": .string(reason),
        ]
        return value.encoded
    }

    private static func value(_ response: TrackerResponse) -> JSONValue {
        let announce = JSONValue.string("announce")
        switch response {
        case .announced(let statistics):
            return [
                "action": announce,
                "info_hash": .string(statistics.infoHash.binaryString),
                "complete": .integer(statistics.complete),
                "incomplete": .integer(statistics.incomplete),
                "interval": statistics.interval.map { .integer(self.wholeSeconds($0)) },
                "min interval": statistics.minimumInterval.map { .integer(self.wholeSeconds($0)) },
                "tracker id": statistics.trackerID.map { .string($0) },
            ]
        case .offer(let infoHash, let from, let offer):
            return [
                "action": announce,
                "info_hash": .string(infoHash.binaryString),
                "peer_id": .string(from.binaryString),
                "offer_id": .string(offer.offerID.binaryString),
                "offer": self.description("offer", offer.sdp),
            ]
        case .answer(let infoHash, let from, let offerID, let sdp):
            return [
                "action": announce,
                "info_hash": .string(infoHash.binaryString),
                "peer_id": .string(from.binaryString),
                "offer_id": .string(offerID.binaryString),
                "answer": self.description("answer", sdp),
            ]
        case .scraped(let swarms):
            let files = swarms.sorted { $0.key < $1.key }.map { infoHash, counts in
                JSONValue.Member(
                    name: infoHash.binaryString,
                    value: [
                        "complete": .integer(counts.complete),
                        "incomplete": .integer(counts.incomplete),
                        "downloaded": .integer(counts.downloaded),
                    ]
                )
            }
            let flags: JSONValue = ["min_request_interval": .integer(self.scrapeInterval)]
            return ["action": .string("scrape"), "files": .object(files), "flags": flags]
        case .failure(let reason, let infoHash):
            return [
                "action": announce,
                "info_hash": infoHash.map { .string($0.binaryString) },
                "failure reason": .string(reason),
            ]
        case .warning(let text):
            return ["action": announce, "warning message": .string(text)]
        }
    }

    /// At least one second, and never less than was meant.
    private static func wholeSeconds(_ duration: Duration) -> Int {
        let (seconds, attoseconds) = duration.components
        return Int(clamping: max(1, seconds + (attoseconds > 0 ? 1 : 0)))
    }

    /// What a tracker said, in the order to take it in: a warning may come along with something else.
    package static func decodeResponse(_ bytes: [UInt8]) throws(TrackerCodecError) -> [TrackerResponse] {
        let fields = try TrackerFields(message: bytes)
        if let reason = fields["failure reason"] {
            let infoHash = fields["info_hash"]?.text.flatMap { InfoHash(binaryString: $0) }
            return [.failure(reason: self.readable(reason.text ?? "no reason given"), infoHash: infoHash)]
        }
        let warnings = fields["warning message"]?.text.map { [TrackerResponse.warning(self.readable($0))] } ?? []
        switch fields["action"]?.text {
        case "announce":
            if let response = try self.announceResponse(fields) { return warnings + [response] }
            if warnings.isEmpty { throw fields.error("complete", "is missing, and there is no offer and no answer") }
            return warnings
        case "scrape": return warnings + [.scraped(try self.files(fields))]
        case nil:
            if warnings.isEmpty { throw fields.error("action", "is missing") }
            return warnings
        case .some(let action): throw fields.error("action", "\(self.readable(action)) is not announce or scrape")
        }
    }

    private static func announceResponse(_ fields: TrackerFields) throws(TrackerCodecError) -> TrackerResponse? {
        if fields["offer"] != nil {
            let offer = TrackerOffer(offerID: try fields.id("offer_id"), sdp: try fields.sdp("offer"))
            return .offer(infoHash: try fields.id("info_hash"), from: try fields.id("peer_id"), offer: offer)
        }
        if fields["answer"] != nil {
            return .answer(
                infoHash: try fields.id("info_hash"),
                from: try fields.id("peer_id"),
                offerID: try fields.id("offer_id"),
                sdp: try fields.sdp("answer")
            )
        }
        guard ["complete", "incomplete", "interval"].contains(where: { fields[$0] != nil }) else { return nil }
        return .announced(
            TrackerStatistics(
                infoHash: try fields.id("info_hash"),
                complete: fields["complete"]?.count ?? 0,
                incomplete: fields["incomplete"]?.count ?? 0,
                interval: self.interval(fields["interval"]),
                minimumInterval: self.interval(fields["min interval"]),
                trackerID: fields["tracker id"]?.text.flatMap { $0.utf8.count > self.maximumTrackerIDLength ? nil : $0 }
            )
        )
    }

    /// Seconds, held between one second and one day; nil when they are not a positive number.
    private static func interval(_ value: JSONValue?) -> Duration? {
        guard let seconds = value?.double, seconds > 0 else { return nil }
        return .milliseconds(Int64(min(max(seconds, 1), 86_400) * 1000))
    }

    private static func files(_ fields: TrackerFields) throws(TrackerCodecError) -> [InfoHash: TrackerCounts] {
        guard let files = fields["files"] else { return [:] }
        guard let members = files.members else { throw fields.error("files", "must be an object") }
        var counts: [InfoHash: TrackerCounts] = [:]
        for member in members {
            guard let infoHash = InfoHash(binaryString: member.name) else {
                throw fields.error("files", "a name \(TrackerFields.idProblem(member.name, of: InfoHash.self))")
            }
            counts[infoHash] = TrackerCounts(
                complete: member.value["complete"]?.count ?? 0,
                incomplete: member.value["incomplete"]?.count ?? 0,
                downloaded: member.value["downloaded"]?.count ?? 0
            )
        }
        return counts
    }

    /// A stranger's text, cut to ``maximumReasonLength`` and without control characters: it goes to logs and terminals.
    static func readable(_ text: String) -> String {
        let kept = text.unicodeScalars.prefix(self.maximumReasonLength).map { scalar -> Unicode.Scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: "\u{FFFD}"
            default: scalar
            }
        }
        var readable = String.UnicodeScalarView()
        readable.append(contentsOf: kept)
        return String(readable)
    }
}
