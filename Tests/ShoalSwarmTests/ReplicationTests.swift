import ShoalCore
import ShoalWire
import Testing

@testable import ShoalSwarm

/// Copies of rare shards in whole swarms: who makes them, how many, and what they are good for.
@Suite struct ReplicationTests {
    private static let size = 2 * Cutting.chunkSize
    private static let shards = 12

    /// A seeder, and nodes connected to it and to each other that may copy `budget` bytes each.
    private func swarm(copiers: Int, budget: Int) -> Testbed {
        var bed = Testbed(shardSizes: [Int](repeating: Self.size, count: Self.shards))
        let seeder = bed.addNode(complete: bed.allShards)
        for number in 1...copiers {
            bed.addNode(complete: bed.noShards, fetches: false, replicationBudget: budget)
            for other in 1..<number { bed.connect(number, other) }
            bed.connect(seeder, number)
        }
        return bed
    }

    private func complete(_ bed: Testbed, _ node: Int) -> Bitfield? {
        bed.nodes[node].machine.swarms[Testbed.swarm]?.holdings?.complete
    }

    private func copies(_ bed: Testbed) -> [Int] {
        let fields = bed.nodes.indices.dropFirst().compactMap { self.complete(bed, $0) }
        return (0..<Self.shards).map { shard in fields.count { $0[shard] } }
    }

    @Test func `a seeder that goes does not take the last copy with it`() {
        // Nobody can hold more than half of it.
        var bed = self.swarm(copiers: 5, budget: Self.shards * Self.size / 2)
        bed.run(for: .seconds(120)) { bed in self.copies(bed).allSatisfy { $0 >= 2 } }
        #expect(self.copies(bed).allSatisfy { $0 >= 2 }, "\(self.copies(bed))")
        for connection in bed.connections(of: 0) { bed.cut(connection, of: 0) }
        let fetcher = bed.addNode(complete: bed.noShards)
        for other in 1...5 { bed.connect(fetcher, other) }
        bed.run(for: .seconds(30)) { $0.isComplete(fetcher) }
        #expect(bed.isComplete(fetcher))
    }

    @Test func `many that may copy everything make three copies of each shard, not many`() {
        var bed = self.swarm(copiers: 12, budget: 2 * Self.shards * Self.size)
        bed.run(for: .seconds(60))
        let copies = self.copies(bed)
        #expect(copies.allSatisfy { $0 >= 2 }, "\(copies)")
        #expect(copies.reduce(0, +) <= 5 * Self.shards, "\(copies)")
    }

    @Test func `nobody holds more than its budget`() {
        let budget = 3 * Self.size + 1
        var bed = self.swarm(copiers: 2, budget: budget)
        bed.run(for: .seconds(60))
        for node in 1...2 {
            #expect(self.complete(bed, node)?.setCount == 3)
        }
    }

    @Test(arguments: [false, true])
    func `copies that gossip tells of count as well`(tellsOfCopies: Bool) {
        var configuration = MeshConfiguration.trusting
        // Often enough that a turn out of its turn comes, should those that gossip tells of go before us.
        configuration.replicationInterval = .milliseconds(200)
        var driver = MachineDriver(configuration: configuration)
        let content = SwarmContent(
            manifest: Array(repeating: 1, count: 100),
            shardSizes: [Self.size],
            complete: Bitfield(count: 1),
            partial: [:],
            hashLists: .full(count: 1)
        )
        _ = driver.feed(
            .addSwarm(
                SwarmDescription(
                    handle: MachineDriver.swarm,
                    infoHash: MachineDriver.infoHash,
                    secret: MachineDriver.secret,
                    content: content,
                    fetches: false,
                    replicationBudget: 10 * Self.size,
                    trackers: []
                )
            )
        )
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        _ = driver.feed(peer.say(.bitfield(.full(count: 1))))
        for index in 1_000..<1_002 as Range<UInt32> {
            let holdings = tellsOfCopies ? Bitfield.full(count: 1) : Bitfield(count: 1)
            _ = driver.feed(peer.say(GossipVoice(index: index).inventory(holdings, sequence: 1)))
        }
        #expect(driver.knownNodes.count == 2)
        var effects: [MeshEffect] = []
        for _ in 0..<40 {
            effects += driver.pass(.milliseconds(500))
            effects += driver.feed(peer.say(.pong(token: 0), handle: 0))
        }
        let isAsked = effects.contains { if case .request = $0 { true } else { false } }
        #expect(isAsked == !tellsOfCopies)
    }

    @Test func `a node that stops fetching begins to copy`() {
        var bed = Testbed(shardSizes: [Int](repeating: Self.size, count: Self.shards))
        let copier = bed.addNode(complete: bed.noShards, fetches: true, replicationBudget: Self.shards * Self.size)
        bed.post(.updateSwarm(Testbed.swarm, fetches: false, trackers: []), to: copier)
        bed.run(for: .seconds(1))
        bed.connect(bed.addNode(complete: bed.allShards), copier)
        bed.run(for: .seconds(60))
        #expect(self.complete(bed, copier)?.isEmpty == false)
    }
}
