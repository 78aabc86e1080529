import ArgumentParser
import ShoalNode
import ShoalStore

/// What `pin` and `unpin` take.
struct PinOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp("Its link, or the beginning of its manifest ID.", valueName: "model"),
        transform: { try notEmpty($0) }
    )
    var model: String

    @Argument(help: "Numbers and ranges, such as 0-15,40 (`shoal manifest` shows them). Without them: every shard.")
    var shards: String?

    @OptionGroup var home: HomeOptions

    func validate() throws {
        guard let shards = self.shards else { return }
        do throws(NodeFailure) {
            _ = try ShardRanges(parsing: shards)
        } catch {
            throw ValidationError(error.message)
        }
    }

    /// Pins or unpins, here or through the node that runs, and says what is pinned then.
    func carryOut(isPinned: Bool) async throws {
        let order = PinOrder(model: self.model, shards: self.shards, isPinned: isPinned)
        let report = try await NodeAccess.use(self.home) { home in
            try CacheWork.pin(order, try ModelStore(home: home))
        } through: { node in
            var report: PinReport?
            try await node.ask(.pin(order)) { answer in
                if case .pinned(let pinned) = answer { report = pinned }
            }
            guard let report else { throw CommandError("the node did not say what is pinned") }
            return report
        }
        let id = String(report.manifest.prefix(8))
        let name = report.name.map { "\($0) (\(id))" } ?? id
        Console.say(
            "\(name): \(report.pinnedShards) of \(report.shards) shards pinned, \(Figures.bytes(report.pinnedBytes)) of "
                + Figures.bytes(report.totalBytes)
        )
    }
}

/// `shoal pin`: shards that are never evicted.
struct PinCommand: ShoalSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "pin",
        abstract: "Keep a model, or some of its shards, however full the cache is.",
        discussion: "Shards that are not here yet are kept once they are. Headers are always kept."
    )

    @OptionGroup var pins: PinOptions

    func run() async throws { try await self.pins.carryOut(isPinned: true) }
}

/// `shoal unpin`: shards that may be evicted again.
struct UnpinCommand: ShoalSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "unpin",
        abstract: "Let a model, or some of its shards, be evicted when the cache is full."
    )

    @OptionGroup var pins: PinOptions

    func run() async throws { try await self.pins.carryOut(isPinned: false) }
}
