import ShoalCore
import ShoalSwarm

@testable import ShoalSignaling

/// Identifiers and messages to test with, by number.
enum Sample {
    static func infoHash(_ number: Int) -> InfoHash { self.id(number, 0xA0) }
    static func peerID(_ number: Int) -> PeerID { self.id(number, 0xB0) }
    static func offerID(_ number: Int) -> OfferID { self.id(number, 0x0D) }

    private static func id<ID: FixedBytes>(_ number: Int, _ kind: UInt8) -> ID {
        let bytes = [UInt8](repeating: kind, count: 16) + (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        guard let id = ID(bytes: bytes) else { preconditionFailure("20 bytes make an identifier") }
        return id
    }

    static func offer(_ number: Int, sdp: String = "v=0\r\n") -> TrackerOffer {
        TrackerOffer(offerID: self.offerID(number), sdp: sdp)
    }

    /// Peer `peer` in swarm 1.
    static func announce(
        _ peer: Int,
        in swarm: Int = 1,
        event: TrackerAnnounce.Event? = nil,
        left: Int? = nil,
        offers: [TrackerOffer] = []
    ) -> TrackerAnnounce {
        TrackerAnnounce(
            infoHash: self.infoHash(swarm),
            peerID: self.peerID(peer),
            event: event,
            left: left,
            offers: offers
        )
    }

    /// Peer `from` answers offer 1 of peer `to` in swarm 1.
    static func answer(from: Int, to: Int, sdp: String = "v=0\r\na=setup:active\r\n", left: Int? = nil) -> TrackerAnswer
    {
        TrackerAnswer(
            infoHash: self.infoHash(1),
            peerID: self.peerID(from),
            toPeerID: self.peerID(to),
            offerID: self.offerID(1),
            sdp: sdp,
            left: left
        )
    }

    /// The reply to an announce in swarm 1.
    static func announced(_ complete: Int, _ incomplete: Int, in swarm: Int = 1) -> TrackerResponse {
        .announced(
            TrackerStatistics(
                infoHash: self.infoHash(swarm),
                complete: complete,
                incomplete: incomplete,
                interval: .seconds(30)
            )
        )
    }
}
