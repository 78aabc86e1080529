import ArgumentParser
import Foundation
import ShoalCore
import ShoalFormats
import ShoalStore

/// A node that starts with many shards on its disk: from the start of the process until others can find it.
struct StartBench {
    /// A home with the model, all of it durable.
    struct Place {
        /// What is said of it in the table.
        let name: String
        let home: String
    }

    /// What one round showed, in seconds.
    struct Round {
        /// `shoal --version`: a process that does nothing.
        let bare: Double
        /// The index opened and the durable shards read out of it, in this process.
        let index: Double
        /// By place.
        let starts: [Double]
        let memory: [Double?]
    }

    let stage: BenchStage
    let model: BenchModel

    // MARK: Two homes

    /// Publishes the model, so that it is served where it lies.
    func publish() throws -> (place: Place, link: MagnetLink) {
        let home = self.stage.path("publisher")
        let child = try self.stage.start(["publish", self.stage.model.path, "--home", home], reading: .output)
        let link = try MagnetLink(parsing: try child.wait(for: "magnet:").line)
        child.stop()
        return (Place(name: "published in place", home: home), link)
    }

    /// A second home that has the model in a file of its own, as one that fetched it and was killed before it could note
    /// what it had: the store hashes all of it and makes it durable.
    func copy(of id: ManifestID, from source: Place) throws -> Place {
        let place = Place(name: "fetched", home: self.stage.path("fetcher"))
        let manifest = try self.inHome(source.home) { try $0.open(id)?.manifestBytes ?? [] }
        let path = try self.inHome(place.home) { store in
            try store.receive(manifest: manifest, id: id).manifest.files[0].path
        }
        try self.model.write(to: URL(filePath: "\(place.home)/models/\(id.hex)/files/\(path)"))
        try self.inHome(place.home) { try $0.open(id)?.finish() }
        return place
    }

    /// How many shards the index of a home calls durable.
    func durableShards(of id: ManifestID, in place: Place) throws -> Int {
        try self.inHome(place.home) { try $0.claimedShards(of: id).count }
    }

    private func inHome<Result>(_ path: String, _ body: (ModelStore) throws -> Result) throws -> Result {
        let home = try Home(path: path)
        defer { home.close() }
        return try body(try ModelStore(home: home))
    }

    // MARK: Measuring

    func round(_ link: MagnetLink, _ places: [Place], tracker: String) throws -> Round {
        let bare = try self.stage.start(["--version"], reading: .output)
        let end = try bare.wait(for: ".", within: .seconds(20)).time
        bare.stop()
        let index = try ContinuousClock().measure {
            _ = try self.durableShards(of: link.manifestID, in: places[0])
        }
        let starts = try places.map { try self.start(link, $0, tracker: tracker) }
        return Round(
            bare: (end - bare.started) / .seconds(1),
            index: index / .seconds(1),
            starts: starts.map(\.seconds),
            memory: starts.map(\.memory)
        )
    }

    private func start(
        _ link: MagnetLink,
        _ place: Place,
        tracker: String
    ) throws -> (seconds: Double, memory: Double?) {
        let node = try self.stage.start(
            ["seed", link.text, "--home", place.home, "--tracker", tracker, "--bind", "127.0.0.1"],
            reading: .output
        )
        defer { node.stop() }
        let ready = try node.wait(for: "magnet:", within: .seconds(120)).time
        return ((ready - node.started) / .seconds(1), node.peakResidentBytes)
    }
}

/// `shoal-bench start`
struct StartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "How long shoal seed needs until it serves a model of very many shards.",
        discussion: """
            The shards are experts of a GGUF, two chunks each. One home has published it, the other has it in a file of \
            its own; both are ready when the link is on stdout, which is when a tracker knows of the node.
            """
    )

    /// Of a layer, as in models that have many.
    private static let perLayer = 500

    @Option(help: "How many shards the model has at least.")
    var shards = 20_000

    @Option(help: "How often.")
    var rounds = 5

    func validate() throws {
        try Bound("--shards", 1...60_000).check(self.shards)
        try Bound.rounds.check(self.rounds)
    }

    func run() async throws {
        let perLayer = min(self.shards, Self.perLayer)
        let shape = ExpertShape(
            layers: (self.shards + perLayer - 1) / perLayer,
            perLayer: perLayer,
            used: 1,
            expertBytes: Cutting.chunkSize + 1
        )
        let model = BenchModel.experts(shape, isSparse: true)
        let result = try await BenchStage.play(model, copies: 2) { stage in
            let bench = StartBench(stage: stage, model: model)
            Notice.say("making two homes with \(stage.byteCount / 1_000_000) MB each")
            let (published, link) = try bench.publish()
            let places = [published, try bench.copy(of: link.manifestID, from: published)]
            let counts = try places.map { try bench.durableShards(of: link.manifestID, in: $0) }
            guard counts.allSatisfy({ $0 >= shape.expertCount }) else {
                throw BenchmarkError("\(counts) of \(shape.expertCount) shards are durable")
            }
            let (tracker, url) = try stage.tracker()
            defer { tracker.stop() }
            let rounds = try (0..<self.rounds).map { _ in try bench.round(link, places, tracker: url) }
            return (places: places, shards: counts[0], rounds: rounds)
        }
        print("start of a node with \(result.shards) durable shards, \(self.rounds) rounds")
        FigureRow("shoal --version", "s").print(result.rounds.map(\.bare))
        FigureRow("index opened and read", "s").print(result.rounds.map(\.index))
        for (number, place) in result.places.enumerated() {
            FigureRow("\(place.name) (goal: within 1)", "s").print(result.rounds.map { $0.starts[number] })
        }
        for (number, place) in result.places.enumerated() {
            FigureRow("\(place.name), memory", "MB").print(result.rounds.compactMap { $0.memory[number] }.inMegabytes)
        }
    }
}
