import ShoalCore
import ShoalSwarm
import ShoalWire
import Testing

/// Machines that know each other only through each other: no tracker in sight.
@Suite struct GossipMeshTests {
    /// What two flushes may take, and the ways between three nodes.
    private static let twoHops = Duration.milliseconds(2 * 200 + 10)

    /// Nodes in a line, each connected to the next; the first has everything.
    private func line(_ count: Int, shards: Int, fetches: Bool, signalling: Bool) -> (Testbed, [ConnectionID]) {
        var bed = Testbed(shardSizes: [Int](repeating: 1_000, count: shards))
        bed.signalling.isOn = signalling
        var connections: [ConnectionID] = []
        for number in 0..<count {
            bed.addNode(complete: number == 0 ? bed.allShards : bed.noShards, fetches: fetches)
            if number > 0 { connections.append(bed.connect(number - 1, number).0) }
        }
        return (bed, connections)
    }

    @Test func `a node learns what a neighbour's neighbour has, and gets a shard that only that one has`() {
        var bed = Testbed(shardSizes: [1_000, 300_000])
        bed.signalling.isOn = true
        let source = bed.addNode(complete: bed.allShards)
        // The one between them wants nothing, so nothing comes through it.
        let between = bed.addNode(complete: bed.noShards, fetches: false)
        let fetcher = bed.addNode(complete: bed.noShards)
        bed.connect(source, between)
        bed.connect(between, fetcher)
        bed.run(for: .seconds(2)) { $0.holdings(of: source, knownTo: fetcher) != nil }
        #expect(bed.holdings(of: source, knownTo: fetcher) == bed.allShards)
        bed.run(for: .seconds(10)) { $0.isComplete(fetcher) }
        #expect(bed.isComplete(fetcher))
        #expect(bed.neighbours(of: fetcher) == [source, between])
    }

    @Test func `a lost shard is known two hops away within 400 ms`() {
        var (bed, _) = self.line(3, shards: 600, fetches: false, signalling: false)
        bed.run(for: .seconds(20))
        #expect(bed.holdings(of: 0, knownTo: 2) == bed.allShards)
        let start = bed.now
        bed.post(.shardsLost(Testbed.swarm, [ShardIndex(7)], reason: "a test"), to: 0)
        bed.run(for: .seconds(2)) { $0.holdings(of: 0, knownTo: 2)?[7] == false }
        #expect(bed.now - start <= Self.twoHops)
        #expect(bed.holdings(of: 0, knownTo: 2)?.setCount == 599)
    }

    @Test func `a shard that has come is known two hops away within 400 ms`() {
        var bed = Testbed(shardSizes: [Int](repeating: 1_000, count: 600))
        for number in 0..<3 {
            bed.addNode(complete: bed.noShards, fetches: number == 0)
            if number > 0 { bed.connect(number - 1, number) }
        }
        bed.run(for: .seconds(20))
        bed.connect(bed.addNode(complete: bed.allShards), 0)
        bed.run(for: .seconds(20)) { $0.isComplete(0) }
        let start = bed.now
        bed.run(for: .seconds(2)) { $0.holdings(of: 0, knownTo: 2)?.isFull == true }
        #expect(bed.now - start <= Self.twoHops)
    }

    @Test func `a node that has died is forgotten when its time is over, wherever it was known`() {
        var (bed, connections) = self.line(5, shards: 10, fetches: false, signalling: false)
        bed.run(for: .seconds(60))
        #expect((1..<5).allSatisfy { bed.holdings(of: 0, knownTo: $0) != nil })
        bed.cut(connections[0], of: 0)
        bed.run(for: .seconds(121))
        #expect((1..<5).allSatisfy { bed.holdings(of: 0, knownTo: $0) == nil })
        // Those that live are known all the while.
        #expect(bed.holdings(of: 4, knownTo: 1) != nil)
    }

    @Test func `ten nodes in a line become a mesh without a tracker`() {
        var (bed, _) = self.line(10, shards: 40, fetches: true, signalling: true)
        bed.run(for: .seconds(60)) { bed in (0..<10).allSatisfy { bed.neighbours(of: $0).count == 9 } }
        for node in 0..<10 { #expect(bed.neighbours(of: node) == Set(0..<10).subtracting([node])) }
        #expect((0..<10).dropFirst().allSatisfy { bed.isComplete($0) })
    }

    @Test func `a newcomer that knows one member learns of the others, and its mesh outlives that member`() {
        var (bed, _) = self.line(6, shards: 40, fetches: true, signalling: true)
        bed.run(for: .seconds(60))
        let newcomer = bed.addNode(complete: nil)
        let door = bed.connect(newcomer, 3).0
        bed.run(for: .seconds(60)) { $0.neighbours(of: newcomer).count == 6 }
        #expect(bed.neighbours(of: newcomer) == [0, 1, 2, 3, 4, 5])
        bed.cut(door, of: newcomer)
        bed.run(for: .seconds(60))
        #expect(bed.neighbours(of: newcomer).count >= 5)
        #expect(bed.isComplete(newcomer))
    }

    @Test func `a mesh makes no more connections than it needs`() {
        var configuration = MeshConfiguration()
        configuration.gossip.targetNeighbours = 4
        var bed = Testbed(shardSizes: [1_000])
        bed.signalling.isOn = true
        for number in 0..<12 {
            bed.addNode(complete: bed.allShards, configuration: configuration)
            if number > 0 { bed.connect(number - 1, number) }
        }
        bed.run(for: .seconds(40))
        let counts = (0..<12).map { bed.neighbours(of: $0).count }
        #expect(counts.allSatisfy { $0 >= 4 })
        #expect(counts.reduce(0, +) < 12 * 8)
    }

    @Test func `nodes that answer and never open are left alone for longer each time`() {
        var (bed, _) = self.line(3, shards: 2, fetches: false, signalling: true)
        bed.signalling.unreachable = [0]
        bed.run(for: .seconds(600))
        let attempts = bed.nodes[2].trackerEffects.count { if case .makeOffer = $0 { true } else { false } }
        #expect((2...8).contains(attempts), "\(attempts) attempts")
        #expect(bed.neighbours(of: 2) == [1])
    }

    @Test func `the same seed gives the same mesh`() {
        let runs = (0..<2).map { _ in
            var (bed, _) = self.line(6, shards: 40, fetches: true, signalling: true)
            bed.run(for: .seconds(30))
            return bed.nodes.map(\.observations)
        }
        #expect(runs[0] == runs[1])
    }
}
