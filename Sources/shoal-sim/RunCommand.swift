import ArgumentParser
import ShoalCore
import ShoalSimulation

/// `shoal-sim SCENARIO`: one run for each seed; the first that breaks a rule is made small and explained.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a scenario; exits with 1 when something is violated."
    )

    @Argument(help: "A scenario's file, or its name in Simulations.")
    var scenario: String

    @Option(help: "The seed of the only run.")
    var seed: UInt64?

    @Option(help: "Run the seeds 1 to N.")
    var seeds: UInt64?

    @Option(help: "Scale the scenario to about so many nodes.")
    var nodes: Int?

    @Option(help: "Stop after so many events and check everything.")
    var events: Int?

    @Option(help: "Take away the faults of these lines, separated by commas.")
    var without: String?

    @Flag(help: "Print every input and effect.")
    var trace = false

    func validate() throws {
        guard self.seed == nil || self.seeds == nil else { throw ValidationError("--seed or --seeds, not both") }
        guard self.seeds != 0 else { throw ValidationError("--seeds is at least 1") }
        if let nodes, !(1...Scenario.nodeLimit).contains(nodes) {
            throw ValidationError("--nodes is 1 to \(Scenario.nodeLimit)")
        }
    }

    func run() throws {
        var scenario = try ScenarioFile.read(self.scenario)
        if let nodes { scenario = scenario.scaled(to: nodes) }
        if let without {
            let removed = without.split(separator: ",").compactMap { Int($0) }
            scenario = scenario.keeping(faults: try Self.kept(scenario.faults, without: removed))
        }
        let first = self.seed ?? 1
        for seed in first...(self.seeds ?? first) {
            var simulation = Simulation(scenario, seed: seed, trace: self.trace ? { print($0) } : nil)
            simulation.run(events: self.events ?? .max)
            self.tell(simulation.report, seed: seed)
            if let violation = simulation.violation {
                self.explain(violation, in: scenario, seed: seed)
                throw ExitCode.failure
            }
        }
    }

    /// `every` makes several faults of a line: the numbers are those of the faults in order of time, from 1 on.
    private static func kept(_ faults: [Fault], without removed: [Int]) throws -> [Fault] {
        for number in removed where !(1...max(faults.count, 1)).contains(number) {
            throw ValidationError("--without \(number): the scenario has \(faults.count) faults")
        }
        return faults.indices.filter { !removed.contains($0 + 1) }.map { faults[$0] }
    }

    private func tell(_ report: SimulationReport, seed: UInt64) {
        let result = report.violation == nil ? "right" : "WRONG"
        print(
            "seed \(seed): \(result), \(report.nodes) nodes, \(Figures.seconds(report.time)), \(report.events) events"
        )
        let times = [50, 95, 100].map { Figures.seconds(report.completion(of: $0)) }
        print("  complete     p50 \(times[0]), p95 \(times[1]), max \(times[2]) (\(report.completion.count) nodes)")
        print("  control      \(report.controlRate) B/s a node, \(Figures.megabytes(report.controlBytes))")
        let wasted = Figures.percent(report.wastedParts)
        let parts = "wrong \(Figures.percent(report.wrongParts)), too late \(Figures.percent(report.lateParts))"
        print("  bulk         \(Figures.megabytes(report.bulkBytes)), wasted \(wasted) (\(parts))")
        if report.failures > 0 { print("  failures     \(report.failures)") }
        print("  digest       \(report.digest.hex)")
    }

    private func explain(_ violation: Violation, in scenario: Scenario, seed: UInt64) {
        print("  violated     \(violation)")
        // A prefix that was asked for is not looked into again.
        guard self.events == nil else { return }
        print("  looking for the shortest run that shows it …")
        var search = FailureSearch(scenario, seed: seed, violation: violation)
        search.run()
        print("  shortest     \(search.violation)")
        var command = "shoal-sim \(self.scenario) --seed \(seed)"
        if let nodes { command += " --nodes \(nodes)" }
        let removed = Self.removed(from: scenario.faults, leaving: search.scenario.faults)
        if !removed.isEmpty { command += " --without " + removed.map(String.init).joined(separator: ",") }
        if let events = search.events { command += " --events \(events)" }
        print("  again with   \(command) --trace")
    }

    private static func removed(from faults: [Fault], leaving kept: [Fault]) -> [Int] {
        var numbers: [Int] = []
        var rest = kept[...]
        for (position, fault) in faults.enumerated() {
            if rest.first == fault { rest.removeFirst() } else { numbers.append(position + 1) }
        }
        return numbers
    }
}
