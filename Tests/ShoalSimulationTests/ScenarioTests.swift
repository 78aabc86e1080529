import Foundation
import ShoalSimulation
import Testing

/// The scenarios of the repository, each under some seeds: the swarms that `shoal-sim` runs larger and longer.
@Suite struct ScenarioTests {
    /// Those that fit a debug build, scaled down to this many nodes: `make sim` runs them as they are.
    static let names = [
        "first-light", "ten-peers", "churn", "poisoners-30-percent", "partition-heals", "tracker-outage",
        "throttled-peer", "liars", "flooders", "no-disk-rejoin", "clock-jumps", "lossy", "growth-10", "fan-out",
        "limits",
    ]
    static let debugNodes = 12
    static let folder = URL(filePath: #filePath).appending(path: "../../../Simulations").standardizedFileURL

    static func read(_ name: String) throws -> Scenario {
        let file = Self.folder.appending(component: "\(name).scenario")
        return try Scenario(reading: try String(contentsOf: file, encoding: .utf8))
    }

    @Test(arguments: Self.names, [1, 2] as [UInt64])
    func `every honest node ends with the right bytes or a clear error`(name: String, seed: UInt64) throws {
        let whole = try Self.read(name)
        let scenario = whole.nodeCount > Self.debugNodes ? whole.scaled(to: Self.debugNodes) : whole
        var simulation = Simulation(scenario, seed: seed)
        simulation.run()
        #expect(simulation.violation == nil, "shoal-sim \(name) --nodes \(Self.debugNodes) --seed \(seed)")
    }

    @Test func `a hundred nodes all complete`() throws {
        let scenario = """
            shards count=2 size=256KiB
            nodes seeder   count=1  up=5Mbit/s latency=10ms holds=all
            nodes fetchers count=99 up=5Mbit/s latency=5ms..40ms
            limit 120s
            """
        var simulation = Simulation(try Scenario(reading: scenario), seed: 1)
        simulation.run()
        #expect(simulation.violation == nil)
        #expect(simulation.report.completion.count == 99)
    }

    @Test func `every scenario of the repository can be read, and is run somewhere`() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path())
        for file in files { _ = try Self.read(file.replacing(".scenario", with: "")) }
        let names = Set(files.map { $0.replacing(".scenario", with: "") })
        #expect(
            names.subtracting(Self.names) == [
                "growth-100", "growth-1000", "growth-10000", "one-uplink", "poisoners-large-model",
            ]
        )
    }

    @Test func `the same seed gives the same run, another seed another`() throws {
        let scenario = try Self.read("churn").scaled(to: 6)
        let digests = [1, 1, 2].map { seed in
            var simulation = Simulation(scenario, seed: UInt64(seed))
            simulation.run()
            return simulation.digest
        }
        #expect(digests[0] == digests[1])
        #expect(digests[0] != digests[2])
    }
}
