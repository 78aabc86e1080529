package import ShoalCore
import ShoalWire

/// A line at the end of an SDP that a tracker carries. By it who is in the swarm knows that whoever made the SDP is too,
/// before anything is spent on a connection (`docs/protocol.md`, section "Trackers").
///
/// Libraries pass over the line, as RFC 8866 has them do with attributes that they do not know.
package struct MemberNote: Hashable, Sendable {
    package enum Kind: UInt8, Sendable {
        case offer = 1
        case answer = 2
    }

    static let attribute = "a=shoal-member:"
    /// 3 connections at a time may be begun because of the notes of one author: somebody else may have copied them.
    static let attemptsOfAuthor = 3

    /// The author's Unix time in milliseconds.
    package let sentAt: UInt64
    /// HMAC-SHA-256 of ``message(_:peerID:offerID:sentAt:sdp:)``; the key is the swarm's secret.
    package let code: Digest

    package init(sentAt: UInt64, code: Digest) {
        self.sentAt = sentAt
        self.code = code
    }

    /// - Parameters:
    ///   - peerID: what the tracker knows the author as.
    ///   - offerID: of an answer, that of its offer.
    package static func message(
        _ kind: Kind,
        peerID: PeerID,
        offerID: OfferID,
        sentAt: UInt64,
        sdp: String
    ) -> [UInt8] {
        var writer = WireWriter()
        writer.put(Array("shoal/1 tracked".utf8))
        writer.put(kind.rawValue)
        writer.put(peerID)
        writer.put(offerID)
        writer.put(sentAt)
        writer.put(Array(sdp.utf8))
        return writer.bytes
    }

    /// `sdp` and the line. An SDP whose last line does not end, which is none, stays without.
    package func appended(to sdp: String) -> String {
        guard let last = sdp.utf8.last, Self.isLineEnd(last) else { return sdp }
        return "\(sdp)\(Self.attribute)\(self.sentAt) \(self.code.hex)\r\n"
    }

    /// What stands before the line, and what the line says; the whole text and nil when it has no such line at its end.
    package static func split(_ text: String) -> (sdp: String, note: MemberNote?) {
        let bytes = text.utf8
        let end = bytes.lastIndex { !Self.isLineEnd($0) }.map { bytes.index(after: $0) } ?? bytes.startIndex
        let start = bytes[..<end].lastIndex(where: Self.isLineEnd).map { bytes.index(after: $0) } ?? bytes.startIndex
        guard let note = MemberNote(line: bytes[start..<end]) else { return (text, nil) }
        return (String(decoding: bytes[..<start], as: UTF8.self), note)
    }

    private init?(line: Substring.UTF8View) {
        guard line.starts(with: Self.attribute.utf8) else { return nil }
        let words = Substring(line.dropFirst(Self.attribute.utf8.count))
            .split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 2, let sentAt = UInt64(words[0]), let code = Digest(hex: words[1]) else { return nil }
        // One way to write a number.
        guard words[0] == "\(sentAt)" else { return nil }
        self.init(sentAt: sentAt, code: code)
    }

    private static func isLineEnd(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") }
}

/// Notes that were believed: a copy of one is not.
struct BelievedNotes: Sendable {
    /// 1,024: they count for 12 minutes, in which a node of a swarm of thousands is brought a hundred offers.
    static let limit = 1_024

    private var codes: Set<Digest> = []
    /// In the order in which they came; once there are as many as may be, the next takes the place of the oldest.
    private var order: [Digest] = []
    private var oldest = 0

    /// Enters a note. False when it was entered before.
    mutating func isFirst(_ note: MemberNote) -> Bool {
        guard self.codes.insert(note.code).inserted else { return false }
        guard self.order.count == Self.limit else {
            self.order.append(note.code)
            return true
        }
        self.codes.remove(self.order[self.oldest])
        self.order[self.oldest] = note.code
        self.oldest = (self.oldest + 1) % Self.limit
        return true
    }
}
