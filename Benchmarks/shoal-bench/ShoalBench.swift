import ArgumentParser

/// Measures Shoal, each figure beside its rival or limit in the same run.
@main
struct ShoalBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shoal-bench",
        abstract: "Measures Shoal, each figure beside its rival or limit in the same run.",
        subcommands: [
            FirstLightCommand.self, HealCommand.self, FanoutCommand.self, BareLoopCommand.self,
            BareLoopReceiverCommand.self, TrackerLoadCommand.self,
        ],
        defaultSubcommand: FirstLightCommand.self
    )
}
