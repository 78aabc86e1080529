import ArgumentParser

/// Runs swarms of shipping machines on a virtual network. The same scenario and seed give the same run.
@main
struct ShoalSim: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shoal-sim",
        abstract: "Run swarms of Shoal's own machines on a virtual network.",
        discussion: "Scenarios are text files; docs/simulation.md says how to write one.",
        subcommands: [RunCommand.self, GrowthCommand.self],
        defaultSubcommand: RunCommand.self
    )
}
