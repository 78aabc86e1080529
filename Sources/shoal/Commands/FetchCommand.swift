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
        discussion: """
            Done when every byte is verified and on disk. What has arrived is kept when it is stopped. With --include and \
            --exclude only some files are fetched; without them every file is, whatever was chosen before.
            """
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

    @OptionGroup var files: SelectionOptions
    @OptionGroup var replication: ReplicationOptions
    @OptionGroup var signatures: SignatureOptions
    @OptionGroup var node: NodeOptions

    /// What is known when the fetch begins.
    private struct Start {
        let instant = ContinuousClock.now
        let signers: [PublicKey]
    }

    func run() async throws {
        let start = Start(signers: try self.signatures.signers(of: self.link, home: self.node.home))
        for key in start.signers { Console.say("signed by \(key)") }
        try await NodeAccess.use(self.node.home) { home in
            try await self.fetch(home, since: start)
        } through: { running in
            try await self.fetch(through: running, since: start)
        }
    }

    // MARK: As the node

    private func fetch(_ home: Home, since start: Start) async throws {
        let link = self.link
        let settings = try await self.node.settings(self.replication)
        let store = try ModelStore(home: home)
        let disk = DiskPool(threads: 1)
        let selection = try self.files.selection
        let known = try await Opening.open(link, in: store, on: disk, toReceive: true)
        let chosen = try known.map { try ChosenFiles(selection, of: $0) }
        // What an index says is no proof: what is here already is hashed again before it counts.
        if let chosen { try await Opening.recheck(chosen, on: disk) }
        if let chosen, chosen.shards.isSubset(of: chosen.model.state.durable), !self.seed {
            try await disk.run { () throws(StoreError) in try chosen.model.finish(files: chosen.files) }
            try await self.report(chosen, status: nil, since: start, on: disk)
            return
        }
        let trackers = self.node.trackers.merged(with: link, configured: settings.trackers)
        guard !trackers.isEmpty else {
            throw CommandError(
                "the link names no tracker that can be used: name one with --tracker URL, or configure some (`shoal config`)"
            )
        }
        do {
            try await self.node.runNode(home, store, settings, trackers: trackers) { session in
                try await self.fetch(known, selection, at: trackers, session, since: start)
            }
        } catch let error as CancellationError {
            self.tellRest(link, selection, store)
            throw error
        }
    }

    /// What an interrupted fetch leaves.
    private func tellRest(_ link: MagnetLink, _ selection: FileSelection, _ store: ModelStore) {
        // Without a choice there is nothing to tell: the manifest has not come, or the error has been said.
        guard let model = store.openModel(link.manifestID), let chosen = try? ChosenFiles(selection, of: model) else {
            return
        }
        let missing = chosen.size - model.verifiedBytes(of: chosen.shards)
        guard missing > 0 else { return }
        Console.say("stopped: \(Figures.bytes(missing)) are missing; the same command goes on from there")
    }

    private func fetch(
        _ known: StoredModel?,
        _ selection: FileSelection,
        at trackers: [TrackerURL],
        _ session: NodeSession,
        since start: Start
    ) async throws {
        let (node, link) = (session.node, self.link)
        let handle =
            try known.map { try node.add($0, link: link, fetches: false, at: trackers) }
            ?? node.add(link, fetches: false, at: trackers)
        let watch = FetchWatch(
            session: session,
            handle: handle,
            selection: selection,
            timeout: self.timeout,
            output: self.output
        )
        let chosen = try await watch.untilFinished()
        try await self.report(chosen, status: await node.status(of: handle), since: start, on: node.disk)
        guard self.seed else { return }
        Console.say("seeding; Ctrl-C stops")
        for await event in session.events { session.tell(event) }
        try Task.checkCancellation()
    }

    /// Makes the copy that was asked for and tells how it went.
    private func report(
        _ chosen: ChosenFiles,
        status: SwarmStatus?,
        since start: Start,
        on disk: DiskPool
    ) async throws {
        let end = ContinuousClock.now
        if let output {
            let display = ProgressDisplay()
            try await Stoppable.run(on: disk) { isStopped throws(StoreError) in
                try chosen.model.export(to: output, files: chosen.files) { progress throws(CancellationError) in
                    if isStopped() { throw CancellationError() }
                    display.show(.init(label: "copying", done: progress.done, total: progress.total))
                }
            }
            display.clear()
        }
        let report = try await FetchReport.of(
            chosen,
            bytesFromPeers: status?.receivedBytes ?? 0,
            peers: status?.contributors ?? 0,
            on: disk
        )
        try self.tell(report, start, end)
    }

    private func tell(_ report: FetchReport, _ start: Start, _ end: ContinuousClock.Instant) throws {
        if let problem = report.registryProblem {
            Console.say("warning: \(problem); whole files are right, experts by themselves would not be")
        }
        let summary = FetchSummary(report, start.signers, seconds: (end - start.instant).inSeconds)
        summary.tell(name: self.link.name ?? report.path, output: self.output)
        if self.json { try Console.print(try Console.json(summary)) }
    }

    // MARK: Through the node that runs

    private func fetch(through running: RunningNode, since start: Start) async throws {
        self.node.tellUnused(by: running, self.replication)
        // Said here, because the node has nobody to say it to.
        _ = self.node.trackers.merged(with: self.link)
        let order = FetchOrder(
            link: self.link.text,
            trackers: self.node.trackers.trackers.map(\.description),
            output: self.output.map(Home.absolute),
            include: self.files.include,
            exclude: self.files.exclude
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
        try self.tell(report, start, .now)
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
    /// Public keys.
    let signedBy: [String]
    let registryProblem: String?

    init(_ report: FetchReport, _ signers: [PublicKey], seconds: Double) {
        self.bytes = report.bytes
        self.seconds = seconds
        self.bytesPerSecond = Double(report.bytesFromPeers) / seconds
        self.peers = report.peers
        self.bytesFromPeers = report.bytesFromPeers
        self.manifest = report.manifest
        self.signedBy = signers.map(\.description)
        self.registryProblem = report.registryProblem
    }

    func tell(name: String, output: String?) {
        let time = String(format: "%.2f s", self.seconds)
        if self.bytesFromPeers == 0 {
            Console.say("already here: \(name), \(Figures.bytes(self.bytes)), checked in \(time)")
        } else {
            let rate = Figures.rate(self.bytesPerSecond)
            Console.say("fetched \(name): \(Figures.bytes(self.bytes)) in \(time) (\(rate))")
            let source = "\(Figures.bytes(self.bytesFromPeers)) from \(Figures.peers(self.peers))"
            // A shard may lie in other files as well: more may have come than the files that were asked for have bytes.
            let before = max(0, self.bytes - self.bytesFromPeers)
            Console.say("  source    \(source), \(Figures.bytes(before)) were here already")
        }
        Console.say("  verified  every chunk, every shard, every file (SHA-256)")
        if let output { Console.say("  copy      \(output)") }
    }
}
