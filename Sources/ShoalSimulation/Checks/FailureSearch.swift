/// Makes a failure small: fewer faults as long as it still fails, then the fewest events after which it shows.
package struct FailureSearch {
    /// What is left of the scenario.
    package private(set) var scenario: Scenario
    /// The violation of the smallest run.
    package private(set) var violation: Violation
    /// The fewest events that show it; nil when only the whole run does.
    package private(set) var events: Int?

    private let seed: UInt64
    private let prepare: (inout Simulation) -> Void

    /// - Parameter prepare: what the caller does to each run before it starts.
    package init(
        _ scenario: Scenario,
        seed: UInt64,
        violation: Violation,
        prepare: @escaping (inout Simulation) -> Void = { _ in }
    ) {
        self.scenario = scenario
        self.seed = seed
        self.violation = violation
        self.prepare = prepare
    }

    /// 64 faults are taken away one by one: each costs a run.
    private static let faultLimit = 64

    package mutating func run() {
        self.removeFaults()
        if !self.violation.rule.isOfWholeRun { self.shorten() }
    }

    /// What breaks after so many events, everything looked at.
    private func violation(of scenario: Scenario, events: Int) -> Violation? {
        var simulation = Simulation(scenario, seed: self.seed)
        self.prepare(&simulation)
        simulation.run(events: events)
        return simulation.violation
    }

    private mutating func removeFaults() {
        guard self.scenario.faults.count <= Self.faultLimit else { return }
        for position in self.scenario.faults.indices.reversed() {
            var faults = self.scenario.faults
            faults.remove(at: position)
            let smaller = self.scenario.keeping(faults: faults)
            // A run that fails otherwise is another failure.
            guard let violation = self.violation(of: smaller, events: .max),
                violation.rule.isOfWholeRun == self.violation.rule.isOfWholeRun
            else { continue }
            self.scenario = smaller
            self.violation = violation
        }
    }

    /// Between none and those that were there when it was found, by halves: what is only looked at now and then may have
    /// been wrong for long.
    private mutating func shorten() {
        var low = 0
        var high = self.violation.event
        while low < high {
            let middle = (low + high) / 2
            if let violation = self.violation(of: self.scenario, events: middle), !violation.rule.isOfWholeRun {
                high = middle
                self.violation = violation
            } else {
                low = middle + 1
            }
        }
        self.events = high
    }
}
