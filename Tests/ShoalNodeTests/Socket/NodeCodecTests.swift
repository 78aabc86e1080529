import Foundation
import NIOCore
import ShoalCore
import ShoalFormats
import ShoalNode
import ShoalStore
import ShoalSwarm
import Testing

@testable import ShoalNode

@Suite struct NodeCodecTests {
    private static let link = "magnet:?xt=urn:sha256:" + String(repeating: "ab", count: 32)

    @Test(arguments: [
        NodeRequest.status, .peers, .stop,
        .fetch(FetchOrder(link: link, trackers: ["ws://127.0.0.1:1"], output: "/a/path")),
        .fetch(FetchOrder(link: link, trackers: [], output: nil)),
        .seed(SeedOrder(source: "/a/path", name: "n", trackers: [])),
        .manifest(ManifestOrder(source: link, trackers: [])), .list, .remove(RemoveOrder(model: "ab12")),
        .fetch(FetchOrder(link: link, trackers: [], output: nil, include: ["*Q4*"], exclude: [])),
        .verify(VerifyOrder(models: [link], repairs: true, trackers: [], patience: 30)),
        .adopt(AdoptOrder(link: link, path: "/a/path", trackers: [], patience: 0.5)),
        .cache(CacheOrder(budget: 20, isUnbounded: false)), .cache(CacheOrder(budget: nil, isUnbounded: true)),
        .pin(PinOrder(model: "ab12", shards: "0-3,7", isPinned: true)), .limit(.sample), .limit(LimitOrder()),
    ])
    func `a request is read as it was written`(request: NodeRequest) throws {
        #expect(try NodeCodec.request(NodeCodec.bytes(of: request)) == request)
    }

    @Test(arguments: [
        NodeAnswer.note("a / b"), .done, .error(NodeFailure(.busy, "later")), .manifestPart(Data([0, 255, 1])),
        .progress(ModelProgress(stage: .fetching, done: 1, total: nil, peers: 2, connectedTrackers: 3)),
        .fetched(FetchReport(manifest: "m", path: "p", bytes: 1, bytesFromPeers: 2, peers: 3, registryProblem: "r")),
        .seeding(SeedReport(link: link, manifest: "m", verifiedBytes: 1, totalBytes: 2, shards: 3)),
        .status(.sample), .peer(.sample),
        .model(ModelReport(name: nil, manifest: "m", externalFiles: 1, state: .idle)),
        .verified(
            VerifyReport(
                name: "n",
                manifest: "m",
                residentBytes: 1,
                totalBytes: 2,
                wrongShards: 3,
                wrongBytes: 4,
                repairedShards: 5
            )
        ),
        .cache(
            CacheReport(
                CacheSummary(
                    budget: CacheBudget(limit: 100),
                    use: CacheUse(),
                    next: [
                        CachedShard(
                            model: ManifestID(Digest(sha256Of: [])),
                            shard: ShardIndex(3),
                            kind: .expert,
                            bytes: 4_096,
                            lastUsed: 5_000
                        )
                    ],
                    obstacle: "no holes"
                )
            )
        ),
        .limits(LimitReport(.sample)), .limits(LimitReport(TransferLimits())),
        .pinned(PinReport(manifest: "m", pinnedShards: 1, pinnedBytes: 2, shards: 3, totalBytes: 4)),
        .removed(RemoveReport(name: nil, manifest: "m", freedBytes: 1, externalPaths: ["/a"], externalFiles: 2)),
        .adopted(
            AdoptReport(
                manifest: "m",
                files: 1,
                inPlaceBytes: 2,
                copiedBytes: 3,
                unknownBytes: 4,
                residentBytes: 5,
                totalBytes: 6
            )
        ),
    ])
    func `an answer is read as it was written`(answer: NodeAnswer) throws {
        #expect(try NodeCodec.answer(NodeCodec.bytes(of: answer)) == answer)
    }

    @Test func `the bytes are what the documentation says`() throws {
        #expect(String(decoding: try NodeCodec.bytes(of: .status), as: UTF8.self) == #"{"shoal":1,"status":{}}"#)
        let order = FetchOrder(link: "magnet:?x", trackers: ["ws://a"], output: nil)
        #expect(
            String(decoding: try NodeCodec.bytes(of: .fetch(order)), as: UTF8.self)
                == #"{"fetch":{"link":"magnet:?x","trackers":["ws://a"]},"shoal":1}"#
        )
        #expect(
            String(decoding: try NodeCodec.bytes(of: NodeAnswer.note("a/b")), as: UTF8.self)
                == #"{"note":"a/b","shoal":1}"#
        )
    }

    @Test(
        arguments: [
            ("", .malformed), ("{", .malformed), ("[]", .malformed), ("null", .malformed), ("{}", .malformed),
            ("{\"shoal\":1}", .malformed), ("{\"shoal\":\"1\",\"status\":{}}", .malformed),
            ("{\"shoal\":1,\"frobnicate\":{}}", .malformed), ("{\"shoal\":1,\"status\":{},\"stop\":{}}", .malformed),
            ("{\"shoal\":1,\"fetch\":{}}", .malformed),
            ("{\"shoal\":1,\"fetch\":{\"link\":7,\"trackers\":[]}}", .malformed),
            ("{\"shoal\":2,\"status\":{}}", .version), ("{\"shoal\":0,\"frobnicate\":{}}", .version),
            (String(repeating: "[", count: 60_000), .malformed), ("\u{FF}\u{FE}", .malformed),
        ] as [(String, NodeFailure.Code)]
    )
    func `what is no request is refused by its reason`(text: String, code: NodeFailure.Code) {
        let failure = #expect(throws: NodeFailure.self) { try NodeCodec.request(Data(text.utf8)) }
        #expect(failure?.code == code, "\(text.prefix(40)): \(String(describing: failure))")
    }

    @Test func `members that a later version of a request may have are no obstacle`() throws {
        #expect(try NodeCodec.request(Data(#"{"shoal":1,"status":{"soon":[1]},"also":2}"#.utf8)) == .status)
    }

    @Test func `an answer above the bound is an error, one at the bound is not`() throws {
        let empty = try NodeCodec.bytes(of: NodeAnswer.note("")).count
        let longest = String(repeating: "x", count: NodeCodec.answerLimit - empty)
        #expect(try NodeCodec.bytes(of: NodeAnswer.note(longest)).count == NodeCodec.answerLimit)
        let failure = #expect(throws: NodeFailure.self) { try NodeCodec.bytes(of: NodeAnswer.note(longest + "x")) }
        #expect(failure?.code == .tooLong)
    }

    @Test func `a frame comes out whole, whatever pieces it came in`() throws {
        let decoder = NodeFrameDecoder(limit: 10)
        var buffer = ByteBuffer()
        for byte in [0, 0, 0, 3, 7, 8] as [UInt8] {
            buffer.writeInteger(byte)
            #expect(try decoder.decode(buffer: &buffer) == nil)
        }
        buffer.writeInteger(9 as UInt8)
        let frame = try decoder.decode(buffer: &buffer)
        #expect(frame == ByteBuffer(bytes: [7, 8, 9]))
        #expect(buffer.readableBytes == 0)
    }

    @Test(arguments: [(10, nil), (11, .tooLong), (.max, .tooLong), (0, .malformed)] as [(UInt32, NodeFailure.Code?)])
    func `the length of a frame is checked before anything is kept`(length: UInt32, code: NodeFailure.Code?) throws {
        let decoder = NodeFrameDecoder(limit: 10)
        var buffer = ByteBuffer()
        buffer.writeInteger(length)
        do {
            #expect(try decoder.decode(buffer: &buffer) == nil)
            #expect(code == nil)
        } catch let failure as NodeFailure {
            #expect(failure.code == code)
        }
    }

    @Test(arguments: [
        ("candidate:1 1 UDP 2122317823 192.0.2.1 41000 typ host", "host", "192.0.2.1:41000"),
        ("a=candidate:2 1 UDP 1 2001:db8::1 9 typ srflx raddr 0.0.0.0 rport 0", "srflx", "[2001:db8::1]:9"),
        ("candidate:1 1 UDP 1 192.0.2.1 41000", "", "192.0.2.1:41000"),
        ("candidate:1 1 UDP 1 192.0.2.1 41000 typ", "", "192.0.2.1:41000"),
    ])
    func `a candidate says its kind and address`(sdp: String, kind: String, address: String) throws {
        let candidate = try #require(Candidate(sdp: sdp))
        #expect(candidate.kind == kind && candidate.address == address)
    }

    @Test(arguments: ["", "candidate", "candidate:1 1 UDP 1 192.0.2.1"])
    func `what is no candidate says nothing`(sdp: String) { #expect(Candidate(sdp: sdp) == nil) }
}

extension TransferLimits {
    fileprivate static var sample: TransferLimits {
        var limits = TransferLimits()
        limits.upload = Rates(total: 20_000, perPeer: 30_000)
        limits.download = Rates(total: 40_000, perPeer: 50_000)
        limits.uploadSlots = 7
        return limits
    }
}

extension LimitOrder {
    fileprivate static var sample: LimitOrder {
        var order = LimitOrder()
        order.upload = 20_000
        order.downloadPerPeer = 0
        return order
    }
}

extension StatusReport {
    static let sample = StatusReport(
        node: "ab",
        agent: "shoal/0",
        process: 7,
        uptimeSeconds: 1.5,
        home: "/home",
        connections: Connections(used: 1, maximum: 50),
        limits: LimitReport(.sample),
        trackers: [Tracker(url: "ws://a", state: .waiting, retrySeconds: 2, counted: nil)],
        swarms: [
            Swarm(
                name: nil,
                manifest: "cd",
                state: .looking,
                verifiedBytes: 0,
                totalBytes: nil,
                peers: 0,
                downBytesPerSecond: 0,
                upBytesPerSecond: 0,
                receivedBytes: 0
            )
        ]
    )
}

extension PeerReport {
    static let sample = PeerReport(
        node: nil,
        agent: nil,
        state: .handshake,
        role: .responder,
        openSeconds: 0.5,
        swarms: ["cd"],
        score: Score(total: 500, throughput: 1, latency: 2, reliability: 3),
        roundTripSeconds: 0.01,
        downBytesPerSecond: 1,
        upBytesPerSecond: 2,
        receivedBytes: 3,
        sentBytes: 4,
        window: 8,
        inFlight: [Chunk(manifest: "cd", shard: 1, chunk: 2)],
        queuedRequests: 5,
        lane: .webrtc,
        path: nil
    )
}
