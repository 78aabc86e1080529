import ShoalCore
import ShoalWire
import Testing

@testable import ShoalSwarm

/// What the owner allows a second, at the start and changed later.
struct LimitTests {
    private static let mebibyte = 1 << 20
    /// Whole chunks, so that chunks and bytes say the same.
    private static let shardSizes = [Int](repeating: 2 << 20, count: 8)

    private static func limited(_ limit: (inout TransferLimits) -> Void) -> MeshConfiguration {
        var configuration = MeshConfiguration()
        limit(&configuration.limits)
        return configuration
    }

    /// Seeders and one fetcher that are connected.
    private func bed(
        seeders: Int = 1,
        _ seeding: MeshConfiguration = MeshConfiguration(),
        _ fetching: MeshConfiguration = MeshConfiguration()
    ) -> (Testbed, fetcher: Int) {
        var bed = Testbed(shardSizes: Self.shardSizes)
        let sources = (0..<seeders).map { _ in bed.addNode(complete: bed.allShards, configuration: seeding) }
        let fetcher = bed.addNode(complete: nil, configuration: fetching)
        for source in sources { bed.connect(fetcher, source) }
        return (bed, fetcher)
    }

    /// When the fetcher has everything, in seconds.
    private func time(_ bed: Testbed, _ fetcher: Int) -> Double {
        var bed = bed
        bed.run(for: .seconds(600)) { $0.isComplete(fetcher) }
        #expect(bed.isComplete(fetcher))
        return bed.now.seconds
    }

    @Test func `a download takes its size over its limit, and is never ahead of it`() {
        var (bed, fetcher) = self.bed(
            seeders: 3,
            MeshConfiguration(),
            Self.limited { $0.download.total = Self.mebibyte }
        )
        for second in 1...15 {
            bed.run(for: .seconds(1))
            let bytes = bed.nodes[fetcher].requestedChunks * Cutting.chunkSize
            let allowed = second * Self.mebibyte
            #expect(bytes <= allowed + Self.mebibyte / 8 + Cutting.chunkSize, "\(bytes) after \(second) s")
            #expect(bytes >= allowed - Self.mebibyte / 4, "\(bytes) after \(second) s")
        }
        #expect((15.5...16.5).contains(self.time(bed, fetcher)))
    }

    @Test func `no peer is asked for more than its limit`() {
        let limits = Self.limited { $0.download.perPeer = Self.mebibyte }
        let (one, first) = self.bed(seeders: 1, MeshConfiguration(), limits)
        #expect((15.5...16.5).contains(self.time(one, first)))
        let (two, second) = self.bed(seeders: 2, MeshConfiguration(), limits)
        #expect((7.5...8.5).contains(self.time(two, second)))
    }

    @Test func `no peer is served more than its limit, and each of them that`() {
        var bed = Testbed(shardSizes: Self.shardSizes)
        // So little for each that what they take would be an uplink for three.
        let seeder = bed.addNode(
            complete: bed.allShards,
            configuration: Self.limited { $0.upload.perPeer = 256 << 10 }
        )
        let fetchers = (0..<6).map { _ in bed.addNode(complete: nil) }
        for fetcher in fetchers { bed.connect(fetcher, seeder) }
        bed.run(for: .seconds(600)) { bed in fetchers.allSatisfy { bed.isComplete($0) } }
        // Each gets 16 MiB from the seeder alone, at 256 KiB a second.
        #expect((62...68).contains(bed.now.seconds), "\(bed.now.seconds) s")
    }

    @Test func `limits can be set, changed and lifted while bytes move`() {
        var (bed, fetcher) = self.bed()
        var limits = TransferLimits()
        limits.download.total = Self.mebibyte
        bed.post(.limit(limits), to: fetcher)
        bed.run(for: .seconds(4))
        let slow = bed.nodes[fetcher].requestedChunks
        #expect((4 * 8 - 2...4 * 8 + 2).contains(slow), "\(slow) chunks in 4 s at 8 a second")
        #expect(bed.nodes[fetcher].machine.limits == limits)
        limits.download.total = 4 * Self.mebibyte
        bed.post(.limit(limits), to: fetcher)
        bed.run(for: .seconds(1))
        let quicker = bed.nodes[fetcher].requestedChunks - slow
        #expect((28...37).contains(quicker), "\(quicker) chunks in a second at 32 a second")
        bed.post(.limit(TransferLimits()), to: fetcher)
        bed.run(for: .seconds(1))
        #expect(bed.isComplete(fetcher))
    }

    @Test func `what a peer refuses does not count as downloaded`() {
        var driver = MachineDriver(configuration: Self.limited { $0.download.total = Cutting.chunkSize })
        _ = driver.addSwarm(shardSizes: [Cutting.chunkSize, Cutting.chunkSize], isSeeder: false)
        let busy = PlayedPeer(number: 1, connection: 7)
        let other = PlayedPeer(number: 2, connection: 8)
        busy.enter(&driver)
        other.enter(&driver)
        let asked = driver.feed(busy.say(.bitfield(.full(count: 2)))).asked
        #expect(asked.map(\.connection) == [busy.connection])
        // A second later the other could be asked; it is at once, as soon as the first says that it sends nothing.
        #expect(driver.feed(other.say(.bitfield(.full(count: 2)))).asked.isEmpty)
        let refusal = Rejection(id: asked[0].request.id, reason: .busy, framesSent: 0, retryAfter: 1_000)
        _ = driver.feed(busy.say(.reject(refusal)))
        let receipt = ChunkReceipt(
            connection: busy.connection,
            request: asked[0].request.id,
            swarm: MachineDriver.swarm,
            shard: asked[0].request.shard,
            chunk: ChunkIndex(0)
        )
        #expect(driver.feed(.chunkDropped(receipt)).asked.map(\.connection) == [other.connection])
    }

    @Test func `where the limit is the brake, peers have turns`() {
        var driver = MachineDriver(configuration: Self.limited { $0.download.total = 8 * Cutting.chunkSize })
        _ = driver.addSwarm(shardSizes: Array(repeating: Cutting.chunkSize, count: 64), isSeeder: false)
        let peers = (1...3).map { PlayedPeer(number: UInt8($0), connection: UInt64(10 + $0)) }
        var asked: [MeshEffect] = []
        for peer in peers {
            peer.enter(&driver)
            asked += driver.feed(peer.say(.bitfield(.full(count: 64))))
        }
        let served = self.serve(&driver, asked)
        let counts = Dictionary(grouping: served) { $0.connection }.mapValues(\.count)
        for peer in peers { #expect((8...12).contains(counts[peer.connection] ?? 0), "\(counts)") }
    }

    @Test func `where the limit is the brake, swarms have turns`() throws {
        var driver = MachineDriver(configuration: Self.limited { $0.download.total = 8 * Cutting.chunkSize })
        let other = try self.addTwoSwarms(Array(repeating: Cutting.chunkSize, count: 64), to: &driver)
        let asked = self.enterBoth(PlayedPeer(number: 1, connection: 7), shards: 64, &driver)
        let counts = Dictionary(grouping: self.serve(&driver, asked)) { $0.swarm }.mapValues(\.count)
        for swarm in [MachineDriver.swarm, other] { #expect((12...18).contains(counts[swarm] ?? 0), "\(counts)") }
    }

    @Test func `two swarms and two peers have turns of their own`() throws {
        var driver = MachineDriver(configuration: Self.limited { $0.download.total = 8 * Cutting.chunkSize })
        let sizes = [Int](repeating: Cutting.chunkSize, count: 64)
        let other = try self.addTwoSwarms(sizes, to: &driver)
        var asked: [MeshEffect] = []
        for number in 1...2 as ClosedRange<UInt8> {
            let peer = PlayedPeer(number: number, connection: UInt64(6 + number))
            asked += self.enterBoth(peer, shards: 64, &driver)
        }
        let counts = Dictionary(grouping: self.serve(&driver, asked)) { "\($0.swarm) \($0.connection)" }.mapValues(
            \.count
        )
        #expect(counts.count == 4, "\(counts)")
        for count in counts.values { #expect((5...11).contains(count), "\(counts)") }
        #expect(counts.keys.contains { $0.contains("\(other)") })
    }

    /// The driver's swarm and another one, of the same shards; the other one's handle.
    private func addTwoSwarms(_ sizes: [Int], to driver: inout MachineDriver) throws -> SwarmHandle {
        _ = driver.addSwarm(shardSizes: sizes, isSeeder: false)
        let other = SwarmHandle(2)
        let description = SwarmDescription(
            handle: other,
            infoHash: try #require(InfoHash(bytes: [UInt8](repeating: 8, count: 20))),
            secret: Self.otherSecret,
            content: SwarmContent(
                manifest: [1],
                shardSizes: sizes,
                complete: Bitfield(count: sizes.count),
                partial: [:],
                hashLists: .full(count: sizes.count)
            ),
            trackers: []
        )
        _ = driver.feed(.addSwarm(description))
        return other
    }

    private static let otherSecret = Digest(bytes: [UInt8](repeating: 8, count: 32))!

    /// The peer takes part in both swarms and has all of both.
    private func enterBoth(_ peer: PlayedPeer, shards: Int, _ driver: inout MachineDriver) -> [MeshEffect] {
        let transcript = peer.open(on: &driver)
        _ = driver.feed(.received(peer.connection, peer.proof(transcript)))
        _ = driver.feed(.received(peer.connection, peer.join(transcript, handle: 9)))
        _ = driver.feed(.received(peer.connection, peer.join(transcript, handle: 10, secret: Self.otherSecret)))
        let asked = driver.feed(peer.say(.bitfield(.full(count: shards)), handle: 9))
        return asked + driver.feed(peer.say(.bitfield(.full(count: shards)), handle: 10))
    }

    /// Four seconds in which every chunk comes as soon as it is asked for, and is right: the chunks, in their order.
    private func serve(_ driver: inout MachineDriver, _ asked: [MeshEffect]) -> [ChunkReceipt] {
        var served: [ChunkReceipt] = []
        var asked = asked
        for _ in 0..<32 {
            while !asked.isEmpty {
                guard case .request(let connection, let swarm, let request) = asked.removeFirst() else { continue }
                for position in 0..<Int(request.count) {
                    let receipt = ChunkReceipt(
                        connection: connection,
                        request: request.id,
                        swarm: swarm,
                        shard: request.shard,
                        chunk: ChunkIndex(request.first.position + position)
                    )
                    served.append(receipt)
                    asked += driver.feed(
                        .frameArrived(connection, request: request.id, chunk: receipt.chunk, completesChunk: true),
                        .chunkVerified(receipt)
                    )
                }
            }
            asked = driver.pass(.milliseconds(125))
        }
        return served
    }

    @Test func `slots that are taken away end for those who had them longest, with a word`() {
        var driver = MachineDriver()
        _ = driver.addSwarm(shardSizes: [Cutting.maximumShardSize], isSeeder: true)
        let peers = (1...3).map { PlayedPeer(number: UInt8($0), connection: UInt64(10 + $0)) }
        for peer in peers {
            peer.enter(&driver)
            _ = driver.pass(.milliseconds(10))
            for id in 1...2 as ClosedRange<UInt32> {
                let request = ChunkRequest(
                    id: id,
                    shard: ShardIndex(0),
                    first: ChunkIndex(0),
                    count: 8,
                    priority: .background,
                    deadline: 0
                )
                _ = driver.feed(peer.say(.request(request)))
            }
        }
        var limits = TransferLimits()
        limits.uploadSlots = 1
        let effects = driver.feed(.limit(limits))
        // Of the first request chunks are on their way; the second is refused at once.
        let refusal = ControlMessage.Body.reject(Rejection(id: 2, reason: .busy, framesSent: 0, retryAfter: 1_000))
        #expect(peers.map { effects.sent(to: $0.connection) } == [[refusal], [refusal], []])
    }

    @Test func `an owner who wants more slots than the default gets them`() {
        var limits = TransferLimits()
        limits.uploadSlots = 40
        #expect(limits.slots(of: 3...16) == 3...40)
        limits.uploadSlots = 2
        #expect(limits.slots(of: 3...16) == 2...2)
        limits.uploadSlots = nil
        #expect(limits.slots(of: 3...16) == 3...16)
    }

    @Test(arguments: [(16_384, 1...1), (40_000, 2...2), (65_536, 3...4), (1_000_000, 3...16)])
    func `a small limit feeds few slots`(total: Int, slots: ClosedRange<Int>) {
        var limits = TransferLimits()
        limits.upload.total = total
        #expect(limits.slots(of: 3...16) == slots)
        limits.uploadSlots = 1
        #expect(limits.slots(of: 3...16) == 1...1)
    }

    @Test(arguments: [
        TransferLimits.Rates(total: 65_536, perPeer: 65_536), TransferLimits.Rates(total: 16_384),
    ])
    func `however little an owner gives, nobody gives the node up`(rates: TransferLimits.Rates) {
        var bed = Testbed(shardSizes: Self.shardSizes)
        let seeder = bed.addNode(complete: bed.allShards, configuration: Self.limited { $0.upload = rates })
        let fetchers = (0..<8).map { _ in bed.addNode(complete: nil) }
        for fetcher in fetchers { bed.connect(fetcher, seeder) }
        bed.run(for: .seconds(120))
        for node in [seeder] + fetchers {
            // Offers that nobody answers are no peers.
            let reasons = bed.nodes[node].disconnected.filter { $0 != "it did not open in time" }
            #expect(reasons.isEmpty, "\(reasons)")
        }
        let bytes = bed.nodes[seeder].machine.uploads.chunksServed * Cutting.chunkSize
        #expect(bytes > (rates.total ?? 0) * 100, "\(bytes) bytes in two minutes")
    }

    @Test func `when slots are taken away, who has nothing left to get goes first`() {
        var configuration = MeshConfiguration()
        configuration.uploadSlots = 3...3
        let start = Instant.zero + .seconds(1)
        var scheduler = UploadScheduler(configuration: configuration, at: start)
        let shard = ShardOfSwarm(swarm: SwarmHandle(1), shard: ShardIndex(0))
        for peer in 1...3 as ClosedRange<UInt64> {
            let request = ChunkRequest(
                id: 1,
                shard: shard.shard,
                first: ChunkIndex(0),
                count: peer == 1 ? 8 : 1,
                priority: .background,
                deadline: 0
            )
            let refusal = scheduler.add(
                request,
                of: shard,
                shardSize: 8 * Cutting.chunkSize,
                from: ConnectionID(peer),
                queueLimit: 4,
                isSeeding: false,
                at: start
            )
            #expect(refusal == nil)
        }
        for serve in scheduler.nextServes(at: start) where serve.connection != ConnectionID(1) {
            _ = scheduler.served(serve.connection, request: 1, chunk: serve.chunk, succeeded: true, at: start)
            scheduler.acknowledged(serve.connection, chunks: 1, at: start)
        }
        var limits = TransferLimits()
        limits.uploadSlots = 1
        #expect(scheduler.limit(limits, at: start).isEmpty)
        #expect(scheduler.isServing(ConnectionID(1)))
    }

    @Test func `what was asked for before there was a limit is not given back to it`() {
        var driver = MachineDriver()
        _ = driver.addSwarm(shardSizes: Array(repeating: Cutting.chunkSize, count: 64), isSeeder: false)
        let (busy, other) = (PlayedPeer(number: 1, connection: 7), PlayedPeer(number: 2, connection: 8))
        busy.enter(&driver)
        other.enter(&driver)
        let before = driver.feed(busy.say(.bitfield(.full(count: 64)))).asked
        #expect(before.count > 1)
        _ = driver.pass(.milliseconds(1))
        var limits = TransferLimits()
        limits.download.total = 16_384
        _ = driver.feed(.limit(limits))
        // One chunk on credit, and no more for eight seconds.
        #expect(driver.feed(other.say(.bitfield(.full(count: 64)))).asked.count == 1)
        for (connection, request) in before {
            let refusal = Rejection(id: request.id, reason: .busy, framesSent: 0, retryAfter: 1_000)
            let receipt = ChunkReceipt(
                connection: connection,
                request: request.id,
                swarm: MachineDriver.swarm,
                shard: request.shard,
                chunk: ChunkIndex(0)
            )
            #expect(driver.feed(busy.say(.reject(refusal)), .chunkDropped(receipt)).asked.isEmpty)
        }
        #expect(driver.pass(.milliseconds(6_900)).asked.isEmpty)
    }

    @Test(arguments: [0, -1, TokenBucket.limit + 1])
    func `a recording with a limit that nobody can set is refused`(rate: Int) {
        var limits = TransferLimits()
        #expect(MachineDriver().machine.fault(of: .limit(limits)) == nil)
        limits.download.perPeer = rate
        #expect(MachineDriver().machine.fault(of: .limit(limits)) != nil)
        limits = TransferLimits()
        limits.uploadSlots = rate
        #expect(MachineDriver().machine.fault(of: .limit(limits)) != nil)
    }
}
