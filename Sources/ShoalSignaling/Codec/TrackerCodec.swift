package import ShoalCore

/// The WebTorrent tracker protocol as text: one JSON object for each message, as `bittorrent-tracker` writes it.
///
/// Strict in what it writes, tolerant in what it reads: unknown fields are ignored, numbers may be fractions or
/// negative, and what a foreign implementation leaves out is taken for unknown wherever there is a way to go on.
package enum TrackerCodec {
    /// 256 KiB: the longest message that is read or written. libtorrent's longest is 8 KiB, aquatic refuses 64 KiB.
    package static let maximumMessageSize = 256 * 1024

    /// 64 KiB: the longest SDP, in bytes of UTF-8, as libtorrent has it. Ours are below 2 KiB.
    package static let maximumSDPSize = 64 * 1024

    /// 82: the most offers of one announce (`MAX_ANNOUNCE_PEERS` of the reference).
    package static let maximumOffers = 82

    /// 1,000: the most swarms of one scrape, so that the reply to it stays below ``maximumMessageSize``.
    package static let maximumScrapedSwarms = 1000

    /// 60 s: what clients are asked to wait between two scrapes (`min_request_interval` of the reference, which asks for
    /// ten minutes).
    static let scrapeInterval = 60

    /// 512: the most characters of a tracker's failure or warning that are kept.
    package static let maximumReasonLength = 512
    /// In bytes; a longer one is ignored.
    package static let maximumTrackerIDLength = 256
}

/// Why a message of the tracker protocol cannot be read or written; names the field.
package struct TrackerCodecError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Path of the field, as in `offers[3].offer_id`; `message` when it is about the whole.
    package let field: String
    /// What is wrong with it.
    package let problem: String
    /// The swarm that the message is about, when that could be read: a tracker's refusal must name it.
    package private(set) var infoHash: InfoHash?
    /// The message was a scrape: a tracker's refusal names the action, too.
    package private(set) var isAboutScrape = false

    package init(field: String, problem: String, infoHash: InfoHash? = nil) {
        self.field = field
        self.problem = problem
        self.infoHash = infoHash
    }

    package var description: String { "\(self.field): \(self.problem)" }

    /// The same error, with what could be read of the message in spite of it.
    func about(_ infoHash: InfoHash?, isScrape: Bool) -> TrackerCodecError {
        var error = self
        error.infoHash = infoHash
        error.isAboutScrape = isScrape
        return error
    }
}

/// The fields of one JSON object, and where in the message it stands.
struct TrackerFields {
    private let object: JSONValue
    private let prefix: String

    /// The fields of a whole message.
    init(message bytes: [UInt8]) throws(TrackerCodecError) {
        guard bytes.count <= TrackerCodec.maximumMessageSize else {
            throw TrackerCodecError(
                field: "message",
                problem: "\(bytes.count) bytes are more than \(TrackerCodec.maximumMessageSize)"
            )
        }
        do {
            self.object = try JSONValue(reading: bytes)
        } catch {
            throw TrackerCodecError(field: "message", problem: "no JSON: \(error)")
        }
        guard self.object.members != nil else {
            throw TrackerCodecError(field: "message", problem: "must be a JSON object")
        }
        self.prefix = ""
    }

    private init(_ object: JSONValue, prefix: String) {
        self.object = object
        self.prefix = prefix
    }

    /// The value of a field; nil when it is absent or null.
    subscript(name: String) -> JSONValue? { self.object[name] }

    func error(_ name: String, _ problem: String) -> TrackerCodecError {
        TrackerCodecError(field: self.prefix + name, problem: problem)
    }

    /// A string that must be there.
    func text(_ name: String) throws(TrackerCodecError) -> String {
        guard let value = self[name] else { throw self.error(name, "is missing") }
        guard let text = value.text else { throw self.error(name, "must be a string") }
        return text
    }

    /// A 20-byte value that must be there.
    func id<ID: FixedBytes>(_ name: String) throws(TrackerCodecError) -> ID {
        let text = try self.text(name)
        guard let id = ID(binaryString: text) else { throw self.error(name, Self.idProblem(text, of: ID.self)) }
        return id
    }

    /// Why `text` is no `ID`.
    static func idProblem<ID: FixedBytes>(_ text: String, of _: ID.Type) -> String {
        guard BinaryString.decode(text) != nil else { return "has a character above U+00FF" }
        return "must be \(ID.byteCount) characters, not \(text.unicodeScalars.count)"
    }

    /// The SDP of `{"type": kind, "sdp": …}`, which must be there.
    func sdp(_ kind: String) throws(TrackerCodecError) -> String {
        guard let value = self[kind] else { throw self.error(kind, "is missing") }
        guard value.members != nil else { throw self.error(kind, "must be an object") }
        let description = TrackerFields(value, prefix: "\(self.prefix)\(kind).")
        if let type = description["type"]?.text, type != kind { throw description.error("type", "must be \(kind)") }
        let sdp = try description.text("sdp")
        if let problem = TrackerCodec.problem(ofSDP: sdp) { throw description.error("sdp", problem) }
        return sdp
    }

    /// The objects of an array that may be absent; elements that are no objects are left out.
    func objects(_ name: String, atMost limit: Int) throws(TrackerCodecError) -> [TrackerFields] {
        guard let value = self[name] else { return [] }
        guard let elements = value.elements else { throw self.error(name, "must be an array") }
        guard elements.count <= limit else { throw self.error(name, "\(elements.count) are more than \(limit)") }
        return elements.enumerated().compactMap { index, element in
            element.members == nil ? nil : TrackerFields(element, prefix: "\(self.prefix)\(name)[\(index)].")
        }
    }
}

extension TrackerCodec {
    /// Why a text cannot be an SDP of ours to carry, or nil.
    ///
    /// Control characters are refused: no SDP has them, and each would become six bytes in a relayed message.
    static func problem(ofSDP sdp: String) -> String? {
        let count = sdp.utf8.count
        if count > self.maximumSDPSize { return "\(count) bytes are more than \(self.maximumSDPSize)" }
        if sdp.utf8.contains(where: { $0 < 0x20 && $0 != 0x0D && $0 != 0x0A && $0 != 0x09 }) {
            return "has a control character"
        }
        return nil
    }

    /// `{"type": kind, "sdp": …}`.
    static func description(_ kind: String, _ sdp: String) -> JSONValue {
        ["type": .string(kind), "sdp": .string(sdp)]
    }
}
