import ShoalCore
import ShoalWire
import Testing

@testable import ShoalSwarm

/// Shards that are wanted by name: order, promotion, cancelling, copies of rare ones.
struct DemandTests {
    private static let chunk = Cutting.chunkSize
    private static let swarm = MachineDriver.swarm

    private func content(_ sizes: [Int], complete: Bitfield? = nil) -> SwarmContent {
        SwarmContent(
            manifest: Array(repeating: 1, count: 100),
            shardSizes: sizes,
            complete: complete ?? Bitfield(count: sizes.count),
            partial: [:],
            hashLists: .full(count: sizes.count)
        )
    }

    /// A node in a swarm of shards of `chunks` chunks each, and a seeder of it.
    private func node(
        chunks: [Int],
        fetches: Bool,
        replicationBudget: Int? = nil,
        configuration: MeshConfiguration = .trusting
    ) -> (MachineDriver, PlayedPeer) {
        var driver = MachineDriver(configuration: configuration)
        let description = SwarmDescription(
            handle: Self.swarm,
            infoHash: MachineDriver.infoHash,
            secret: MachineDriver.secret,
            content: self.content(chunks.map { $0 * Self.chunk }),
            fetches: fetches,
            replicationBudget: replicationBudget,
            trackers: []
        )
        _ = driver.feed(.addSwarm(description))
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        return (driver, peer)
    }

    private func requests(_ effects: [MeshEffect]) -> [ChunkRequest] {
        effects.compactMap { if case .request(_, _, let request) = $0 { request } else { nil } }
    }

    @Test func `a node that does not fetch asks for what is demanded, and then for no more`() {
        var (driver, peer) = self.node(chunks: [2, 2, 2], fetches: false)
        #expect(self.requests(driver.feed(peer.say(.bitfield(.full(count: 3))))).isEmpty)
        let requests = self.requests(driver.feed(.demand(Self.swarm, [ShardIndex(1)], .prefetch)))
        #expect(requests.map(\.shard) == [ShardIndex(1)])
        #expect(requests.map(\.priority) == [.prefetch])
        #expect(self.requests(driver.pass(.milliseconds(400))).isEmpty)
    }

    @Test func `what an engine waits for overtakes a full window`() {
        var (driver, peer) = self.node(chunks: [40, 40], fetches: true)
        var asked = self.requests(driver.feed(peer.say(.bitfield(.full(count: 2)))))
        // The trial is over, and the window is as large as it was.
        let receipt = ChunkReceipt(
            connection: peer.connection,
            request: asked[0].id,
            swarm: Self.swarm,
            shard: asked[0].shard,
            chunk: asked[0].first
        )
        asked += self.requests(driver.feed(.chunkVerified(receipt)))
        let busy = asked[0].shard
        let wanted = ShardIndex(busy == ShardIndex(0) ? 1 : 0)
        let urgent = self.requests(driver.feed(.demand(Self.swarm, [wanted], .critical)))
        #expect(urgent.map(\.shard) == [wanted])
        #expect(urgent.map(\.priority) == [.critical])
    }

    @Test func `a prefetch that becomes critical is promoted, not asked for twice`() {
        var (driver, peer) = self.node(chunks: [4], fetches: false)
        _ = driver.feed(peer.say(.bitfield(.full(count: 1))))
        let first = self.requests(driver.feed(.demand(Self.swarm, [ShardIndex(0)], .prefetch)))
        #expect(first.reduce(0) { $0 + Int($1.count) } == 4)
        let effects = driver.feed(.demand(Self.swarm, [ShardIndex(0)], .critical))
        #expect(self.requests(effects).isEmpty)
        #expect(effects.sent(to: peer.connection) == first.map { .promote(id: $0.id, priority: .critical) })
        let lower = driver.feed(.demand(Self.swarm, [ShardIndex(0)], .prefetch))
        #expect(lower.sent(to: peer.connection).isEmpty)
    }

    @Test func `a server serves a promoted request before those that came earlier`() {
        var driver = MachineDriver()
        _ = driver.addSwarm(shardSizes: [40 * Self.chunk], isSeeder: true)
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        func ask(_ id: UInt32, _ first: Int) -> MeshInput {
            peer.say(
                .request(
                    ChunkRequest(
                        id: id,
                        shard: ShardIndex(0),
                        first: ChunkIndex(first),
                        count: 8,
                        priority: .background,
                        deadline: 0
                    )
                )
            )
        }
        func served(_ effects: [MeshEffect]) -> [UInt32] {
            effects.compactMap { if case .serve(_, let request, _, _, _) = $0 { request } else { nil } }
        }
        #expect(served(driver.feed(ask(1, 0), ask(2, 8))) == [1, 1, 1])
        _ = driver.feed(peer.say(.promote(id: 2, priority: .critical)))
        _ = driver.feed(peer.say(.promote(id: 99, priority: .critical)))
        #expect(served(driver.feed(.chunkServed(peer.connection, request: 1, chunk: ChunkIndex(0)))) == [2])
    }

    @Test func `what is no longer wanted is cancelled, unless everything is fetched`() {
        for fetches in [false, true] {
            var (driver, peer) = self.node(chunks: [4], fetches: fetches)
            _ = driver.feed(peer.say(.bitfield(.full(count: 1))))
            _ = driver.feed(.demand(Self.swarm, [ShardIndex(0)], .next))
            let effects = driver.feed(.endDemand(Self.swarm, [ShardIndex(0)]))
            #expect(effects.sent(to: peer.connection).contains(.cancel(id: 1)) == !fetches)
            #expect(effects.contains(.discard(peer.connection, request: 1)) == !fetches)
        }
    }

    @Test func `a peer that was idle and gets work is no sign that this node slept`() {
        var (driver, first) = self.node(chunks: [8, 8], fetches: false)
        let second = PlayedPeer(number: 2, connection: 8)
        let third = PlayedPeer(number: 3, connection: 9)
        for peer in [second, third] { peer.enter(&driver) }
        for (peer, shard) in [(first, 0), (second, 0), (third, 1)] {
            var field = Bitfield(count: 2)
            field[shard] = true
            _ = driver.feed(peer.say(.bitfield(field)))
        }
        _ = driver.pass(.milliseconds(1_300))
        _ = driver.feed(.demand(Self.swarm, [ShardIndex(0)], .next))
        _ = driver.pass(.milliseconds(450))
        // The third was last heard long ago, as idle peers are; now it owes something as well.
        _ = driver.feed(.demand(Self.swarm, [ShardIndex(1)], .next))
        let effects = driver.pass(.milliseconds(60))
        let hedged = effects.filter { if case .request(second.connection, _, _) = $0 { true } else { false } }
        #expect(!hedged.isEmpty, "the silence of the first was excused")
    }

    // MARK: Copies

    @Test func `a node with leave copies what is rare, within its budget`() {
        let budget = 5 * Self.chunk
        var (driver, peer) = self.node(chunks: [4, 4, 4], fetches: false, replicationBudget: budget)
        _ = driver.feed(peer.say(.bitfield(.full(count: 3))))
        let effects = driver.pass(.milliseconds(400)) + self.keepAlive(&driver, peer, .seconds(30))
        let requests = self.requests(effects)
        #expect(Set(requests.map(\.shard)).count == 1)
        #expect(requests.allSatisfy { $0.priority == .replicate || $0.priority == .next })
    }

    @Test func `a node that fetches a part copies what is rare of the rest`() {
        var (driver, peer) = self.node(chunks: [1, 1, 1], fetches: true, replicationBudget: 2 * Self.chunk)
        var chosen = Bitfield(count: 3)
        chosen[1] = true
        _ = driver.feed(.select(Self.swarm, chosen))
        _ = driver.feed(peer.say(.bitfield(.full(count: 3))))
        _ = driver.feed(.chunksFound(Self.swarm, ShardIndex(1), .full(count: 1)))
        let requests = self.requests(self.keepAlive(&driver, peer, .seconds(30)))
        #expect(Set(requests.map(\.shard)).count == 1)
        #expect(!requests.contains { $0.shard == ShardIndex(1) })
    }

    @Test func `a node without leave copies nothing`() {
        var (driver, peer) = self.node(chunks: [4], fetches: false)
        _ = driver.feed(peer.say(.bitfield(.full(count: 1))))
        #expect(self.requests(self.keepAlive(&driver, peer, .seconds(30))).isEmpty)
    }

    @Test func `a copy that there was no room for is not made again, but fetched when it is asked for`() {
        var (driver, peer) = self.node(chunks: [1], fetches: false, replicationBudget: 100 * Self.chunk)
        _ = driver.feed(peer.say(.bitfield(.full(count: 1))))
        let shard = ShardIndex(0)
        _ = driver.feed(.chunksFound(Self.swarm, shard, .full(count: 1)))
        let effects = driver.feed(.shardsEvicted(Self.swarm, [shard]))
        #expect(effects.sent(to: peer.connection) == [.gone([shard])])
        #expect(effects.observations == [.shardsEvicted(Self.swarm, [shard])])
        #expect(self.requests(self.keepAlive(&driver, peer, .seconds(60))).isEmpty)
        let requests = self.requests(driver.feed(.demand(Self.swarm, [shard], .critical)))
        #expect(requests.map(\.shard) == [shard])
        // What is not here cannot go.
        #expect(driver.feed(.shardsEvicted(Self.swarm, [shard])).isEmpty)
    }

    @Test func `what three others have is not rare`() {
        var (driver, first) = self.node(chunks: [4], fetches: false, replicationBudget: 100 * Self.chunk)
        let others = (2...3).map { PlayedPeer(number: UInt8($0), connection: UInt64($0 + 10)) }
        for peer in others { peer.enter(&driver) }
        for peer in [first] + others { _ = driver.feed(peer.say(.bitfield(.full(count: 1)))) }
        var effects: [MeshEffect] = []
        for _ in 0..<60 {
            effects += driver.pass(.milliseconds(500))
            for peer in [first] + others { effects += driver.feed(peer.say(.pong(token: 0), handle: 0)) }
        }
        #expect(self.requests(effects).isEmpty)
    }

    /// Lets time pass while the peer answers.
    private func keepAlive(_ driver: inout MachineDriver, _ peer: PlayedPeer, _ duration: Duration) -> [MeshEffect] {
        var effects: [MeshEffect] = []
        for _ in 0..<Int(duration / .milliseconds(500)) {
            effects += driver.pass(.milliseconds(500))
            effects += driver.feed(peer.say(.pong(token: 0), handle: 0))
        }
        return effects
    }
}
