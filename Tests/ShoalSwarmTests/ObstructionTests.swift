import ShoalCore
import ShoalSwarm
import ShoalWire
import Testing

/// Peers that promise and do not deliver must not keep a fetch from ending while one honest peer is there.
@Suite struct ObstructionTests {
    private static let chunk = Cutting.chunkSize
    private static let sizes = [4 * 1024 * 1024, 300_000]

    @Test func `silent peers that could hold all our room do not`() {
        var bed = Testbed(shardSizes: Self.sizes)
        let fetcher = bed.addNode(complete: nil)
        for _ in 0..<10 {
            let silent = bed.addNode(complete: bed.allShards, conduct: .silent)
            bed.connect(fetcher, silent)
        }
        bed.run(for: .seconds(2))
        let seeder = bed.addNode(complete: bed.allShards)
        bed.connect(fetcher, seeder)
        bed.run(for: .seconds(15)) { $0.isComplete(fetcher) }
        #expect(bed.isComplete(fetcher))
    }

    @Test(arguments: [1, 2, 3]) func `peers that withhold the manifest are passed over`(liars: Int) {
        var bed = Testbed(shardSizes: Self.sizes)
        let fetcher = bed.addNode(complete: nil)
        for _ in 0..<liars {
            let liar = bed.addNode(complete: bed.allShards, conduct: .withholding)
            bed.connect(fetcher, liar)
        }
        let seeder = bed.addNode(complete: bed.allShards)
        bed.connect(fetcher, seeder)
        bed.run(for: .seconds(30)) { $0.isComplete(fetcher) }
        #expect(bed.isComplete(fetcher))
    }

    @Test func `peers that withhold hash lists are asked last`() {
        var bed = Testbed(shardSizes: [Int](repeating: 2 * Self.chunk, count: 40))
        let fetcher = bed.addNode(complete: bed.noShards, hashLists: false)
        for _ in 0..<3 {
            let liar = bed.addNode(complete: bed.allShards, conduct: .withholding)
            bed.connect(fetcher, liar)
        }
        let seeder = bed.addNode(complete: bed.allShards)
        bed.connect(fetcher, seeder)
        bed.run(for: .seconds(20)) { $0.isComplete(fetcher) }
        #expect(bed.isComplete(fetcher))
    }

    @Test func `shards that began with a peer who left do not keep others from beginning`() {
        let count = 40
        var driver = MachineDriver()
        _ = driver.addSwarm(shardSizes: [Int](repeating: Self.chunk, count: count), isSeeder: false)
        let gone = PlayedPeer(number: 1, connection: 7)
        gone.enter(&driver)
        _ = driver.feed(gone.say(.bitfield(self.field(count, 0..<20))))
        _ = driver.feed(.closed(gone.connection, reason: "killed"))
        let other = PlayedPeer(number: 2, connection: 8)
        other.enter(&driver)
        let effects = driver.feed(other.say(.bitfield(self.field(count, 20..<40))))
        #expect(effects.contains { if case .request = $0 { true } else { false } })
    }

    @Test func `a shard of which a peer has only what we have does not keep another from beginning`() {
        var driver = MachineDriver()
        let sizes = [200 * Self.chunk, Self.chunk]
        _ = driver.addSwarm(shardSizes: sizes, isSeeder: false)
        let gone = PlayedPeer(number: 1, connection: 7)
        gone.enter(&driver)
        _ = driver.feed(gone.say(.bitfield(self.field(2, 0..<1))))
        _ = driver.feed(.closed(gone.connection, reason: "killed"))
        let other = PlayedPeer(number: 2, connection: 8)
        other.enter(&driver)
        _ = driver.feed(other.say(.bitfield(Bitfield(count: 2))))
        var chunks = Bitfield(count: 200)
        chunks[150] = true
        let first = driver.feed(other.say(.partial(shard: ShardIndex(0), chunks: chunks)))
        #expect(first.requestedShards == [0])
        #expect(driver.feed(other.say(.have([ShardIndex(1)]))).requestedShards == [1])
    }

    @Test func `who cancels what we did not is left alone for a while`() {
        var driver = MachineDriver()
        _ = driver.addSwarm(shardSizes: [Self.chunk], isSeeder: false)
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        let asked = driver.feed(peer.say(.bitfield(.full(count: 1))))
        guard case .request(_, _, let request) = asked.last else { return }
        let receipt = ChunkReceipt(
            connection: peer.connection,
            request: request.id,
            swarm: MachineDriver.swarm,
            shard: ShardIndex(0),
            chunk: ChunkIndex(0)
        )
        let rejection = Rejection(id: request.id, reason: .cancelled, framesSent: 0)
        let effects = driver.feed(peer.say(.reject(rejection)), .chunkDropped(receipt))
        #expect(effects.contains(.settle(peer.connection, request: request.id, framesSent: 0)))
        #expect(effects.requestedShards.isEmpty)
    }

    @Test func `a tracker may count as high as it likes`() {
        var driver = MachineDriver(trackers: 1)
        _ = driver.addSwarm(shardSizes: [Self.chunk], isSeeder: false, trackers: 1)
        _ = driver.feed(.trackerConnected(TrackerIndex(0)))
        let absurd = TrackerStatistics(infoHash: MachineDriver.infoHash, complete: .max, incomplete: .max)
        _ = driver.feed(.trackerReceived(TrackerIndex(0), .announced(absurd)))
        #expect(!driver.pass(.seconds(31)).isEmpty)
    }

    private func field(_ count: Int, _ range: Range<Int>) -> Bitfield {
        var field = Bitfield(count: count)
        for bit in range { field[bit] = true }
        return field
    }
}

extension [MeshEffect] {
    fileprivate var requestedShards: [UInt32] {
        self.compactMap { effect in
            guard case .request(_, _, let request) = effect else { return nil }
            return request.shard.rawValue
        }
    }
}
