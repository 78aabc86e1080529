import ShoalCore
import ShoalSwarm
import ShoalWire
import Testing

@Suite struct TransferTests {
    /// 16 MiB, a bit, one byte, exactly a chunk.
    static let shardSizes = [16 * 1024 * 1024, 300_000, 1, Cutting.chunkSize]

    @Test func `a node that knows only the link gets manifest, hash lists and every chunk`() {
        var bed = Testbed(shardSizes: Self.shardSizes)
        let seeder = bed.addNode(complete: bed.allShards)
        let fetcher = bed.addNode(complete: nil)
        bed.connect(fetcher, seeder)
        bed.run(for: .seconds(60)) { $0.isComplete(fetcher) }
        #expect(bed.isComplete(fetcher))
        #expect(bed.nodes[fetcher].observations.contains(.manifestArrived(Testbed.swarm)))
        #expect(
            bed.nodes[fetcher].requestedChunks == Self.shardSizes.reduce(0) { $0 + Cutting.chunkCount(ofShardOf: $1) }
        )
    }

    @Test func `two seeders share the work`() {
        var bed = Testbed(shardSizes: Self.shardSizes)
        let seeders = [bed.addNode(complete: bed.allShards), bed.addNode(complete: bed.allShards)]
        let fetcher = bed.addNode(complete: nil)
        for seeder in seeders { bed.connect(fetcher, seeder) }
        bed.run(for: .seconds(60)) { $0.isComplete(fetcher) }
        #expect(bed.isComplete(fetcher))
    }

    @Test func `a fetcher passes on what it has while it fetches`() {
        var bed = Testbed(shardSizes: Self.shardSizes)
        let seeder = bed.addNode(complete: bed.allShards)
        let middle = bed.addNode(complete: nil)
        let last = bed.addNode(complete: nil)
        bed.connect(middle, seeder)
        bed.connect(last, middle)
        bed.run(for: .seconds(60)) { $0.isComplete(last) }
        #expect(bed.isComplete(middle))
        #expect(bed.isComplete(last))
    }

    @Test func `what a lost seeder owed comes from another`() {
        var bed = Testbed(shardSizes: Self.shardSizes)
        let seeders = [bed.addNode(complete: bed.allShards), bed.addNode(complete: bed.allShards)]
        let fetcher = bed.addNode(complete: nil)
        let (victim, _) = bed.connect(fetcher, seeders[0])
        bed.connect(fetcher, seeders[1])
        bed.run(for: .seconds(60)) { $0.nodes[fetcher].requestedChunks >= 40 }
        bed.cut(victim, of: fetcher)
        bed.run(for: .seconds(60)) { $0.isComplete(fetcher) }
        #expect(bed.isComplete(fetcher))
    }

    @Test func `a silent peer holds nobody up, and is given up`() {
        var bed = Testbed(shardSizes: Self.shardSizes)
        let silent = bed.addNode(complete: bed.allShards, conduct: .silent)
        let fetcher = bed.addNode(complete: nil)
        bed.connect(fetcher, silent)
        bed.run(for: .seconds(2))
        let seeder = bed.addNode(complete: bed.allShards)
        bed.connect(fetcher, seeder)
        bed.run(for: .seconds(10)) { $0.isComplete(fetcher) }
        #expect(bed.isComplete(fetcher))
    }

    @Test func `a peer that owes chunks and sends none is dropped`() {
        var bed = Testbed(shardSizes: Self.shardSizes)
        var patient = MeshConfiguration()
        patient.takeLimit = .seconds(600)
        let silent = bed.addNode(complete: bed.allShards, conduct: .silent, configuration: patient)
        let fetcher = bed.addNode(complete: nil)
        bed.connect(fetcher, silent)
        bed.run(for: .seconds(60))
        #expect(bed.nodes[fetcher].disconnected == ["it owes chunks and sends none"])
    }

    @Test func `wrong bytes are refused, their sender told and then banned, and the rest comes from others`() {
        var bed = Testbed(shardSizes: Self.shardSizes)
        let poisoner = bed.addNode(complete: bed.allShards, conduct: .poisoner)
        let fetcher = bed.addNode(complete: nil)
        bed.connect(fetcher, poisoner)
        bed.run(for: .seconds(10))
        #expect(bed.nodes[fetcher].disconnected.contains("it sent wrong bytes of two shards"))
        #expect(bed.nodes[poisoner].rechecks.count == 1)
        let again = bed.connect(fetcher, poisoner)
        bed.run(for: .seconds(1))
        #expect(bed.nodes[fetcher].disconnected.last == "it is banned", "\(again)")
        let seeder = bed.addNode(complete: bed.allShards)
        bed.connect(fetcher, seeder)
        bed.run(for: .seconds(10)) { $0.isComplete(fetcher) }
        #expect(bed.isComplete(fetcher))
    }

    @Test func `a frame that nobody asked for ends the connection`() {
        var bed = Testbed(shardSizes: Self.shardSizes)
        let seeder = bed.addNode(complete: bed.allShards)
        let fetcher = bed.addNode(complete: bed.allShards)
        let (connection, _) = bed.connect(fetcher, seeder)
        bed.run(for: .seconds(1))
        bed.deliver(
            FrameHeader(handle: 1, request: 77, chunk: ChunkIndex(0), offset: 0),
            payload: 10,
            to: fetcher,
            connection
        )
        bed.run(for: .milliseconds(10))
        #expect(bed.nodes[fetcher].disconnected == ["it sent a chunk that was never asked for"])
    }

    @Test func `a node asks for no more than it has room for`() {
        var configuration = MeshConfiguration.trusting
        configuration.room = 3
        var bed = Testbed(shardSizes: Self.shardSizes)
        let seeder = bed.addNode(complete: bed.allShards)
        let silent = bed.addNode(complete: bed.allShards, conduct: .silent)
        let fetcher = bed.addNode(complete: nil, configuration: configuration)
        bed.connect(fetcher, silent)
        bed.run(for: .seconds(1))
        #expect(bed.nodes[fetcher].requestedChunks == 3)
        bed.connect(fetcher, seeder)
        bed.run(for: .seconds(120)) { $0.isComplete(fetcher) }
        #expect(bed.isComplete(fetcher))
    }

    @Test func `peers beyond the upload slots are told to come back, and do`() {
        var configuration = MeshConfiguration()
        configuration.uploadSlots = 1...1
        var bed = Testbed(shardSizes: Self.shardSizes)
        let seeder = bed.addNode(complete: bed.allShards, configuration: configuration)
        let fetchers = (0..<3).map { _ in bed.addNode(complete: nil) }
        for fetcher in fetchers { bed.connect(fetcher, seeder) }
        bed.run(for: .seconds(300)) { bed in fetchers.allSatisfy { bed.isComplete($0) } }
        #expect(fetchers.allSatisfy { bed.isComplete($0) })
    }

    @Test(arguments: 0..<8) func `the same seed gives the same run`(seed: UInt64) {
        func digest() -> Int {
            var bed = Testbed(shardSizes: Self.shardSizes, manifestSize: 1_000 + Int(seed))
            let seeder = bed.addNode(complete: bed.allShards)
            let fetchers = (0..<3).map { _ in bed.addNode(complete: nil) }
            for fetcher in fetchers { bed.connect(fetcher, seeder) }
            bed.connect(fetchers[0], fetchers[1])
            bed.run(for: .seconds(60)) { bed in fetchers.allSatisfy { bed.isComplete($0) } }
            return Int(bed.now.nanoseconds)
        }
        #expect(digest() == digest())
    }

    @Test func `a hash list that does not come from one peer is asked of another`() {
        var driver = MachineDriver()
        let sizes = [2 * Cutting.chunkSize]
        _ = driver.addSwarm(shardSizes: sizes, isSeeder: false, hashLists: false)
        let silent = PlayedPeer(number: 1, connection: 7)
        let other = PlayedPeer(number: 2, connection: 8)
        let request = ControlMessage.Body.hashesRequest(shard: ShardIndex(0))
        silent.enter(&driver)
        #expect(driver.feed(silent.say(.bitfield(.full(count: 1)))).sent(to: silent.connection) == [request])
        other.enter(&driver)
        #expect(driver.feed(other.say(.bitfield(.full(count: 1)))).sent(to: other.connection).isEmpty)
        let later = driver.pass(.seconds(2))
        #expect(later.sent(to: other.connection).contains(request))
        #expect(!later.sent(to: silent.connection).contains(request))
        let digests = [Digest](repeating: MachineDriver.secret, count: 2)
        #expect(
            driver.feed(other.say(.hashes(shard: ShardIndex(0), digests: digests))) == [
                .checkHashes(MachineDriver.swarm, ShardIndex(0), digests: digests, from: other.connection)
            ]
        )
        let asked = driver.feed(.hashesAccepted(MachineDriver.swarm, ShardIndex(0)))
        #expect(asked.contains { if case .request = $0 { true } else { false } })
    }
}
