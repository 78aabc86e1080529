import ShoalCore
import ShoalSwarm
import Testing

@testable import ShoalSimulation

@Suite struct FailureSearchTests {
    private static let scenario = """
        shards count=4 size=512KiB
        nodes seeders  count=2 up=5Mbit/s latency=10ms holds=all
        nodes fetchers count=3 up=5Mbit/s latency=10ms
        at 1500ms cut fetchers count=1
        at 2500ms kill fetchers count=1 back=1s
        at 3500ms sleep fetchers count=1 for=500ms
        limit 60s
        """

    /// The bug: a node that was killed and is back bans an honest one as soon as it has verified a chunk.
    private static func plant(in simulation: inout Simulation) {
        var starts: [Int: Int] = [:]
        simulation.tamper = { node, effect in
            if case .connectTracker = effect { starts[node, default: 0] += 1 }
            guard starts[node, default: 0] > 1, case .verify = effect else { return effect }
            return .observe(.peerBanned(SimulatedAuthenticator.nodeID(ofNode: 0), reason: "planted"))
        }
    }

    @Test func `only the fault that matters is left, and no event after the failure`() throws {
        let scenario = try Scenario(reading: Self.scenario)
        var simulation = Simulation(scenario, seed: 3)
        Self.plant(in: &simulation)
        simulation.run()
        let violation = try #require(simulation.violation)
        var search = FailureSearch(scenario, seed: 3, violation: violation, prepare: Self.plant)
        search.run()
        #expect(search.scenario.faults.map(\.at) == [.milliseconds(2_500)])
        let events = try #require(search.events)
        for (count, fails) in [(events - 1, false), (events, true)] {
            var simulation = Simulation(search.scenario, seed: 3)
            Self.plant(in: &simulation)
            simulation.run(events: count)
            #expect((simulation.violation != nil) == fails, "\(count) events")
        }
    }

    @Test func `a failure of the whole run has no shortest part`() throws {
        let scenario = try Scenario(reading: Self.scenario.replacing("limit 60s", with: "limit 2s"))
        var simulation = Simulation(scenario, seed: 1)
        simulation.run()
        let violation = try #require(simulation.violation)
        var search = FailureSearch(scenario, seed: 1, violation: violation)
        search.run()
        #expect(search.events == nil)
        #expect(search.scenario.faults.isEmpty)
    }
}
