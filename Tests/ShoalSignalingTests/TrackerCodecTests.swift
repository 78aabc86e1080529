import ShoalCore
import ShoalSwarm
import Testing

@testable import ShoalSignaling

struct TrackerCodecTests {
    private static let vectors = TrackerVectors.all
    private let infoHash = Sample.infoHash(1)
    private let peerID = Sample.peerID(1)

    @Test(arguments: Self.vectors.requests)
    func `requests are written and read as the vectors say`(vector: TrackerVectors.Request) throws {
        let request = try vector.message.request()
        #expect(String(decoding: try TrackerCodec.encode(request), as: UTF8.self) == vector.text)
        #expect(try TrackerCodec.encode(request) == Array(vector.text.utf8))
        #expect(try TrackerCodec.decodeRequest(Array(vector.text.utf8)) == request)
    }

    @Test(arguments: Self.vectors.responses)
    func `responses are written and read as the vectors say`(vector: TrackerVectors.Response) throws {
        let response = try #require(vector.messages.first).response()
        #expect(String(decoding: TrackerCodec.encode(response), as: UTF8.self) == vector.text)
        #expect(TrackerCodec.encode(response) == Array(vector.text.utf8))
        #expect(try TrackerCodec.decodeResponse(Array(vector.text.utf8)) == [response])
    }

    @Test(arguments: Self.vectors.foreignRequests)
    func `requests of foreign clients are understood`(vector: TrackerVectors.Request) throws {
        #expect(try TrackerCodec.decodeRequest(Array(vector.text.utf8)) == vector.message.request())
    }

    @Test(arguments: Self.vectors.foreignResponses)
    func `responses of foreign trackers are understood`(vector: TrackerVectors.Response) throws {
        let responses = try TrackerCodec.decodeResponse(Array(vector.text.utf8))
        #expect(try responses == vector.messages.map { try $0.response() })
    }

    @Test(arguments: Self.vectors.refusedRequests)
    func `a bad request is refused by the name of its field`(vector: TrackerVectors.Refusal) throws {
        let error = #expect(throws: TrackerCodecError.self) {
            try TrackerCodec.decodeRequest(Array(vector.text.utf8))
        }
        #expect(error?.field == vector.field)
        #expect(error?.description.hasPrefix("\(vector.field): ") == true)
    }

    @Test(arguments: Self.vectors.refusedResponses)
    func `a bad response is refused by the name of its field`(vector: TrackerVectors.Refusal) throws {
        let error = #expect(throws: TrackerCodecError.self) {
            try TrackerCodec.decodeResponse(Array(vector.text.utf8))
        }
        #expect(error?.field == vector.field)
    }

    @Test(arguments: [
        (#"{"action":"announce","info_hash":"aaaabbbbccccddddeeee","peer_id":7}"#, true, false),
        (#"{"action":"shout","info_hash":"aaaabbbbccccddddeeee"}"#, true, false),
        (#"{"info_hash":"aaaabbbbccccddddeeee"}"#, true, false),
        (#"{"action":"announce","info_hash":"aaaabbbbccccddddeee"}"#, false, false),
        (#"{"action":"scrape","info_hash":7}"#, false, true),
        ("[]", false, false),
    ])
    func `what is wrong with a request says what could be read`(text: String, namesSwarm: Bool, isScrape: Bool) {
        let error = #expect(throws: TrackerCodecError.self) { try TrackerCodec.decodeRequest(Array(text.utf8)) }
        #expect(error?.infoHash == (namesSwarm ? InfoHash(bytes: Array("aaaabbbbccccddddeeee".utf8)) : nil))
        #expect(error?.isAboutScrape == isScrape)
    }

    @Test
    func `a refusal of counts names the action of scrapes`() {
        let text = TrackerCodec.encode(refusalOfScrape: "no", infoHash: nil)
        #expect(String(decoding: text, as: UTF8.self) == #"{"action":"scrape","failure reason":"no"}"#)
    }

    @Test(arguments: ["\"update\"", "\"\"", "\"paused\"", "\"empty\"", "null", "7"])
    func `an event that means nothing is an update`(event: String) throws {
        let text = #"{"action":"announce","info_hash":"aaaabbbbccccddddeeee","peer_id":"aaaabbbbccccddddeeee","event":"#
        guard case .announce(let announce) = try TrackerCodec.decodeRequest(Array("\(text)\(event)}".utf8)) else {
            Issue.record("it is an announce")
            return
        }
        #expect(announce.event == nil)
    }

    @Test(arguments: 0...255)
    func `every byte survives in an info hash`(byte: Int) throws {
        let bytes = [UInt8](repeating: UInt8(byte), count: 20)
        let infoHash = try #require(InfoHash(bytes: bytes))
        let request = TrackerRequest.announce(TrackerAnnounce(infoHash: infoHash, peerID: self.peerID))
        #expect(try TrackerCodec.decodeRequest(TrackerCodec.encode(request)) == request)
        let counts = TrackerCounts(complete: 1, incomplete: 2, downloaded: 3)
        let response = TrackerResponse.scraped([infoHash: counts])
        #expect(try TrackerCodec.decodeResponse(TrackerCodec.encode(response)) == [response])

        let hex = "00" + String(byte, radix: 16)
        let escaped = String(repeating: "\\u\(String(repeating: "0", count: 4 - hex.count))\(hex.suffix(4))", count: 20)
        let text = #"{"action":"scrape","info_hash":"\#(escaped)"}"#
        #expect(try TrackerCodec.decodeRequest(Array(text.utf8)) == .scrape([infoHash]))
    }

    @Test
    func `all swarms of a scrape stay apart, whatever String thinks of their names`() throws {
        // As strings, \r\n is one character, and marks merge with what is before them.
        let hashes = try (0...255).map { byte -> InfoHash in
            try #require(InfoHash(bytes: [0x0D, UInt8(byte), 0x65] + [UInt8](repeating: 0x0A, count: 17)))
        }
        let counts = hashes.enumerated().map { index, hash in
            (hash, TrackerCounts(complete: index, incomplete: 0, downloaded: 0))
        }
        let response = TrackerResponse.scraped(Dictionary(uniqueKeysWithValues: counts))
        #expect(try TrackerCodec.decodeResponse(TrackerCodec.encode(response)) == [response])
    }

    @Test
    func `an error in an announce knows the swarm that it is about`() {
        let text = (["action": .string("announce"), "info_hash": .string(self.infoHash.binaryString)] as JSONValue)
            .encoded
        let error = #expect(throws: TrackerCodecError.self) { try TrackerCodec.decodeRequest(text) }
        #expect(error == TrackerCodecError(field: "peer_id", problem: "is missing", infoHash: self.infoHash))
    }

    @Test
    func `a text that is no UTF-8 is refused`() {
        let error = #expect(throws: TrackerCodecError.self) {
            try TrackerCodec.decodeRequest(Array(#"{"action":""#.utf8) + [0xFF] + Array(#""}"#.utf8))
        }
        #expect(error?.problem == "no JSON: a string that is no UTF-8 ends at byte 12")
    }

    @Test(arguments: [-1, 0, 1])
    func `messages have a bound`(excess: Int) throws {
        let text = Array(#"{"action":"scrape"}"#.utf8)
        let padding = [UInt8](repeating: 0x20, count: TrackerCodec.maximumMessageSize - text.count + excess)
        if excess > 0 {
            let error = #expect(throws: TrackerCodecError.self) { try TrackerCodec.decodeRequest(text + padding) }
            #expect(error?.description == "message: 262145 bytes are more than 262144")
        } else {
            #expect(try TrackerCodec.decodeRequest(text + padding) == .scrape([]))
        }
    }

    @Test(arguments: [-1, 0, 1])
    func `an SDP has a bound`(excess: Int) throws {
        let sdp = String(repeating: "\"", count: TrackerCodec.maximumSDPSize + excess)
        let answer = TrackerRequest.answer(Sample.answer(from: 1, to: 2, sdp: sdp))
        let announce = TrackerRequest.announce(Sample.announce(1, offers: [Sample.offer(1, sdp: sdp)]))
        let response = TrackerResponse.offer(
            infoHash: self.infoHash,
            from: self.peerID,
            offer: Sample.offer(1, sdp: sdp)
        )
        let text = TrackerCodec.encode(response)
        #expect(text.count <= TrackerCodec.maximumMessageSize)
        if excess > 0 {
            #expect(throws: TrackerCodecError.self) { try TrackerCodec.encode(answer) }
            #expect(throws: TrackerCodecError.self) { try TrackerCodec.encode(announce) }
            let error = #expect(throws: TrackerCodecError.self) { try TrackerCodec.decodeResponse(text) }
            #expect(error?.description == "offer.sdp: 65537 bytes are more than 65536")
        } else {
            #expect(try TrackerCodec.decodeRequest(TrackerCodec.encode(answer)) == answer)
            #expect(try TrackerCodec.decodeRequest(TrackerCodec.encode(announce)) == announce)
            #expect(try TrackerCodec.decodeResponse(text) == [response])
        }
    }

    @Test(arguments: [81, 82, 83])
    func `an announce has a bound on its offers`(count: Int) throws {
        let announce = TrackerRequest.announce(Sample.announce(1, offers: (0..<count).map { Sample.offer($0) }))
        let entries = [JSONValue](repeating: ["offer": .null], count: count)
        let foreign: JSONValue = [
            "action": .string("announce"), "info_hash": .string(self.infoHash.binaryString),
            "peer_id": .string(self.peerID.binaryString), "offers": .array(entries),
        ]
        if count > 82 {
            #expect(throws: TrackerCodecError.self) { try TrackerCodec.encode(announce) }
            let error = #expect(throws: TrackerCodecError.self) { try TrackerCodec.decodeRequest(foreign.encoded) }
            #expect(error?.description == "offers: 83 are more than 82")
        } else {
            #expect(try TrackerCodec.decodeRequest(TrackerCodec.encode(announce)) == announce)
            #expect(try TrackerCodec.decodeRequest(foreign.encoded) == .announce(Sample.announce(1)))
        }
    }

    @Test
    func `offers that are too long together are refused before they are sent`() {
        let sdp = String(repeating: "a", count: TrackerCodec.maximumSDPSize)
        let announce = Sample.announce(1, offers: (0..<4).map { Sample.offer($0, sdp: sdp) })
        let error = #expect(throws: TrackerCodecError.self) { try TrackerCodec.encode(.announce(announce)) }
        #expect(error?.field == "message")
    }

    @Test(arguments: [999, 1000, 1001])
    func `a scrape has a bound on its swarms`(count: Int) throws {
        let hashes = (0..<count).map { Sample.infoHash($0) }
        let text =
            (["action": .string("scrape"), "info_hash": .array(hashes.map { .string($0.binaryString) })] as JSONValue)
            .encoded
        if count > 1000 {
            #expect(throws: TrackerCodecError.self) { try TrackerCodec.encode(.scrape(hashes)) }
            #expect(throws: TrackerCodecError.self) { try TrackerCodec.decodeRequest(text) }
        } else {
            #expect(try TrackerCodec.encode(.scrape(hashes)) == text)
            #expect(try TrackerCodec.decodeRequest(text) == .scrape(hashes))
        }
    }

    @Test
    func `the longest reply to a scrape is a message`() throws {
        // Control characters are the longest to write, and these hashes have nothing else.
        let entries = try (0..<TrackerCodec.maximumScrapedSwarms).map { index -> (InfoHash, TrackerCounts) in
            let hash = try #require(
                InfoHash(
                    bytes: [UInt8](repeating: 1, count: 17)
                        + [index >> 8, index >> 4 & 15, index & 15].map { UInt8($0) }
                )
            )
            return (hash, TrackerCounts(complete: 1000, incomplete: 1000, downloaded: .max))
        }
        let text = TrackerCodec.encode(.scraped(Dictionary(uniqueKeysWithValues: entries)))
        #expect(text.count <= TrackerCodec.maximumMessageSize)
    }

    @Test(arguments: [511, 512, 513])
    func `a reason is cut`(count: Int) throws {
        let reason = String(repeating: "x", count: count)
        let text = TrackerCodec.encode(.failure(reason: reason, infoHash: nil))
        let expected = String(reason.prefix(512))
        #expect(try TrackerCodec.decodeResponse(text) == [.failure(reason: expected, infoHash: nil)])
    }
}
