import ShoalCore
import ShoalWire
import Testing

@testable import ShoalSwarm

/// Silence, and what it costs a peer.
struct LivenessTests {
    private static let chunk = Cutting.chunkSize

    /// A fetcher that has asked `first` for the first eight chunks, which are all that `second` has.
    private func owed(_ configuration: MeshConfiguration = .trusting) -> (MachineDriver, PlayedPeer, PlayedPeer) {
        var driver = MachineDriver(configuration: configuration)
        _ = driver.addSwarm(shardSizes: [100 * Self.chunk], isSeeder: false)
        let first = PlayedPeer(number: 1, connection: 7)
        first.enter(&driver)
        _ = driver.feed(first.say(.bitfield(.full(count: 1))))
        let second = PlayedPeer(number: 2, connection: 8)
        second.enter(&driver)
        _ = driver.feed(second.say(.bitfield(Bitfield(count: 1))))
        var chunks = Bitfield(count: 100)
        for chunk in 0..<8 { chunks[chunk] = true }
        _ = driver.feed(second.say(.partial(shard: ShardIndex(0), chunks: chunks)))
        return (driver, first, second)
    }

    private func chunks(_ effects: [MeshEffect], of peer: PlayedPeer) -> Int {
        effects.reduce(0) { sum, effect in
            guard case .request(peer.connection, _, let request) = effect else { return sum }
            return sum + Int(request.count)
        }
    }

    @Test func `what a silent peer owes is asked of another after half a second, ahead of the rest`() {
        var (driver, _, second) = self.owed()
        let early = driver.pass(.milliseconds(490))
        let late = driver.pass(.milliseconds(30))
        #expect(self.chunks(early, of: second) == 0)
        #expect(self.chunks(late, of: second) == 8)
        let priorities = late.compactMap { effect -> Priority? in
            if case .request(_, _, let request) = effect { request.priority } else { nil }
        }
        #expect(priorities.allSatisfy { $0 == .next })
    }

    /// What `peer` is asked for once `busy` has said that it has no time for a request of eight chunks.
    private func asked(
        _ peer: PlayedPeer,
        after busy: PlayedPeer,
        refuses request: UInt32,
        _ driver: inout MachineDriver
    ) -> [ChunkRequest] {
        let rejection = Rejection(id: request, reason: .busy, framesSent: 0, retryAfter: 1_000)
        var effects = driver.feed(busy.say(.reject(rejection)))
        for chunk in 0..<8 {
            let receipt = ChunkReceipt(
                connection: busy.connection,
                request: request,
                swarm: MachineDriver.swarm,
                shard: ShardIndex(0),
                chunk: ChunkIndex(chunk)
            )
            effects += driver.feed(.chunkDropped(receipt))
        }
        return effects.compactMap { effect in
            guard case .request(peer.connection, _, let request) = effect else { return nil }
            return request
        }
    }

    @Test func `what a busy peer has no time for is not late`() {
        var (driver, first, second) = self.owed()
        let requests = self.asked(second, after: first, refuses: 1, &driver)
        // The eighth waits for a request of two: a window that is nearly full waits.
        #expect(requests.map(\.first.position) == Array(0..<7))
        #expect(requests.allSatisfy { $0.priority == .background })
    }

    @Test func `what was late is late still when a busy peer has no time for it`() throws {
        var (driver, first, second) = self.owed()
        let late = driver.pass(.milliseconds(520)).compactMap { effect -> ChunkRequest? in
            if case .request(second.connection, _, let request) = effect { request } else { nil }
        }
        _ = driver.feed(first.say(.pong(token: 0), handle: 0))
        let third = PlayedPeer(number: 3, connection: 9)
        third.enter(&driver)
        _ = driver.feed(third.say(.bitfield(.full(count: 1))))
        let requests = self.asked(third, after: second, refuses: try #require(late.first).id, &driver)
        #expect(requests.contains { $0.priority == .next && $0.first.position < 8 })
    }

    @Test func `a peer that sends anything keeps its work`() {
        var (driver, first, second) = self.owed()
        var asked = 0
        for token in 0..<3 as Range<UInt64> {
            asked += self.chunks(driver.pass(.milliseconds(300)), of: second)
            _ = driver.feed(first.say(.pong(token: token), handle: 0))
        }
        #expect(asked == 0)
    }

    @Test func `silence is asked about, and only silence`() {
        var (driver, first, _) = self.owed()
        let pings = driver.pass(.milliseconds(450)).sent(to: first.connection).count {
            if case .ping = $0 { true } else { false }
        }
        #expect(pings == 2)
        var talking = 0
        for _ in 0..<10 {
            talking += driver.feed(first.say(.pong(token: 0), handle: 0)).count
            let sent = driver.pass(.milliseconds(150)).sent(to: first.connection)
            talking += sent.count { if case .ping = $0 { true } else { false } }
        }
        #expect(talking == 0)
    }

    @Test func `a suspect's work is taken back, and it gets work again when it is heard`() {
        var (driver, first, _) = self.owed()
        let effects = driver.pass(.milliseconds(1_510))
        #expect(effects.observations.contains(.peerSuspected(first.connection, first.node)))
        #expect(effects.sent(to: first.connection).contains(.cancel(id: 1)))
        let dropped = (0..<8).map { chunk in
            MeshInput.chunkDropped(
                ChunkReceipt(
                    connection: first.connection,
                    request: 1,
                    swarm: MachineDriver.swarm,
                    shard: ShardIndex(0),
                    chunk: ChunkIndex(chunk)
                )
            )
        }
        for input in dropped { #expect(self.chunks(driver.feed(input), of: first) == 0) }
        let back = driver.feed(first.say(.pong(token: 0), handle: 0))
        #expect(self.chunks(back, of: first) == 8)
    }

    @Test func `a peer with work is dead after three seconds of silence`() {
        var (driver, first, _) = self.owed()
        let early = driver.pass(.milliseconds(2_990))
        #expect(early.closing(first.connection) == nil)
        #expect(driver.pass(.milliseconds(20)).closing(first.connection) == "it is silent")
    }

    @Test func `an idle peer is dead after seven seconds of silence`() {
        var driver = MachineDriver()
        _ = driver.addSwarm(shardSizes: [Self.chunk], isSeeder: true)
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        #expect(driver.pass(.milliseconds(6_990)).closing(peer.connection) == nil)
        #expect(driver.pass(.milliseconds(20)).closing(peer.connection) == "it is silent")
    }

    @Test func `when this node slept, nobody's silence counts`() {
        var (driver, first, _) = self.owed()
        let effects = driver.oversleep(.seconds(60))
        #expect(effects.closing(first.connection) == nil)
        #expect(!effects.observations.contains(.peerSuspected(first.connection, first.node)))
        // The silence that follows does.
        #expect(driver.pass(.seconds(4)).closing(first.connection) == "it is silent")
    }

    @Test func `a late chunk whose hedge fails as well is asked of a third`() {
        var (driver, first, second) = self.owed()
        let hedge = driver.pass(.milliseconds(510)).compactMap { effect -> ChunkRequest? in
            if case .request(second.connection, _, let request) = effect { request } else { nil }
        }
        #expect(!hedge.isEmpty)
        let third = PlayedPeer(number: 3, connection: 9)
        third.enter(&driver)
        _ = driver.feed(first.say(.pong(token: 0), handle: 0))
        _ = driver.feed(third.say(.bitfield(Bitfield(count: 1))))
        var chunks = Bitfield(count: 100)
        for chunk in 0..<8 { chunks[chunk] = true }
        let before = driver.feed(third.say(.partial(shard: ShardIndex(0), chunks: chunks)))
        #expect(self.chunks(before, of: third) == 0)
        var effects: [MeshEffect] = []
        for request in hedge {
            effects += driver.feed(
                second.say(.reject(Rejection(id: request.id, reason: .busy, framesSent: 0, retryAfter: 60_000)))
            )
            for chunk in request.first.position..<request.first.position + Int(request.count) {
                let receipt = ChunkReceipt(
                    connection: second.connection,
                    request: request.id,
                    swarm: MachineDriver.swarm,
                    shard: ShardIndex(0),
                    chunk: ChunkIndex(chunk)
                )
                effects += driver.feed(.chunkDropped(receipt))
            }
        }
        #expect(self.chunks(effects, of: third) == 8)
    }

    @Test func `the round trip is measured at rest`() {
        var driver = MachineDriver()
        _ = driver.addSwarm(shardSizes: [Self.chunk], isSeeder: true)
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        let ping = driver.pass(.seconds(2)).sent(to: peer.connection).last
        guard case .ping(let token) = ping else {
            Issue.record("no ping but \(String(describing: ping))")
            return
        }
        _ = driver.pass(.milliseconds(30))
        _ = driver.feed(peer.say(.pong(token: token &+ 1), handle: 0))
        #expect(driver.machine.peers[peer.connection]?.liveness.roundTrip == nil)
        _ = driver.feed(peer.say(.pong(token: token), handle: 0))
        #expect(driver.machine.peers[peer.connection]?.liveness.roundTrip == .milliseconds(30))
    }

    @Test func `what a peer owed is asked of others the moment its connection is to close`() {
        var (driver, first, second) = self.owed()
        let effects = driver.feed(first.say(.helloProof(signature: [UInt8](repeating: 0, count: 64)), handle: 0))
        #expect(effects.closing(first.connection) != nil)
        #expect(self.chunks(effects, of: second) == 8)
    }
}
