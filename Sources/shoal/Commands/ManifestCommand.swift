import ArgumentParser
import Foundation
import ShoalCore
import ShoalFormats
import ShoalNode
import ShoalSignaling
import ShoalStore

/// `shoal manifest`: what is in a model.
struct ManifestCommand: ShoalSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "manifest",
        abstract: "Show what is in a model: files, shards, experts.",
        discussion: "A link's manifest comes from this home, or from the swarm when a tracker is known."
    )

    @Argument(help: "The model's link, or a file or folder.", transform: { try Source(parsing: $0) })
    var source: Source

    @Flag(help: "Print the manifest's canonical bytes, which hash to its ID.")
    var json = false

    @Option(
        help: ArgumentHelp("Give up after so long. (default: 30)", valueName: "seconds"),
        transform: { try Patience(parsing: $0) }
    )
    var timeout = Patience(30)

    @OptionGroup var signatures: SignatureOptions
    @OptionGroup var node: NodeOptions

    func run() async throws {
        // Of a link it is known before anything is asked of peers.
        if case .link(let link) = self.source { _ = try self.signatures.signers(of: link, home: self.node.home) }
        try await NodeAccess.use(self.node.home) { home in
            let store = try ModelStore(home: home)
            let model = try await self.model(in: store, home)
            let problem = try await Stoppable.run(on: DiskPool(threads: 1)) { _ throws(StoreError) in
                try model.registryProblem()
            }
            if let problem { Console.say("warning: \(problem)") }
            try self.show(model.manifest, model.manifestBytes)
        } through: { running in
            self.node.tellUnused(by: running)
            let bytes = try await self.manifest(through: running)
            let manifest = try ManifestReader.read(bytes)
            if case .link(let link) = self.source, link.manifestID != ManifestID(ofManifestBytes: bytes) {
                throw CommandError("the node answered with the manifest of another model")
            }
            try self.show(manifest, bytes)
        }
    }

    private func show(_ manifest: Manifest, _ bytes: [UInt8]) throws {
        let id = ManifestID(ofManifestBytes: bytes)
        var link = MagnetLink(manifestID: id)
        if case .link(let given) = self.source { link = given }
        let signers = try self.signatures.signers(of: link, home: self.node.home)
        guard !self.json else { return try Console.print(bytes) }
        for line in ManifestSummary(manifest, id: id.hex).lines { try Console.print(line) }
        for key in signers { try Console.print("signed by \(key)") }
    }

    private func manifest(through node: RunningNode) async throws -> [UInt8] {
        let trackers = self.node.trackers.trackers.map(\.description)
        let order = ManifestOrder(source: self.source.absoluteText, trackers: trackers)
        let bytes = try await self.inTime {
            var bytes: [UInt8] = []
            try await node.ask(.manifest(order)) { answer in
                if case .manifestPart(let part) = answer { bytes += part }
            }
            return bytes
        }
        return try bytes ?? { throw self.notSent }()
    }

    private var notSent: CommandError { CommandError("no peer sent the manifest within \(self.timeout) s") }

    /// Nil when `body` takes longer than the user wants to wait.
    private func inTime<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value?
    ) async throws -> Value? {
        let timeout = self.timeout.duration
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(for: timeout)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }

    private func model(in store: ModelStore, _ home: Home) async throws -> StoredModel {
        let disk = DiskPool(threads: 1)
        switch self.source {
        case .path(let path): return try await Publishing.publish(path, in: store, on: disk)
        case .link(let link):
            if let model = try await Opening.open(link, in: store, on: disk) {
                return model
            }
            return try await self.fromSwarm(link, store, home)
        }
    }

    private func fromSwarm(_ link: MagnetLink, _ store: ModelStore, _ home: Home) async throws -> StoredModel {
        let settings = try await self.node.settings()
        let trackers = self.node.trackers.merged(with: link, configured: settings.trackers)
        guard !trackers.isEmpty else {
            throw CommandError(
                "this home does not have that model, and no tracker is known: name one with --tracker URL"
            )
        }
        return try await self.node.runNode(home, store, settings, trackers: trackers) { session in
            let handle = try session.node.add(link, fetches: false, at: trackers)
            let model = try await self.inTime { () -> StoredModel? in
                for await event in session.events {
                    session.tell(event)
                    if case .described(handle, _) = event { return session.node.model(of: handle) }
                    if case .failed(handle, let error) = event { throw error }
                }
                throw CancellationError()
            }
            return try model ?? { throw self.notSent }()
        }
    }
}
