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

    @Argument(help: "The model's link.")
    var link: LinkArgument

    @Option(help: ArgumentHelp("Also put a copy here: a file for a single file, else a folder.", valueName: "path"))
    var output: String?

    @Option(help: ArgumentHelp("Give up after so long.", valueName: "seconds"))
    var timeout: SecondsArgument?

    @Flag(help: "Go on serving the model once it is here.")
    var seed = false

    @Flag(help: "Print one JSON object with the figures on stdout.")
    var json = false

    @OptionGroup var home: HomeOptions
    @OptionGroup var trackers: TrackerOptions
    @OptionGroup var network: NetworkOptions

    func run() async throws {
        let start = ContinuousClock.now
        let link = self.link.link
        let home = try Home(path: self.home.path)
        defer { home.close() }
        let store = try ModelStore(home: home)
        let disk = DiskPool(threads: 1)
        let known = try await Opening.open(link, in: store, on: disk)
        if let known, known.state.durable.isFull, !self.seed {
            Console.say("this home has the model already")
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
            bind: self.network.bind,
            logger: self.home.logger
        )
        let outcome = await Result { try await self.fetch(link, known, session, since: start) }
        await session.stop()
        try outcome.get()
    }

    private func fetch(
        _ link: MagnetLink,
        _ known: StoredModel?,
        _ session: NodeSession,
        since start: ContinuousClock.Instant
    ) async throws {
        let handle = known.map { session.node.add($0, link: link) } ?? session.node.add(link)
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
        summary.tell(name: self.link.link.name ?? model.manifest.files[0].path, output: self.output)
        if self.json { Console.print(try summary.json()) }
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
        let rate = Figures.rate(self.bytesPerSecond)
        Console.say(
            "fetched \(name): \(Figures.bytes(self.bytes)) in \(String(format: "%.2f", self.seconds)) s (\(rate))"
        )
        let source = "\(Figures.bytes(self.bytesFromPeers)) from \(Figures.peers(self.peers))"
        Console.say("  source    \(source), \(Figures.bytes(self.bytes - self.bytesFromPeers)) were here already")
        Console.say("  verified  every chunk, every shard, every file (SHA-256)")
        if let output { Console.say("  copy      \(output)") }
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
