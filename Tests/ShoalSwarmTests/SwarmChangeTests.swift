import ShoalCore
import ShoalWire
import Testing

@testable import ShoalSwarm

/// What the owner changes about a swarm while the node runs.
@Suite struct SwarmChangeTests {
    private let sizes = [64 * Cutting.chunkSize]

    /// A fetcher with a peer that has everything.
    private func fetcher(trackers: Int = 0) -> (MachineDriver, PlayedPeer, [MeshEffect]) {
        var driver = MachineDriver(trackers: trackers)
        _ = driver.addSwarm(shardSizes: self.sizes, isSeeder: false, trackers: trackers)
        let peer = PlayedPeer(number: 1, connection: 7)
        peer.enter(&driver)
        var effects = driver.feed(peer.say(.bitfield(.full(count: 1))))
        effects += driver.pass(.milliseconds(1))
        return (driver, peer, effects)
    }

    @Test func `a fetch that is stopped asks for nothing more, and goes on when it is wanted again`() {
        var (driver, peer, begun) = self.fetcher()
        let requests = begun.chunkRequests
        #expect(!requests.isEmpty)
        var effects = driver.feed(.updateSwarm(MachineDriver.swarm, fetches: false, trackers: []))
        for request in requests {
            for position in 0..<Int(request.count) {
                let receipt = ChunkReceipt(
                    connection: peer.connection,
                    request: request.id,
                    swarm: MachineDriver.swarm,
                    shard: request.shard,
                    chunk: ChunkIndex(request.first.position + position)
                )
                effects += driver.feed(.chunkVerified(receipt))
            }
        }
        effects += driver.pass(.milliseconds(100))
        #expect(effects.chunkRequests.isEmpty)
        effects = driver.feed(.updateSwarm(MachineDriver.swarm, fetches: true, trackers: []))
        effects += driver.pass(.milliseconds(1))
        #expect(!effects.chunkRequests.isEmpty)
    }

    @Test func `a swarm that failed is tried again when it is asked for again`() {
        var (driver, _, _) = self.fetcher()
        _ = driver.feed(.storeFailed(MachineDriver.swarm, reason: "the disk is full"))
        #expect(driver.machine.status(of: MachineDriver.swarm, at: driver.now)?.hasFailed == true)
        _ = driver.feed(.updateSwarm(MachineDriver.swarm, fetches: nil, trackers: []))
        #expect(driver.machine.status(of: MachineDriver.swarm, at: driver.now)?.hasFailed == true)
        _ = driver.feed(.updateSwarm(MachineDriver.swarm, fetches: true, trackers: []))
        #expect(driver.machine.status(of: MachineDriver.swarm, at: driver.now)?.hasFailed == false)
    }

    @Test func `a tracker that comes later is connected to, once`() {
        var (driver, _, _) = self.fetcher(trackers: 1)
        let first = [TrackerIndex(0)]
        #expect(!driver.feed(.updateSwarm(MachineDriver.swarm, fetches: nil, trackers: first)).connectsATracker)
        let both = [TrackerIndex(0), TrackerIndex(1)]
        let effects = driver.feed(.updateSwarm(MachineDriver.swarm, fetches: nil, trackers: both))
        #expect(effects.contains(.connectTracker(TrackerIndex(1))))
        #expect(!effects.contains(.connectTracker(TrackerIndex(0))))
        #expect(!driver.feed(.updateSwarm(MachineDriver.swarm, fetches: nil, trackers: both)).connectsATracker)
        #expect(driver.machine.trackerStatuses(at: driver.now).map(\.index) == both)
    }

    @Test func `a tracker tells how it stands`() {
        var driver = MachineDriver(trackers: 1)
        let tracker = TrackerIndex(0)
        #expect(driver.machine.trackerStatuses(at: driver.now).map(\.state) == [.idle])
        _ = driver.addSwarm(shardSizes: self.sizes, isSeeder: true, trackers: 1)
        #expect(driver.machine.trackerStatuses(at: driver.now).map(\.state) == [.connecting])
        _ = driver.feed(.trackerConnected(tracker))
        let statistics = TrackerStatistics(infoHash: MachineDriver.infoHash, complete: 3, incomplete: 4)
        _ = driver.feed(.trackerReceived(tracker, .announced(statistics)))
        #expect(driver.machine.trackerStatuses(at: driver.now).map(\.state) == [.connected])
        #expect(driver.machine.trackerStatuses(at: driver.now).map(\.counted) == [7])
        _ = driver.feed(.trackerClosed(tracker, reason: "gone"))
        guard case .waiting(let retryIn) = driver.machine.trackerStatuses(at: driver.now)[0].state else {
            Issue.record("a lost tracker is waited for")
            return
        }
        #expect(retryIn > .zero && retryIn <= .seconds(2))
    }

    @Test func `an unknown swarm cannot be changed`() {
        var driver = MachineDriver()
        #expect(driver.feed(.updateSwarm(SwarmHandle(3), fetches: true, trackers: [])).isEmpty)
    }
}

extension [MeshEffect] {
    fileprivate var chunkRequests: [ChunkRequest] {
        self.compactMap { effect in
            guard case .request(_, _, let request) = effect else { return nil }
            return request
        }
    }

    fileprivate var connectsATracker: Bool {
        self.contains { effect in
            if case .connectTracker = effect { true } else { false }
        }
    }
}
