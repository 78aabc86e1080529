/// What a client said to an imitated tracker, read without any of this project's own reading.
///
/// 20 bytes are a string of 20 scalars below U+0100; as such strings are equal when their scalars are, they serve as
/// keys as they are.
struct HeardMessage: Decodable, Sendable {
    /// `event`: there are trackers to which null is not the same as nothing.
    enum Event: Hashable, Sendable {
        case absent
        case null
        case named(String)
    }

    struct Offer: Decodable, Sendable {
        let offer: Description?
        let offerID: String?

        enum CodingKeys: String, CodingKey {
            case offer
            case offerID = "offer_id"
        }

        var isSound: Bool {
            self.offer?.type == "offer" && self.offer?.sdp?.isEmpty == false && HeardMessage.isID(self.offerID)
        }
    }

    struct Description: Codable, Sendable {
        let type: String?
        let sdp: String?
    }

    let action: String
    let swarm: String
    let peer: String
    let event: Event
    /// Nil when there is none or it is no whole number.
    let numwant: Int?
    let left: Int?
    let offers: [Offer]
    let answer: Description?
    let offerID: String?
    let receiver: String?
    let trackerID: String?

    enum CodingKeys: String, CodingKey {
        case action, event, numwant, left, offers, answer
        case swarm = "info_hash"
        case peer = "peer_id"
        case offerID = "offer_id"
        case receiver = "to_peer_id"
        case trackerID = "trackerid"
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        self.action = try fields.decode(String.self, forKey: .action)
        self.swarm = try fields.decode(String.self, forKey: .swarm)
        self.peer = try fields.decode(String.self, forKey: .peer)
        if !fields.contains(.event) {
            self.event = .absent
        } else if let event = try fields.decodeIfPresent(String.self, forKey: .event) {
            self.event = .named(event)
        } else {
            self.event = .null
        }
        self.numwant = try? fields.decodeIfPresent(Int.self, forKey: .numwant)
        self.left = try fields.decodeIfPresent(Int.self, forKey: .left)
        self.offers = try fields.decodeIfPresent([Offer].self, forKey: .offers) ?? []
        self.answer = try fields.decodeIfPresent(Description.self, forKey: .answer)
        self.offerID = try fields.decodeIfPresent(String.self, forKey: .offerID)
        self.receiver = try fields.decodeIfPresent(String.self, forKey: .receiver)
        self.trackerID = try fields.decodeIfPresent(String.self, forKey: .trackerID)
    }

    static func isID(_ text: String?) -> Bool {
        guard let scalars = text?.unicodeScalars else { return false }
        return scalars.count == 20 && scalars.allSatisfy { $0.value < 0x100 }
    }
}

/// What an imitated tracker says; fields that are nil are left out.
struct SaidMessage: Encodable, Sendable {
    var action: String? = "announce"
    var swarm: String?
    var complete: Int?
    var incomplete: Int?
    var interval: Int?
    var minimumInterval: Int?
    var trackerID: String?
    var peer: String?
    var offerID: String?
    var offer: HeardMessage.Description?
    var answer: HeardMessage.Description?
    var failure: String?

    enum CodingKeys: String, CodingKey {
        case action, complete, incomplete, interval, offer, answer
        case swarm = "info_hash"
        case minimumInterval = "min interval"
        case trackerID = "tracker id"
        case peer = "peer_id"
        case offerID = "offer_id"
        case failure = "failure reason"
    }
}
