import ShoalCore
import ShoalSwarm
import ShoalWire
import Testing

/// What peers say they have, the manifest, hash lists, and requests that break the rules.
@Suite struct InventoryTests {
    private static let chunk = Cutting.chunkSize

    private func fetcher(shards: Int = 2) -> (MachineDriver, PlayedPeer) {
        var driver = MachineDriver()
        _ = driver.addSwarm(shardSizes: [Int](repeating: Self.chunk, count: shards), isSeeder: false)
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        return (driver, peer)
    }

    private func seeder() -> (MachineDriver, PlayedPeer) {
        var driver = MachineDriver()
        _ = driver.addSwarm(shardSizes: [4 * Self.chunk], isSeeder: true)
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        return (driver, peer)
    }

    private func request(_ id: UInt32, shard: Int = 0, first: Int = 0, count: UInt16 = 1) -> ControlMessage.Body {
        .request(
            ChunkRequest(
                id: id,
                shard: ShardIndex(shard),
                first: ChunkIndex(first),
                count: count,
                priority: .background,
                deadline: 0
            )
        )
    }

    @Test func `a bitfield of the wrong length is malformed, and nothing is asked for`() {
        var (driver, peer) = self.fetcher()
        #expect(driver.feed(peer.say(.bitfield(.full(count: 3)))).isEmpty)
        #expect(driver.feed(peer.say(.bitfield(.full(count: 2)))).requests.count == 2)
    }

    @Test func `a shard that is gone is not asked for, until the peer has it again`() {
        var (driver, peer) = self.fetcher(shards: 1)
        _ = driver.feed(peer.say(.bitfield(Bitfield(count: 1))))
        #expect(driver.feed(peer.say(.gone([ShardIndex(0)]))).requests.isEmpty)
        #expect(driver.feed(peer.say(.have([ShardIndex(0)]))).requests.count == 1)
    }

    @Test func `shards that the manifest does not have are ignored`() {
        var (driver, peer) = self.fetcher(shards: 1)
        _ = driver.feed(peer.say(.bitfield(Bitfield(count: 1))))
        #expect(driver.feed(peer.say(.have([ShardIndex(1), ShardIndex(UInt32.max)]))).isEmpty)
        #expect(driver.feed(peer.say(.gone([ShardIndex(UInt32.max)]))).isEmpty)
    }

    @Test func `a peer that sent a wrong chunk is not asked again because it says have again`() {
        var (driver, peer) = self.fetcher(shards: 1)
        guard let request = driver.feed(peer.say(.bitfield(.full(count: 1)))).requests.first else { return }
        let receipt = ChunkReceipt(
            connection: peer.connection,
            request: request.id,
            swarm: MachineDriver.swarm,
            shard: ShardIndex(0),
            chunk: ChunkIndex(0)
        )
        let told = driver.feed(.chunkCorrupt(receipt)).sent(to: peer.connection)
        #expect(told == [.corrupt(shard: ShardIndex(0), chunk: ChunkIndex(0))])
        #expect(driver.feed(peer.say(.gone([ShardIndex(0)])), peer.say(.have([ShardIndex(0)]))).requests.isEmpty)
    }

    @Test func `a join that came before its swarm was added counts`() {
        var driver = MachineDriver()
        let peer = PlayedPeer(number: 1, connection: 7)
        #expect(peer.enter(&driver).isEmpty)
        let effects = driver.addSwarm(shardSizes: [Self.chunk], isSeeder: true)
        #expect(effects.observations == [.swarmOpened(MachineDriver.swarm, peer.node)])
        #expect(effects.sent(to: peer.connection).map(\.name) == ["join", "bitfield"])
    }

    @Test func `request IDs that do not increase are malformed`() {
        var (driver, peer) = self.seeder()
        #expect(driver.feed(peer.say(self.request(5))).serves == 1)
        for id in [5, 4, 0] as [UInt32] { #expect(driver.feed(peer.say(self.request(id))).serves == 0) }
        #expect(
            driver.feed(peer.say(.ping(token: 1), handle: 0)).isEmpty,
            "three malformed messages, and it is closing"
        )
    }

    @Test(arguments: [(1, 0, 1), (0, 4, 1), (0, 3, 2)])
    func `a request for what is not here is rejected as missing`(shard: Int, first: Int, count: Int) {
        var (driver, peer) = self.seeder()
        let effects = driver.feed(peer.say(self.request(1, shard: shard, first: first, count: UInt16(count))))
        #expect(effects.sent(to: peer.connection) == [.reject(Rejection(id: 1, reason: .missing, framesSent: 0))])
    }

    @Test func `more chunks than hello promised are rejected`() {
        var configuration = MeshConfiguration()
        configuration.servedChunks = 2
        var driver = MachineDriver(configuration: configuration)
        _ = driver.addSwarm(shardSizes: [4 * Self.chunk], isSeeder: true)
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        #expect(driver.feed(peer.say(self.request(1, count: 2))).serves == 2)
        let effects = driver.feed(peer.say(self.request(2, count: 3)))
        #expect(effects.sent(to: peer.connection) == [.reject(Rejection(id: 2, reason: .limit, framesSent: 0))])
    }

    @Test func `a flood of requests for hash lists is not answered beyond the bound`() {
        var (driver, peer) = self.seeder()
        let ask = peer.say(.hashesRequest(shard: ShardIndex(0)))
        let served = (0..<40).map { _ in driver.feed(ask).count }
        #expect(served.reduce(0, +) == MeshConfiguration().servedHashLists)
        #expect(driver.feed(.hashesServed(peer.connection, MachineDriver.swarm), ask).count == 1)
    }

    @Test func `a peer without the manifest makes room for one that has it`() {
        var bed = Testbed(shardSizes: [Self.chunk])
        let first = bed.addNode(complete: nil)
        let second = bed.addNode(complete: nil)
        bed.connect(first, second)
        bed.run(for: .milliseconds(500))
        let seeder = bed.addNode(complete: bed.allShards)
        bed.connect(first, seeder)
        bed.run(for: .milliseconds(500)) { $0.isComplete(second) }
        #expect(bed.isComplete(first))
        #expect(bed.isComplete(second), "through the first, which told what it has")
    }

    @Test func `a manifest that is not the link's bans its sender`() {
        var bed = Testbed(shardSizes: [Self.chunk])
        let liar = bed.addNode(complete: bed.allShards, manifest: [1, 2, 3])
        let fetcher = bed.addNode(complete: nil)
        bed.connect(fetcher, liar)
        bed.run(for: .seconds(1))
        #expect(bed.nodes[fetcher].disconnected.count == 1)
        #expect(bed.nodes[fetcher].disconnected.first?.hasPrefix("it sent a manifest that is not the one") == true)
        let seeder = bed.addNode(complete: bed.allShards)
        bed.connect(fetcher, seeder)
        bed.run(for: .seconds(5)) { $0.isComplete(fetcher) }
        #expect(bed.isComplete(fetcher))
    }

    @Test func `a shard that is lost is told to peers and ends its uploads; one that never was is not`() {
        var (driver, peer) = self.seeder()
        _ = driver.feed(peer.say(self.request(1, count: 4)))
        let lost = driver.feed(.shardsLost(MachineDriver.swarm, [ShardIndex(0)], reason: "rot"))
        #expect(lost.sent(to: peer.connection) == [.gone([ShardIndex(0)])])
        let ended = driver.feed(
            .chunkServed(peer.connection, request: 1, chunk: ChunkIndex(0)),
            .chunkServed(peer.connection, request: 1, chunk: ChunkIndex(1)),
            .chunkServed(peer.connection, request: 1, chunk: ChunkIndex(2))
        )
        #expect(ended.sent(to: peer.connection) == [.reject(Rejection(id: 1, reason: .missing, framesSent: 12))])
        #expect(driver.feed(.shardsLost(MachineDriver.swarm, [ShardIndex(0)], reason: "rot")).isEmpty)
    }

    @Test func `corrupt makes us look at our copy, once a minute`() {
        var (driver, peer) = self.seeder()
        let complaint = peer.say(.corrupt(shard: ShardIndex(0), chunk: ChunkIndex(1)))
        #expect(driver.feed(complaint) == [.recheck(MachineDriver.swarm, ShardIndex(0))])
        #expect(driver.feed(complaint).isEmpty)
        for _ in 0..<30 {
            _ = driver.pass(.seconds(2))
            _ = driver.feed(peer.say(.pong(token: 0), handle: 0))
        }
        #expect(driver.feed(complaint) == [.recheck(MachineDriver.swarm, ShardIndex(0))])
    }

    @Test func `the whole manifest again and again is refused`() {
        var (driver, peer) = self.seeder()
        let ask = peer.say(.manifestRequest(offset: 0))
        let answers = (0..<200).map { _ in driver.feed(ask).closing(peer.connection) }
        #expect(answers.compactMap(\.self) == ["it asks for the manifest again and again"])
    }

    @Test func `an offset behind the manifest's end is malformed`() {
        var (driver, peer) = self.seeder()
        #expect(driver.feed(peer.say(.manifestRequest(offset: 100))).isEmpty)
        #expect(
            driver.feed(peer.say(.manifestRequest(offset: 99))).sent(to: peer.connection) == [
                .manifestPart(offset: 99, total: 100, bytes: [1])
            ]
        )
    }
}

extension [MeshEffect] {
    fileprivate var requests: [ChunkRequest] {
        self.compactMap { effect in
            guard case .request(_, _, let request) = effect else { return nil }
            return request
        }
    }

    fileprivate var serves: Int { self.count { if case .serve = $0 { true } else { false } } }
}
