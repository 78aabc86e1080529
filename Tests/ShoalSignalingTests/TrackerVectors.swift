import Foundation
import ShoalCore
import ShoalSwarm
import Testing

@testable import ShoalSignaling

/// `Tests/Vectors/tracker.json`, which JavaScript reads, too.
struct TrackerVectors: Decodable {
    struct Request: Decodable, CustomTestStringConvertible {
        let name: String
        let text: String
        let message: Message
        var testDescription: String { self.name }
    }

    struct Response: Decodable, CustomTestStringConvertible {
        let name: String
        let text: String
        let messages: [Message]
        var testDescription: String { self.name }
    }

    struct Refusal: Decodable, CustomTestStringConvertible {
        let name: String
        let text: String
        let field: String
        var testDescription: String { self.name }
    }

    let requests: [Request]
    let responses: [Response]
    let foreignRequests: [Request]
    let foreignResponses: [Response]
    let refusedRequests: [Refusal]
    let refusedResponses: [Refusal]

    static let all: TrackerVectors = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Vectors/tracker.json")
        do {
            return try JSONDecoder().decode(TrackerVectors.self, from: Data(contentsOf: file))
        } catch {
            preconditionFailure("\(file.path) cannot be read: \(error)")
        }
    }()

    /// Any message, as the file has it.
    struct Message: Decodable {
        struct Offer: Decodable {
            let offerID: String
            let sdp: String
        }

        struct Counts: Decodable {
            let complete: Int
            let incomplete: Int
            let downloaded: Int
        }

        let kind: String
        let infoHash: String?
        let infoHashes: [String]?
        let peerID: String?
        let toPeerID: String?
        let offerID: String?
        let sdp: String?
        let event: String?
        let uploaded: Int?
        let downloaded: Int?
        let left: Int?
        let offers: [Offer]?
        let complete: Int?
        let incomplete: Int?
        let interval: Int?
        let minimumInterval: Int?
        let files: [String: Counts]?
        let reason: String?

        func request() throws -> TrackerRequest {
            switch self.kind {
            case "announce":
                .announce(
                    TrackerAnnounce(
                        infoHash: try id(self.infoHash),
                        peerID: try id(self.peerID),
                        event: self.event.flatMap { TrackerAnnounce.Event(rawValue: $0) },
                        uploaded: try #require(self.uploaded),
                        downloaded: try #require(self.downloaded),
                        left: self.left,
                        offers: try #require(self.offers).map { TrackerOffer(offerID: try id($0.offerID), sdp: $0.sdp) }
                    )
                )
            case "answer":
                .answer(
                    TrackerAnswer(
                        infoHash: try id(self.infoHash),
                        peerID: try id(self.peerID),
                        toPeerID: try id(self.toPeerID),
                        offerID: try id(self.offerID),
                        sdp: try #require(self.sdp),
                        left: self.left
                    )
                )
            default: .scrape(try #require(self.infoHashes).map { try id($0) })
            }
        }

        func response() throws -> TrackerResponse {
            switch self.kind {
            case "announced":
                .announced(
                    TrackerStatistics(
                        infoHash: try id(self.infoHash),
                        complete: try #require(self.complete),
                        incomplete: try #require(self.incomplete),
                        interval: self.interval.map { .seconds($0) },
                        minimumInterval: self.minimumInterval.map { .seconds($0) }
                    )
                )
            case "offer":
                .offer(
                    infoHash: try id(self.infoHash),
                    from: try id(self.peerID),
                    offer: TrackerOffer(offerID: try id(self.offerID), sdp: try #require(self.sdp))
                )
            case "answer":
                .answer(
                    infoHash: try id(self.infoHash),
                    from: try id(self.peerID),
                    offerID: try id(self.offerID),
                    sdp: try #require(self.sdp)
                )
            case "scraped":
                .scraped(
                    try Dictionary(
                        uniqueKeysWithValues: #require(self.files).map { name, counts in
                            let value = TrackerCounts(
                                complete: counts.complete,
                                incomplete: counts.incomplete,
                                downloaded: counts.downloaded
                            )
                            return (try id(name), value)
                        }
                    )
                )
            case "failure": .failure(reason: try #require(self.reason), infoHash: try self.infoHash.map { try id($0) })
            default: .warning(try #require(self.reason))
            }
        }
    }
}

/// The identifier that `hex` spells.
private func id<ID: FixedBytes>(_ hex: String?) throws -> ID {
    let hex = try #require(hex)
    return try #require(ID(hex: hex))
}
