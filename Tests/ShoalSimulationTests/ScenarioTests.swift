import Foundation
import ShoalSimulation
import Testing

/// The scenarios of the repository, each under some seeds: the swarms that `shoal-sim` runs larger and longer.
@Suite struct ScenarioTests {
    /// Those of at most 100 nodes: what is larger differs in nothing else, and is for `make sim`.
    static let names = [
        "first-light", "ten-peers", "churn", "poisoners-30-percent", "partition-heals", "tracker-outage",
        "throttled-peer", "liars", "flooders", "no-disk-rejoin", "clock-jumps", "lossy", "growth-10", "growth-100",
    ]
    static let folder = URL(filePath: #filePath).appending(path: "../../../Simulations").standardizedFileURL

    static func read(_ name: String) throws -> Scenario {
        let file = Self.folder.appending(component: "\(name).scenario")
        return try Scenario(reading: try String(contentsOf: file, encoding: .utf8))
    }

    @Test(arguments: Self.names, [1, 2] as [UInt64])
    func `every honest node ends with the right bytes or a clear error`(name: String, seed: UInt64) throws {
        var simulation = Simulation(try Self.read(name), seed: seed)
        simulation.run()
        #expect(simulation.violation == nil, "shoal-sim \(name) --seed \(seed)")
    }

    @Test func `every scenario of the repository can be read, and is run somewhere`() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path())
        for file in files { _ = try Self.read(file.replacing(".scenario", with: "")) }
        let names = Set(files.map { $0.replacing(".scenario", with: "") })
        #expect(names.subtracting(Self.names) == ["growth-1000", "growth-10000"])
    }

    @Test func `the same seed gives the same run, another seed another`() throws {
        let scenario = try Self.read("ten-peers")
        let digests = [1, 1, 2].map { seed in
            var simulation = Simulation(scenario, seed: UInt64(seed))
            simulation.run()
            return simulation.digest
        }
        #expect(digests[0] == digests[1])
        #expect(digests[0] != digests[2])
    }
}
