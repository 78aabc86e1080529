import ArgumentParser
import Foundation
import ShoalCore
import ShoalFormats
import ShoalNode
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

    @OptionGroup var home: HomeOptions
    @OptionGroup var trackers: TrackerOptions
    @OptionGroup var network: NetworkOptions

    func run() async throws {
        let home = try Home(path: self.home.path)
        defer { home.close() }
        let store = try ModelStore(home: home)
        let model = try await self.model(in: store, home)
        if self.json {
            try Console.print(model.manifestBytes)
        } else {
            for line in ManifestSummary(model.manifest, id: model.id.hex).lines { try Console.print(line) }
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
        let trackers = self.trackers.merged(with: link)
        guard !trackers.isEmpty else {
            throw CommandError(
                "this home does not have that model, and no tracker is known: name one with --tracker URL"
            )
        }
        let session = try NodeSession.start(
            home: home,
            store: store,
            trackers: trackers,
            authority: self.trackers.tlsAuthority,
            network: self.network,
            logger: self.home.logger
        )
        let handle = session.node.add(link)
        let timeout = self.timeout.duration
        let isFound = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for await event in session.events {
                    session.tell(event)
                    if case .described(handle, _) = event { return true }
                }
                return false
            }
            group.addTask {
                // Cancelled when the manifest is there first.
                try? await Task.sleep(for: timeout)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
        let model = session.node.model(of: handle)
        await session.stop()
        try Task.checkCancellation()
        guard isFound, let model else {
            throw CommandError("no peer sent the manifest within \(self.timeout) s")
        }
        return model
    }
}

/// A manifest in words.
private struct ManifestSummary {
    let lines: [String]

    init(_ manifest: Manifest, id: String) {
        var lines = [
            "manifest  \(id)",
            "format    \(manifest.format.rawValue), layout 1",
            "size      \(Figures.bytes(manifest.totalSize)) (\(manifest.totalSize) bytes)",
            "shards    \(Self.shards(manifest))",
        ]
        if let experts = manifest.experts {
            lines.append(
                "experts   \(experts.layers) layers × \(experts.perLayer), \(experts.used) used for each token"
            )
        }
        if let architecture = manifest.model.architecture { lines.append("model     \(architecture)") }
        lines.append("files     \(manifest.files.count)")
        for file in manifest.files {
            lines.append("  \(file.sha256.hex)  \(Figures.bytes(file.size))  \(file.path)")
        }
        self.lines = lines
    }

    private static func shards(_ manifest: Manifest) -> String {
        let kinds: [Manifest.Shard.Kind] = [.header, .dense, .expert]
        let parts = kinds.compactMap { kind -> String? in
            let count = manifest.shards.count { $0.kind == kind }
            return count == 0 ? nil : "\(count) \(kind.rawValue)"
        }
        return "\(manifest.shards.count) (\(parts.joined(separator: ", ")))"
    }
}
