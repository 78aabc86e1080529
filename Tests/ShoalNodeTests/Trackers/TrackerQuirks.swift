import Testing

/// How an imitated tracker differs from the next: a switch for each difference between those that are in use.
///
/// The defaults are those of the reference server (`bittorrent-tracker` 11.2); docs/decisions/0018-tracker.md has the
/// table that the presets follow.
struct TrackerQuirks: Sendable {
    /// What becomes of an `event` that the tracker does not know.
    enum StrangeEvent: Sendable {
        case isAnUpdate
        case fails
        case closes
    }

    /// What becomes of an answer to an offer that its sender was not given.
    enum StrangeAnswer: Sendable {
        case isDropped
        case fails
        case closes
    }

    /// Whose a peer ID is that a second socket names.
    enum SharedPeerID: Sendable {
        /// The first socket's, which takes the peer along when it closes.
        case isTheFirst
        /// The first socket's; the second is not even answered.
        case silencesTheSecond
        /// The second socket's; the first is closed.
        case closesTheFirst
    }

    /// Seconds, as the reply to an announce says them.
    var interval = 120
    var minimumInterval: Int?
    /// What a client has to say from the first reply on.
    var trackerID: String?
    /// Offers of one announce that are handed on.
    var maximumOffers = 82
    /// No offer is handed on without `numwant`, a whole number.
    var needsNumwant = false
    /// Every offer must have type, SDP and a whole ID, and every answer its own.
    var checksDescriptions = false
    /// Bytes.
    var frameLimit = 1 << 20
    var messageLimit = 1 << 20
    /// Events besides `started`, `completed` and `stopped` that are fine.
    var otherEvents: Set<String> = ["update", "empty", ""]
    var strangeEvent = StrangeEvent.isAnUpdate
    var strangeAnswer = StrangeAnswer.isDropped
    var sharedPeerID = SharedPeerID.isTheFirst
    var allowsSecondPeerID = true
    var repliesToStopped = true
    var repliesToAnswers = false
    /// Failures have `action` and `info_hash`.
    var failuresNameSwarm = true
    /// A socket in two belongs to the other address family, whose swarms are others.
    var splitsFamilies = false
    /// Every reply comes with messages of a swarm that another client of the process could have on this socket.
    var mixesSwarms = false
    /// Offers and answers come twice.
    var repeatsItself = false
    /// Announces of leechers, from the first on, that get no reply and have no effect.
    var droppedAnnounces = 0
    /// Announces of leechers, from the first on, that are refused.
    var failedAnnounces = 0
    /// Announces, from the first on, at which the socket is closed; the tracker takes the peer for alive for ever.
    var cutAnnounces = 0
}

/// A tracker to imitate, for tests to be named after.
struct Imitation: Sendable, CustomTestStringConvertible {
    let name: String
    let quirks: TrackerQuirks

    var testDescription: String { self.name }

    /// A reference server with one thing changed.
    init<Value>(_ name: String, _ quirk: WritableKeyPath<TrackerQuirks, Value>, _ value: Value) {
        self.init(name) { $0[keyPath: quirk] = value }
    }

    private init(_ name: String, _ change: (inout TrackerQuirks) -> Void) {
        self.name = name
        var quirks = TrackerQuirks()
        change(&quirks)
        self.quirks = quirks
    }

    /// `bittorrent-tracker`'s server.
    static let reference = Self("reference") { _ in }

    static let aquatic = Self("aquatic_ws") { quirks in
        quirks.maximumOffers = 10
        quirks.checksDescriptions = true
        quirks.frameLimit = 16 << 10
        quirks.messageLimit = 64 << 10
        quirks.otherEvents = ["update"]
        quirks.strangeEvent = .fails
        quirks.strangeAnswer = .fails
        quirks.sharedPeerID = .silencesTheSecond
        quirks.allowsSecondPeerID = false
        quirks.repliesToAnswers = true
        quirks.failuresNameSwarm = false
    }

    static let openwebtorrent = Self("openwebtorrent-tracker") { quirks in
        quirks.maximumOffers = 20
        quirks.needsNumwant = true
        quirks.checksDescriptions = true
        quirks.messageLimit = 64 << 10
        quirks.otherEvents = [""]
        quirks.strangeEvent = .closes
        quirks.strangeAnswer = .closes
        quirks.sharedPeerID = .closesTheFirst
        quirks.allowsSecondPeerID = false
        quirks.repliesToStopped = false
    }

    static let wtTracker = Self("wt-tracker") { quirks in
        quirks.interval = 20
        quirks.maximumOffers = 20
        quirks.needsNumwant = true
        quirks.checksDescriptions = true
        quirks.messageLimit = 64 << 10
        quirks.otherEvents = []
        quirks.strangeEvent = .closes
        quirks.strangeAnswer = .closes
        quirks.sharedPeerID = .closesTheFirst
        quirks.repliesToStopped = false
    }

    static let all = [reference, aquatic, openwebtorrent, wtTracker]

    /// No event but the three that everybody knows.
    static let strictOnEvents = [
        Self("strange events close") { quirks in
            quirks.otherEvents = []
            quirks.strangeEvent = .closes
        },
        Self("strange events fail") { quirks in
            quirks.otherEvents = []
            quirks.strangeEvent = .fails
        },
    ]

    /// One quirk each, where a reference server has another.
    static let singly = [
        Self("a long interval", \.interval, 3_600),
        Self("an interval of a second", \.interval, 1),
        Self("a least interval", \.minimumInterval, 1),
        Self("a tracker ID", \.trackerID, "it's me \"again\""),
        Self("one offer of an announce", \.maximumOffers, 1),
        Self("whole numwant needed", \.needsNumwant, true),
        Self("descriptions checked", \.checksDescriptions, true),
        Self("frames of 16 KiB", \.frameLimit, 16 << 10),
        Self("messages of 64 KiB", \.messageLimit, 64 << 10),
        Self("strange answers close", \.strangeAnswer, .closes),
        Self("strange answers fail", \.strangeAnswer, .fails),
        Self("one peer ID for a socket", \.allowsSecondPeerID, false),
        Self("no reply to stopped", \.repliesToStopped, false),
        Self("replies to answers", \.repliesToAnswers, true),
        Self("messages of other swarms", \.mixesSwarms, true),
        Self("everything twice", \.repeatsItself, true),
        Self("silent drops", \.droppedAnnounces, 1),
        Self("failures", \.failedAnnounces, 1),
        Self("failures without action") { quirks in
            quirks.failedAnnounces = 1
            quirks.failuresNameSwarm = false
        },
        Self("closes on the first announces", \.cutAnnounces, 2),
        Self("closes, and leaves the old socket its peer ID") { quirks in
            quirks.cutAnnounces = 2
            quirks.sharedPeerID = .silencesTheSecond
        },
    ]
}
