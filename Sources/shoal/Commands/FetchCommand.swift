import ArgumentParser
import Foundation
import ShoalCore
import ShoalFormats
import ShoalNode
import ShoalSignaling
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

    @OptionGroup var replication: ReplicationOptions
    @OptionGroup var signatures: SignatureOptions
    @OptionGroup var node: NodeOptions

    func run() async throws {
        let start = ContinuousClock.now
        for key in try self.signatures.signers(of: self.link, home: self.node.home) {
            Console.say("signed by \(key)")
        }
        try await NodeAccess.use(self.node.home) { home in
            try await self.fetch(home, since: start)
        } through: { running in
            try await self.fetch(through: running, since: start)
        }
    }

    // MARK: As the node

    private func fetch(_ home: Home, since start: ContinuousClock.Instant) async throws {
        let link = self.link
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
        let trackers = self.node.trackers.merged(with: link)
        guard !trackers.isEmpty else {
            throw CommandError("the link names no tracker that can be used: name one with --tracker URL")
        }
        do {
            try await self.node.runNode(home, store, trackers: trackers, replication: self.replication) { session in
                try await self.fetch(known, session, since: start)
            }
        } catch let error as CancellationError {
            self.tellRest(link, store)
            throw error
        }
    }

    /// What an interrupted fetch leaves.
    private func tellRest(_ link: MagnetLink, _ store: ModelStore) {
        guard let model = store.openModel(link.manifestID), !model.state.complete.isFull else { return }
        let missing = model.manifest.totalSize - model.state.verifiedBytes
        Console.say("stopped: \(Figures.bytes(missing)) are missing; the same command goes on from there")
    }

    private func fetch(
        _ known: StoredModel?,
        _ session: NodeSession,
        since start: ContinuousClock.Instant
    ) async throws {
        let (node, link) = (session.node, self.link)
        let handle = try known.map { try node.add($0, link: link, fetches: true) } ?? node.add(link)
        try await FetchWatch(session: session, handle: handle, timeout: self.timeout, output: self.output)
            .untilFinished()
        let status = await node.status(of: handle)
        guard let model = node.model(of: handle) else { preconditionFailure("a model finished that is not there") }
        try await self.report(model, status: status, since: start, on: node.disk)
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
        let duration = ContinuousClock.now - start
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
        let report = FetchReport(
            manifest: model.id.hex,
            path: model.manifest.files[0].path,
            bytes: model.manifest.totalSize,
            bytesFromPeers: status?.receivedBytes ?? 0,
            peers: status?.contributors ?? 0
        )
        try self.tell(report, in: duration)
    }

    private func tell(_ report: FetchReport, in duration: Duration) throws {
        let summary = FetchSummary(report, seconds: duration.inSeconds)
        summary.tell(name: self.link.name ?? report.path, output: self.output)
        if self.json { try Console.print(try Console.json(summary)) }
    }

    // MARK: Through the node that runs

    private func fetch(through running: RunningNode, since start: ContinuousClock.Instant) async throws {
        self.node.tellUnused(by: running, self.replication)
        // Said here, because the node has nobody to say it to.
        _ = self.node.trackers.merged(with: self.link)
        let order = FetchOrder(
            link: self.link.text,
            trackers: self.node.trackers.trackers.map(\.description),
            output: self.output.map(Home.absolute)
        )
        let latest = Latest<ModelProgress>()
        let timeout = self.timeout
        let report = try await withThrowingTaskGroup(of: FetchReport?.self) { group in
            group.addTask {
                var report: FetchReport?
                try await running.ask(.fetch(order), latest: latest) { answer in
                    if case .fetched(let fetched) = answer { report = fetched }
                }
                return report
            }
            if let timeout {
                group.addTask {
                    try await Task.sleep(for: timeout.duration)
                    throw timeout.isUp(latest.value)
                }
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        guard let report else { throw CommandError("the node did not say what it fetched") }
        try self.tell(report, in: ContinuousClock.now - start)
        Console.say("  node      process \(running.process) fetched it, and serves it for as long as it runs")
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

    init(_ report: FetchReport, seconds: Double) {
        self.bytes = report.bytes
        self.seconds = seconds
        self.bytesPerSecond = Double(report.bytesFromPeers) / seconds
        self.peers = report.peers
        self.bytesFromPeers = report.bytesFromPeers
        self.manifest = report.manifest
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
