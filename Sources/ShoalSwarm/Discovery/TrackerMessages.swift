package import ShoalCore

/// What a client tells a tracker (WebTorrent's WebSocket protocol, as `bittorrent-tracker` speaks it).
package enum TrackerRequest: Hashable, Encodable, Sendable {
    /// "I am here", with offers that the tracker hands to other peers of the swarm, one each.
    case announce(TrackerAnnounce)
    /// The answer to an offer that the tracker relayed to us.
    case answer(TrackerAnswer)
    /// Counts for these swarms; for all of them when the list is empty.
    case scrape([InfoHash])
}

package struct TrackerAnnounce: Hashable, Encodable, Sendable {
    package enum Event: String, Hashable, Encodable, Sendable {
        case started
        case completed
        case stopped
    }

    package var infoHash: InfoHash
    package var peerID: PeerID
    /// Nil for the periodic update: several servers close the socket at `"update"`.
    package var event: Event?
    package var uploaded: Int
    package var downloaded: Int
    /// Bytes that we still want; 0 makes us a seeder. Nil when unknown.
    package var left: Int?
    package var offers: [TrackerOffer]

    package init(
        infoHash: InfoHash,
        peerID: PeerID,
        event: Event? = nil,
        uploaded: Int = 0,
        downloaded: Int = 0,
        left: Int? = nil,
        offers: [TrackerOffer] = []
    ) {
        self.infoHash = infoHash
        self.peerID = peerID
        self.event = event
        self.uploaded = uploaded
        self.downloaded = downloaded
        self.left = left
        self.offers = offers
    }
}

package struct TrackerOffer: Hashable, Codable, Sendable {
    package var offerID: OfferID
    /// A whole SDP offer: there is no trickle over trackers.
    package var sdp: String

    package init(offerID: OfferID, sdp: String) {
        self.offerID = offerID
        self.sdp = sdp
    }
}

package struct TrackerAnswer: Hashable, Encodable, Sendable {
    package var infoHash: InfoHash
    /// Who answers.
    package var peerID: PeerID
    /// Who had made the offer.
    package var toPeerID: PeerID
    package var offerID: OfferID
    package var sdp: String
    /// As in ``TrackerAnnounce/left``: servers take an answer for an announce and would count a seeder as a leecher.
    package var left: Int?

    package init(
        infoHash: InfoHash,
        peerID: PeerID,
        toPeerID: PeerID,
        offerID: OfferID,
        sdp: String,
        left: Int? = nil
    ) {
        self.infoHash = infoHash
        self.peerID = peerID
        self.toPeerID = toPeerID
        self.offerID = offerID
        self.sdp = sdp
        self.left = left
    }
}

/// What a tracker tells a client.
package enum TrackerResponse: Hashable, Codable, Sendable {
    /// The reply to an announce.
    case announced(TrackerStatistics)
    /// Another peer's offer, for us to answer.
    case offer(infoHash: InfoHash, from: PeerID, offer: TrackerOffer)
    /// Another peer's answer to an offer of ours.
    case answer(infoHash: InfoHash, from: PeerID, offerID: OfferID, sdp: String)
    /// The reply to a scrape.
    case scraped([InfoHash: TrackerCounts])
    /// The tracker refused something; which swarm, when it says so.
    case failure(reason: String, infoHash: InfoHash?)
    /// For the log.
    case warning(String)
}

package struct TrackerStatistics: Hashable, Codable, Sendable {
    package var infoHash: InfoHash
    /// Seeders.
    package var complete: Int
    /// Leechers.
    package var incomplete: Int
    /// How long the tracker wants us to wait until the next announce; nil when it does not say.
    package var interval: Duration?
    /// How long it insists on.
    package var minimumInterval: Duration?
    /// What the tracker wants to read in the swarm's next announces, if it says so.
    package var trackerID: String?

    package init(
        infoHash: InfoHash,
        complete: Int,
        incomplete: Int,
        interval: Duration? = nil,
        minimumInterval: Duration? = nil,
        trackerID: String? = nil
    ) {
        self.infoHash = infoHash
        self.complete = complete
        self.incomplete = incomplete
        self.interval = interval
        self.minimumInterval = minimumInterval
        self.trackerID = trackerID
    }
}

package struct TrackerCounts: Hashable, Codable, Sendable {
    package var complete: Int
    package var incomplete: Int
    /// How often a peer said `completed`.
    package var downloaded: Int

    package init(complete: Int, incomplete: Int, downloaded: Int) {
        self.complete = complete
        self.incomplete = incomplete
        self.downloaded = downloaded
    }
}
