import ShoalCore
import ShoalWire
import Testing

@testable import ShoalSimulation
@testable import ShoalSwarm

/// Each invariant is seen to break: a machine's order is changed on its way, or what a machine or its edges know is.
@Suite struct InvariantTests {
    private static let scenario = """
        shards count=4 size=512KiB
        nodes seeders  count=2 up=5Mbit/s latency=10ms holds=all
        nodes fetchers count=3 up=5Mbit/s latency=10ms
        limit 60s

        """

    private static func simulation(_ more: String = "") throws -> Simulation {
        Simulation(try Scenario(reading: Self.scenario + more), seed: 1)
    }

    /// The violation of a run in which `tamper` changes what machines order.
    private static func violation(tamper: @escaping (Int, MeshEffect) -> MeshEffect?) throws -> Violation? {
        var simulation = try Self.simulation()
        simulation.tamper = tamper
        simulation.run()
        return simulation.violation
    }

    /// The violation that a whole run's end shows after `change`.
    private static func violation(after change: (inout Simulation) -> Void) throws -> Violation? {
        var simulation = try Self.simulation()
        simulation.run()
        #expect(simulation.violation == nil)
        change(&simulation)
        simulation.checkEverything()
        simulation.checkEnd()
        return simulation.violation
    }

    @Test func `a run that nobody tampers with violates nothing`() throws {
        #expect(try Self.violation { _, effect in effect } == nil)
    }

    @Test func `asking for more than there is room for`() throws {
        let room = MeshConfiguration().room
        let violation = try Self.violation { _, effect in
            guard case .request(let connection, let swarm, var request) = effect else { return effect }
            request.count = UInt16(room + 1)
            return .request(connection, swarm, request)
        }
        #expect(violation?.rule == .noRoom(asked: room + 1, free: room))
    }

    @Test func `asking for what lies behind the end of a shard`() throws {
        let violation = try Self.violation { _, effect in
            guard case .request(let connection, let swarm, var request) = effect else { return effect }
            request.first = ChunkIndex(4 as Int)
            return .request(connection, swarm, request)
        }
        switch violation?.rule {
        case .asksForWhatIsNot(_, let chunk): #expect(chunk == ChunkIndex(4 as Int))
        default: Issue.record("\(String(describing: violation))")
        }
    }

    @Test func `asking for what is held`() throws {
        var first: ChunkRequest?
        let violation = try Self.violation { node, effect in
            // A fetcher asks again for what its first request has brought.
            guard node == 2, case .request(let connection, let swarm, var request) = effect else { return effect }
            guard let old = first else {
                first = request
                return effect
            }
            guard request.shard != old.shard else { return effect }
            request.shard = old.shard
            request.first = old.first
            request.count = 1
            return .request(connection, swarm, request)
        }
        let old = try #require(first)
        #expect(violation?.rule == .asksForWhatIsHeld(old.shard, old.first))
    }

    @Test func `serving what is missing`() throws {
        let violation = try Self.violation { node, effect in
            guard node >= 2, case .makeOffer(let connection) = effect else { return effect }
            return .serve(connection, request: 1, SwarmHandle(1), ShardIndex(0 as Int), ChunkIndex(0 as Int))
        }
        #expect(violation?.rule == .servesWhatIsMissing(ShardIndex(0 as Int), ChunkIndex(0 as Int)))
    }

    @Test func `counting as verified what is not on disk`() throws {
        let violation = try Self.violation { simulation in
            let empty = SimulatedDisk(simulation.model, complete: nil, capacity: nil)
            simulation.nodes[3].disk = empty
        }
        #expect(violation?.rule == .holdsWhatIsMissing(ShardIndex(0 as Int), ChunkIndex(0 as Int)))
        #expect(violation?.node == 3)
    }

    @Test func `more room than was taken`() throws {
        let violation = try Self.violation { $0.nodes[2].machine?.room += 1 }
        #expect(violation?.rule == .contradiction("more room was given back than taken"))
    }

    @Test func `availability that is not the sum of what peers hold`() throws {
        let violation = try Self.violation { simulation in
            simulation.nodes[2].machine?.swarms.update(Simulation.swarm) {
                $0.holdings?.count(ShardIndex(1 as Int), by: 1)
            }
        }
        guard case .contradiction(let text) = violation?.rule else { return #expect(violation != nil) }
        #expect(text.hasPrefix("shard 1 counts as held by"))
    }

    @Test func `banning an honest node`() throws {
        let violation = try Self.violation { node, effect in
            guard node == 4, case .verify = effect else { return effect }
            return .observe(.peerBanned(SimulatedAuthenticator.nodeID(ofNode: 0), reason: "it looks odd"))
        }
        #expect(violation?.rule == .bannedHonest(node: 0, reason: "it looks odd"))
    }

    @Test func `a deadline that stays in the past`() throws {
        var simulation = try Self.simulation()
        simulation.run(events: 100)
        simulation.nodes[2].lateDeadlines = 16
        simulation.checkDeadline(of: 2)
        #expect(simulation.violation == nil)
        simulation.nodes[2].lateDeadlines = 17
        simulation.checkDeadline(of: 2)
        #expect(simulation.violation?.rule == .busyLoop)
    }

    @Test func `saying too early that all is there`() throws {
        let violation = try Self.violation { node, effect in
            guard node == 2, case .verify = effect else { return effect }
            return .observe(.swarmCompleted(Simulation.swarm))
        }
        #expect(violation?.rule == .completedTooEarly)
    }

    @Test func `not being complete when the time is up`() throws {
        let violation = try Self.violation { node, effect in
            if node == 3, case .checkManifest = effect { nil } else { effect }
        }
        #expect(violation?.rule == .incomplete(shards: 0, of: 4))
        #expect(violation?.node == 3)
    }

    @Test func `a chunk that is never settled`() throws {
        var dropped = false
        let violation = try Self.violation { node, effect in
            guard node == 2, !dropped, case .verify = effect else { return effect }
            dropped = true
            return nil
        }
        #expect(violation?.rule == .requestsKept(chunks: 1) || violation?.rule == .incomplete(shards: 3, of: 4))
    }

    @Test func `room that does not come back`() throws {
        let violation = try Self.violation { _ = $0.nodes[2].freeSlots.popLast() }
        #expect(violation?.rule == .roomKept(chunks: 1))
    }

    @Test(arguments: ["complete within=1s", "control at-most=1B/s", "failures count=1"])
    func `an expectation that is not met`(expectation: String) throws {
        var simulation = try Self.simulation("expect \(expectation)\n")
        simulation.run()
        switch simulation.violation?.rule {
        case .late, .control, .failures: break
        case let rule: #expect(rule != nil, "nothing was violated")
        }
        #expect(simulation.violation?.rule.isOfWholeRun == true)
    }

    @Test(arguments: ["waste", "wrong"]) func `waste and wrong bytes beyond what is expected`(what: String) throws {
        let bad = "nodes bad count=1 up=5Mbit/s latency=10ms holds=all conduct=poisoning\n"
        var simulation = try Self.simulation(bad + "expect \(what) at-most=0%\n")
        simulation.run()
        switch simulation.violation?.rule {
        case .waste(_, limit: 0): #expect(what == "waste")
        case .wrong(_, limit: 0): #expect(what == "wrong")
        default: Issue.record("\(String(describing: simulation.violation))")
        }
    }
}
