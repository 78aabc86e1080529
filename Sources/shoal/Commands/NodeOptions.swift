import ArgumentParser
import Configuration
import ShoalNode
import ShoalSignaling
import ShoalStore
import ShoalSwarm

/// What a command takes that is a node when none runs for its home.
struct NodeOptions: ParsableArguments {
    @OptionGroup var home: HomeOptions
    @OptionGroup var trackers: TrackerOptions
    @OptionGroup var network: NetworkOptions

    /// What a node starts with: of these options, the environment and the home's file.
    ///
    /// - Throws: ``CommandError`` that names the place of what cannot be used.
    func settings(_ replication: ReplicationOptions? = nil) async throws -> Settings {
        let settings = try Settings(try await self.settingsReader(replication))
        try settings.probe()
        return settings
    }

    func settingsReader(_ replication: ReplicationOptions? = nil) async throws -> SettingsReader {
        var contents = self.trackers.contents.merging(self.network.limits.contents) { $1 }
        if let bind = self.network.bind { contents[.bind] = .string(bind) }
        contents[.directLane] = self.network.directLaneSetting.map(ConfigContent.string)
        contents[.metricsPort] = self.network.metricsPort.map(ConfigContent.string)
        if let replicate = replication?.replicate { contents[.replicate] = .string(replicate) }
        return try await self.home.settingsReader(contents)
    }

    /// Is the node of `home` while `body` runs, and answers other commands meanwhile.
    ///
    /// - Parameter trackers: where swarms are announced that come without trackers, if none are configured.
    func runNode<Result: Sendable>(
        _ home: Home,
        _ store: ModelStore,
        _ settings: Settings,
        trackers: [TrackerURL],
        _ body: @escaping @Sendable (NodeSession) async throws -> Result
    ) async throws -> Result {
        var configuration = try settings.configuration()
        if configuration.trackers.isEmpty { configuration.trackers = trackers }
        configuration.recording = self.network.recording.options
        configuration.mesh.agent = Version.agent
        let session = try await NodeSession(
            home,
            store,
            configuration,
            metricsPort: settings.metricsPort,
            logger: settings.logLevel.logger
        )
        let outcome = await Swift.Result { try await session.serve(while: body) }
        await session.stop()
        return try outcome.get()
    }

    /// Says which options do nothing, because the node that they are meant for runs already.
    func tellUnused(by node: RunningNode, _ replication: ReplicationOptions? = nil) {
        var unused: [String] = []
        if self.network.bind != nil { unused.append("--bind") }
        if self.network.directLane != nil { unused.append("--direct-lane") }
        if self.network.hasNoDirectLane { unused.append("--no-direct-lane") }
        if self.network.metricsPort != nil { unused.append("--metrics-port") }
        let limits = Setting.allCases.filter { self.network.limits.contents[$0] != nil }.map(\.option)
        unused += limits
        if replication?.replicate != nil { unused.append("--replicate") }
        if self.network.recording.options != nil { unused.append("--record") }
        if self.trackers.tlsAuthority != nil { unused.append("--tls-ca") }
        self.home.addUnused(to: &unused)
        guard !unused.isEmpty else { return }
        let options = unused.joined(separator: ", ")
        Console.say("warning: a node is running (process \(node.process)); it was started without this \(options)")
        guard !limits.isEmpty else { return }
        Console.say("`shoal limit` changes the limits of the node that is running")
    }
}
