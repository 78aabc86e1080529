import ArgumentParser
import ShoalSimulation

/// `shoal-sim growth`: the same swarm ten times as large, again and again, as a table.
struct GrowthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "growth",
        abstract: "Print how control traffic and completion grow with the swarm, as a Markdown table."
    )

    @Option(help: "Leave out swarms that are larger.")
    var largest = 10_000

    @Option(help: "The seed of every run.")
    var seed: UInt64 = 1

    func run() throws {
        print("| nodes | control, B/s a node | complete p50 | p95 | max | wasted | events |")
        print("|---|---|---|---|---|---|---|")
        for nodes in [10, 100, 1_000, 10_000] where nodes <= self.largest {
            var simulation = Simulation(try ScenarioFile.read("growth-\(nodes)"), seed: self.seed)
            simulation.run()
            let report = simulation.report
            let times = [50, 95, 100].map { Figures.seconds(report.completion(of: $0)) }.joined(separator: " | ")
            let wasted = Figures.percent(report.wastedParts)
            print("| \(nodes) | \(report.controlRate) | \(times) | \(wasted) | \(report.events) |")
            if let violation = simulation.violation {
                print("violated: \(violation)")
                throw ExitCode.failure
            }
        }
    }
}
