import ShoalCore
import ShoalWire
import Testing

@testable import ShoalSwarm

/// Swarms that a node leaves while it runs, or that a peer leaves.
@Suite struct LeavingTests {
    private static let chunk = Cutting.chunkSize
    private static let other = SwarmHandle(2)
    private static let otherSecret = Digest(bytes: [UInt8](repeating: 8, count: 32))!

    private func description(_ handle: SwarmHandle, of bed: Testbed, complete: Bitfield) -> SwarmDescription {
        SwarmDescription(
            handle: handle,
            infoHash: handle == Self.other ? InfoHash(bytes: [UInt8](repeating: 3, count: 20))! : Testbed.infoHash,
            secret: handle == Self.other ? Self.otherSecret : Testbed.secret,
            content: bed.content(complete: complete),
            trackers: []
        )
    }

    /// A fetcher and a seeder that share two swarms, in the middle of the first transfer.
    private func transferring() -> Testbed {
        var bed = Testbed(shardSizes: Array(repeating: 40 * Self.chunk, count: 4))
        for complete in [bed.noShards, bed.allShards] {
            let node = bed.addNode(complete: complete)
            bed.post(.addSwarm(self.description(Self.other, of: bed, complete: complete)), to: node)
        }
        bed.connect(0, 1)
        bed.run(for: .seconds(5)) { bed in bed.verified(Testbed.swarm, 0) > 30 * Self.chunk }
        return bed
    }

    @Test(arguments: [0, 1])
    func `who leaves one of two swarms goes on in the other, and nothing is lost or left behind`(leaver: Int) {
        var bed = self.transferring()
        #expect(bed.verified(Testbed.swarm, 0) > 30 * Self.chunk)
        bed.post(.removeSwarm(Testbed.swarm), to: leaver)
        bed.run(for: .seconds(60))
        #expect(bed.nodes[0].observations.contains(.swarmCompleted(Self.other)))
        #expect(bed.nodes.allSatisfy { $0.disconnected.isEmpty })
        #expect(bed.nodes[leaver].machine.status(of: Testbed.swarm, at: bed.now) == nil)
        #expect(bed.nodes[leaver].observations.contains(.swarmLeft(Testbed.swarm)))
        #expect(bed.nodes[1 - leaver].machine.status(of: Testbed.swarm, at: bed.now)?.peers == 0)
        for node in bed.nodes {
            #expect(node.machine.contradiction == nil)
            #expect(node.machine.freeRoom == MeshConfiguration().room)
            #expect(node.machine.unsettledChunks == 0)
        }
    }

    @Test(arguments: [0, 1])
    func `who comes back, under the same handle and on the same connection, is served again`(leaver: Int) {
        var bed = self.transferring()
        bed.post(.removeSwarm(Testbed.swarm), to: leaver)
        bed.run(for: .milliseconds(500))
        let complete = leaver == 1 ? bed.allShards : bed.noShards
        bed.post(.addSwarm(self.description(Testbed.swarm, of: bed, complete: complete)), to: leaver)
        bed.run(for: .seconds(60))
        #expect(bed.isComplete(0))
        #expect(bed.nodes.allSatisfy { $0.disconnected.isEmpty })
    }

    @Test func `both may leave at once`() {
        var bed = self.transferring()
        for node in bed.nodes.indices { bed.post(.removeSwarm(Testbed.swarm), to: node) }
        bed.run(for: .seconds(60))
        #expect(bed.nodes[0].observations.contains(.swarmCompleted(Self.other)))
        #expect(bed.nodes.allSatisfy { $0.machine.freeRoom == MeshConfiguration().room })
    }

    @Test func `a peer with whom no other swarm is shared is let go`() {
        var bed = Testbed(shardSizes: [Self.chunk])
        for complete in [bed.allShards, bed.noShards] { bed.addNode(complete: complete) }
        bed.connect(0, 1)
        bed.run(for: .seconds(1))
        bed.post(.removeSwarm(Testbed.swarm), to: 0)
        bed.run(for: .seconds(1))
        #expect(bed.nodes[1].disconnected == ["it left the only swarm in common"])
        #expect(bed.nodes[0].machine.peerStatuses(at: bed.now).isEmpty)
    }

    @Test func `neighbours hear that a node left, and look for it no more`() {
        var bed = Testbed(shardSizes: [Self.chunk, Self.chunk])
        for number in 0..<3 {
            bed.addNode(complete: number == 0 ? bed.allShards : bed.noShards, fetches: false)
        }
        bed.connect(0, 1)
        bed.connect(1, 2)
        bed.run(for: .seconds(2))
        #expect(bed.nodes[2].machine.knownNodes(of: Testbed.swarm).count == 2)
        bed.post(.removeSwarm(Testbed.swarm), to: 0)
        bed.run(for: .seconds(2))
        #expect(bed.nodes[2].machine.knownNodes(of: Testbed.swarm).count == 1)
    }

    @Test func `trackers hear it, and one without another swarm is closed until there is one`() {
        var driver = MachineDriver(trackers: 1)
        let tracker = TrackerIndex(0)
        _ = driver.addSwarm(shardSizes: [Self.chunk], isSeeder: true, trackers: 1)
        var effects = driver.feed(.trackerConnected(tracker))
        effects += driver.pass(.seconds(3))
        #expect(effects.events.contains(.started))

        effects = driver.feed(.removeSwarm(MachineDriver.swarm))
        #expect(effects.events == [.stopped])
        #expect(effects.contains(.disconnectTracker(tracker)))
        #expect(driver.machine.trackerStatuses(at: driver.now).map(\.state) == [.idle])
        // It may have opened, and comes back, before it hears that it is to close.
        #expect(driver.feed(.trackerConnected(tracker)).isEmpty)
        effects = driver.addSwarm(shardSizes: [Self.chunk], isSeeder: true, trackers: 1)
        #expect(!effects.contains(.connectTracker(tracker)))
        effects = driver.feed(.trackerClosed(tracker, reason: "closed by this node"))
        #expect(effects.contains(.connectTracker(tracker)))
        #expect(effects.observations.isEmpty)
    }

    @Test func `connections that are being made for the swarm are given up`() {
        var driver = MachineDriver(trackers: 1)
        let offers = driver.addSwarm(shardSizes: [Self.chunk], isSeeder: false, trackers: 1).offers
        var effects = driver.feed(.trackerConnected(TrackerIndex(0)))
        #expect(!offers.isEmpty)
        for connection in offers { effects += driver.feed(.described(connection, sdp: "v=0")) }
        effects = driver.feed(.removeSwarm(MachineDriver.swarm))
        #expect(offers.contains { effects.closing($0) == "this node left the swarm that it was for" })
    }

    @Test func `a swarm that there is not cannot be left`() {
        var driver = MachineDriver()
        #expect(driver.feed(.removeSwarm(SwarmHandle(3))).isEmpty)
    }

    @Test func `a leave of a handle that no join named is ignored, and too many are malformed`() {
        var driver = MachineDriver()
        _ = driver.addSwarm(shardSizes: [Self.chunk], isSeeder: true)
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        #expect(driver.feed(peer.say(.leave, handle: 5)).isEmpty)
        // 256 at once, of which one is used.
        for _ in 1..<256 { #expect(driver.feed(peer.say(.leave, handle: 5)).closing(peer.connection) == nil) }
        let closings = (0..<3).map { _ in driver.feed(peer.say(.leave, handle: 5)).closing(peer.connection) }
        #expect(closings[..<2] == [nil, nil])
        #expect(closings[2]?.contains("rate of leaves") == true)
    }

    @Test func `a peer that leaves is sent nothing more, and its requests end without a word`() {
        var driver = MachineDriver()
        _ = driver.addSwarm(shardSizes: [8 * Self.chunk], isSeeder: true)
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        let request = ChunkRequest(
            id: 1,
            shard: ShardIndex(0),
            first: ChunkIndex(0),
            count: 8,
            priority: .background,
            deadline: 0
        )
        var effects = driver.feed(peer.say(.request(request)))
        let served = effects.serves
        #expect(!served.isEmpty)
        effects = driver.feed(peer.say(.leave))
        for chunk in served { effects += driver.feed(.chunkServed(peer.connection, request: 1, chunk: chunk)) }
        #expect(effects.serves.isEmpty)
        #expect(!effects.sent(to: peer.connection).contains { if case .reject = $0 { true } else { false } })
        #expect(effects.closing(peer.connection) == "it left the only swarm in common")
    }
}

extension Testbed {
    fileprivate func verified(_ swarm: SwarmHandle, _ node: Int) -> Int {
        self.nodes[node].machine.status(of: swarm, at: self.now)?.verifiedBytes ?? 0
    }
}

extension [MeshEffect] {
    fileprivate var events: [TrackerAnnounce.Event] {
        self.compactMap { effect in
            guard case .sendToTracker(_, .announce(let announce)) = effect else { return nil }
            return announce.event
        }
    }

    fileprivate var serves: [ChunkIndex] {
        self.compactMap { if case .serve(_, _, _, _, let chunk) = $0 { chunk } else { nil } }
    }
}
