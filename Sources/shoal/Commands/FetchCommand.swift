import ArgumentParser
import Foundation
import ShoalCore
import ShoalFormats
import ShoalNode
import ShoalStore
import ShoalSwarm

/// `shoal fetch`: gets a model from its swarm; done when every byte is verified and durable.
struct FetchCommand: ShoalSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch",
        abstract: "Get a model from its swarm.",
        discussion: "Done when every byte is verified and on disk. What has arrived is kept when it is stopped."
    )

    @Argument(help: "The model's link.", transform: { try MagnetLink(parsing: $0) })
    var link: MagnetLink

    @Option(
        help: ArgumentHelp("Also put a copy here: a file for a single file, else a folder.", valueName: "path"),
        transform: { try notEmpty($0) }
    )
    var output: String?

    @Option(
        help: ArgumentHelp("Give up after so long.", valueName: "seconds"),
        transform: { try Patience(parsing: $0) }
    )
    var timeout: Patience?

    @Flag(help: "Go on serving the model once it is here.")
    var seed = false

    @Flag(help: "Print one JSON object with the figures on stdout.")
    var json = false

    @OptionGroup var home: HomeOptions
    @OptionGroup var trackers: TrackerOptions
    @OptionGroup var network: NetworkOptions

    func run() async throws {
        let start = ContinuousClock.now
        let link = self.link
        let home = try Home(path: self.home.path)
        defer { home.close() }
        let store = try ModelStore(home: home)
        let disk = DiskPool(threads: 1)
        let known = try await Opening.open(link, in: store, on: disk, toReceive: true)
        // What an index says is no proof: a model that is here already is hashed again before it counts.
        if let known { try await Opening.recheck(known, on: disk) }
        if let known, known.state.durable.isFull, !self.seed {
            try await disk.run { () throws(StoreError) in try known.finish() }
            try await self.report(known, status: nil, since: start, on: disk)
            return
        }
        let trackers = self.trackers.merged(with: link)
        guard !trackers.isEmpty else {
            throw CommandError("the link names no tracker that can be used: name one with --tracker URL")
        }
        let session = try NodeSession.start(
            home: home,
            store: store,
            trackers: trackers,
            authority: self.trackers.tlsAuthority,
            network: self.network,
            logger: self.home.logger
        )
        let outcome = await Result { try await self.fetch(link, known, session, since: start) }
        await session.stop()
        if case .failure(is CancellationError) = outcome { self.tellRest(link, store) }
        try outcome.get()
    }

    /// What an interrupted fetch leaves.
    private func tellRest(_ link: MagnetLink, _ store: ModelStore) {
        guard let model = store.openModel(link.manifestID), !model.state.complete.isFull else { return }
        let missing = model.manifest.totalSize - model.state.verifiedBytes
        Console.say("stopped: \(Figures.bytes(missing)) are missing; the same command goes on from there")
    }

    private func fetch(
        _ link: MagnetLink,
        _ known: StoredModel?,
        _ session: NodeSession,
        since start: ContinuousClock.Instant
    ) async throws {
        let handle = known.map { session.node.add($0, link: link, fetches: true) } ?? session.node.add(link)
        try await FetchWatch(session: session, handle: handle, timeout: self.timeout, output: self.output)
            .untilFinished()
        let status = await session.node.status(of: handle)
        guard let model = session.node.model(of: handle) else {
            preconditionFailure("a model finished that is not there")
        }
        try await self.report(model, status: status, since: start, on: session.node.disk)
        guard self.seed else { return }
        Console.say("seeding; Ctrl-C stops")
        for await event in session.events { session.tell(event) }
        try Task.checkCancellation()
    }

    /// Makes the copy that was asked for and tells how it went.
    private func report(
        _ model: StoredModel,
        status: SwarmStatus?,
        since start: ContinuousClock.Instant,
        on disk: DiskPool
    ) async throws {
        let seconds = (ContinuousClock.now - start).inSeconds
        if let output {
            let display = ProgressDisplay()
            try await Stoppable.run(on: disk) { isStopped throws(StoreError) in
                try model.export(to: output) { progress throws(CancellationError) in
                    if isStopped() { throw CancellationError() }
                    display.show(.init(label: "copying", done: progress.done, total: progress.total))
                }
            }
            display.clear()
        }
        let summary = FetchSummary(
            bytes: model.manifest.totalSize,
            seconds: seconds,
            bytesPerSecond: Double(status?.receivedBytes ?? 0) / seconds,
            peers: status?.contributors ?? 0,
            bytesFromPeers: status?.receivedBytes ?? 0,
            manifest: model.id.hex
        )
        summary.tell(name: self.link.name ?? model.manifest.files[0].path, output: self.output)
        if self.json { try Console.print(try summary.json()) }
    }
}

/// The figures of a fetch.
private struct FetchSummary: Encodable {
    let bytes: Int
    let seconds: Double
    let bytesPerSecond: Double
    let peers: Int
    let bytesFromPeers: Int
    let manifest: String

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    func tell(name: String, output: String?) {
        let time = String(format: "%.2f s", self.seconds)
        if self.bytesFromPeers == 0 {
            Console.say("already here: \(name), \(Figures.bytes(self.bytes)), checked in \(time)")
        } else {
            let rate = Figures.rate(self.bytesPerSecond)
            Console.say("fetched \(name): \(Figures.bytes(self.bytes)) in \(time) (\(rate))")
            let source = "\(Figures.bytes(self.bytesFromPeers)) from \(Figures.peers(self.peers))"
            Console.say("  source    \(source), \(Figures.bytes(self.bytes - self.bytesFromPeers)) were here already")
        }
        Console.say("  verified  every chunk, every shard, every file (SHA-256)")
        if let output { Console.say("  copy      \(output)") }
    }
}
