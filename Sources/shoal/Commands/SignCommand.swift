import ArgumentParser
import ShoalCore
import ShoalFormats
import ShoalNode
import ShoalStore

/// `shoal sign`: says with a publisher's key that a model is theirs.
struct SignCommand: ShoalSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "sign",
        abstract: "Sign a model as its publisher; prints the link with the signature.",
        discussion: """
            A manifest is the same whoever publishes it: a signature says who stands by it. It travels in the link, \
            and lies in a file that can be handed out by itself. The key is made the first time; whoever has its file can \
            sign in your name, and who loses it needs a new one.
            """
    )

    @Argument(
        help: "The model's link, or a file or folder, which is hashed first.",
        transform: { try Source(parsing: $0) }
    )
    var source: Source

    @Option(
        help: ArgumentHelp("The publisher's key, 32 raw bytes. (default: publisher in the home)", valueName: "file"),
        transform: { try notEmpty($0) }
    )
    var key: String?

    @OptionGroup var home: HomeOptions

    func run() async throws {
        // A key that is missing is better known before hashing.
        let key = try self.publisherKey()
        var link = try await self.link()
        let signature = key.sign(link.manifestID)
        link.add(signature)
        guard link.signatures.contains(signature) else {
            throw CommandError("the link has \(link.signatures.count) signatures, as many as fit: leave out some")
        }
        let path = try SignatureFolder(home: Home.absolute(self.home.path)).keep(signature)
        Console.say("signed by \(key.publicKey)")
        Console.say("  signature \(path)")
        try Console.print(link.text)
    }

    private func publisherKey() throws -> PublisherKey {
        if let key { return try PublisherKey.read(key) }
        let (key, path, isNew) = try PublisherKey.load(home: Home.absolute(self.home.path))
        if isNew { Console.say("made a publisher's key: keep \(path) safe, and secret") }
        return key
    }

    private func link() async throws -> MagnetLink {
        switch self.source {
        case .link(let link): return link
        case .path(let path):
            return try await NodeAccess.use(self.home) { home in
                let store = try ModelStore(home: home)
                let model = try await Publishing.publish(path, in: store, on: DiskPool(threads: 1))
                return Publishing.link(to: model, named: Publishing.name(of: path), trackers: [])
            } through: { node in
                var bytes: [UInt8] = []
                try await node.ask(.manifest(ManifestOrder(source: self.source.absoluteText, trackers: []))) { answer in
                    if case .manifestPart(let part) = answer { bytes += part }
                }
                return MagnetLink(manifestID: ManifestID(ofManifestBytes: bytes), name: Publishing.name(of: path))
            }
        }
    }
}
