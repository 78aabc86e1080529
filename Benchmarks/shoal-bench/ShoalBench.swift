import ArgumentParser

/// Measures Shoal, each figure beside its rival or limit in the same run.
@main
struct ShoalBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shoal-bench",
        abstract: "Measures Shoal, each figure beside its rival or limit in the same run.",
        subcommands: [
            FirstLightCommand.self, PublishCommand.self, StartCommand.self, CacheCommand.self, HealCommand.self,
            FanoutCommand.self, TrackerLoadCommand.self, SiegeCommand.self, BareLoopCommand.self,
            BareLoopReceiverCommand.self, BareTLSReceiverCommand.self,
        ],
        defaultSubcommand: FirstLightCommand.self
    )
}
