import ArgumentParser
import ShoalNode
import ShoalSignaling
import ShoalStore
import ShoalSwarm

/// What a command takes that is a node when none runs for its home.
struct NodeOptions: ParsableArguments {
    @OptionGroup var home: HomeOptions
    @OptionGroup var trackers: TrackerOptions
    @OptionGroup var network: NetworkOptions

    /// Is the node of `home` while `body` runs, and answers other commands meanwhile.
    func runNode<Result: Sendable>(
        _ home: Home,
        _ store: ModelStore,
        trackers: [TrackerURL],
        replication: ReplicationOptions? = nil,
        _ body: @escaping @Sendable (NodeSession) async throws -> Result
    ) async throws -> Result {
        var configuration = NodeConfiguration()
        configuration.bindAddress = self.network.bind
        try self.network.limits.order.apply(to: &configuration.mesh.limits)
        configuration.recording = self.network.recording.options
        configuration.replicationBudget = replication?.replicate?.bytes
        configuration.trackers = trackers
        configuration.trackerAuthority = self.trackers.tlsAuthority
        configuration.mesh.agent = Version.agent
        let session = try await NodeSession(home, store, configuration, logger: self.home.logger)
        let outcome = await Swift.Result { try await session.serve(while: body) }
        await session.stop()
        return try outcome.get()
    }

    /// Says which options do nothing, because the node that they are meant for runs already.
    func tellUnused(by node: RunningNode, _ replication: ReplicationOptions? = nil) {
        var unused: [String] = []
        if self.network.bind != nil { unused.append("--bind") }
        self.network.limits.addUnused(to: &unused)
        if replication?.replicate != nil { unused.append("--replicate") }
        if self.network.recording.options != nil { unused.append("--record") }
        if self.trackers.tlsAuthority != nil { unused.append("--tls-ca") }
        self.home.addUnused(to: &unused)
        guard !unused.isEmpty else { return }
        let options = unused.joined(separator: ", ")
        Console.say("warning: a node is running (process \(node.process)); it was started without this \(options)")
        guard !self.network.limits.isEmpty else { return }
        Console.say("`shoal limit` changes the limits of the node that is running")
    }
}
