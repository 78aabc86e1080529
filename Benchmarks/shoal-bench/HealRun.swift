import Foundation
import ShoalCore
import ShoalSwarm

/// Ten real nodes share a model; some of them, or the tracker, are killed with `kill -9` at some moment of it.
struct HealRun {
    /// Who is killed.
    enum Victim: String, CaseIterable, Sendable {
        /// A fetcher.
        case one
        /// Three fetchers at once.
        case three
        /// Whoever served most in the last second; there are two full seeders.
        case source
        case tracker

        var seeders: Int { self == .source ? 2 : 1 }
    }

    /// Ten, seeders among them.
    static let nodeCount = 10

    let stage: BenchStage
    let victim: Victim
    /// Of the moment of the kill and of who is hit.
    let seed: UInt64
    /// Each node's upload limit, in bytes a second.
    let rate: Int
    let link: String
    /// Where the recordings are kept for `shoal replay`; nil: nowhere.
    let keep: String?

    /// One node of the run.
    private final class Actor {
        let name: String
        let child: Child
        let isSeeder: Bool
        let recording: String
        var tail: RecordingTail?

        init(name: String, child: Child, isSeeder: Bool, recording: String) {
            self.name = name
            self.child = child
            self.isSeeder = isSeeder
            self.recording = recording
        }
    }

    /// Longer than any run that ends well: four times what the slowest seeder needs, and a minute.
    private var patience: Duration { .seconds(60 + 4 * self.stage.byteCount / self.rate) }

    func outcome() throws -> HealOutcome {
        let folder = self.stage.path("run")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let start = ContinuousClock.now
        let (tracker, url) = try self.stage.tracker()
        var actors: [Actor] = []
        defer { for child in actors.map(\.child) + [tracker] { child.kill() } }
        for number in 0..<Self.nodeCount {
            actors.append(try self.actor(number, tracker: url))
        }
        var generator = SeededGenerator(seed: self.seed)
        let share = Double.random(in: 0.2...0.7, using: &generator)
        let progress = try self.wait(for: share, actors)
        let victims = self.victims(actors, using: &generator)
        var processorSeconds = victims.reduce(0) { $0 + ($1.child.processorSeconds ?? 0) }
        let death = Instant(nanoseconds: DispatchTime.now().uptimeNanoseconds)
        for child in self.victim == .tracker ? [tracker] : victims.map(\.child) { child.kill() }

        let survivors = actors.filter { actor in !victims.contains { $0 === actor } }
        for actor in survivors where !actor.isSeeder { try actor.child.wait(for: "fetched ", within: self.patience) }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        processorSeconds += survivors.reduce(0) { $0 + ($1.child.processorSeconds ?? 0) }
        for actor in survivors { actor.child.stop() }
        tracker.stop()

        let analysis = try HealAnalysis(
            survivors: NodeLife.all(survivors.map(\.recording)),
            victims: NodeLife.all(victims.map(\.recording)),
            seeders: Set(survivors.indices.filter { survivors[$0].isSeeder }),
            death: death,
            rate: self.rate
        )
        let outcome = HealOutcome(
            victim: self.victim.rawValue,
            seed: self.seed,
            killed: self.victim == .tracker ? ["tracker"] : victims.map(\.name),
            death: death,
            progress: progress,
            seconds: seconds,
            processorShare: processorSeconds / seconds / Double(ProcessInfo.processInfo.activeProcessorCount),
            wrongBytes: try self.wrongBytes(survivors.filter { !$0.isSeeder }, whole: true)
                + self.wrongBytes(victims.filter { !$0.isSeeder }, whole: false),
            analysis: analysis
        )
        if let keep { try self.keep(actors, in: URL(filePath: keep)) }
        try FileManager.default.removeItem(atPath: folder)
        return outcome
    }

    private func keep(_ actors: [Actor], in folder: URL) throws {
        let place = folder.appending(component: "\(self.victim.rawValue)-\(self.seed)")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        for actor in actors {
            let copy = place.appending(component: "\(actor.name).rec")
            try FileManager.default.copyItem(at: URL(filePath: actor.recording), to: copy)
        }
    }

    private func actor(_ number: Int, tracker: String) throws -> Actor {
        let isSeeder = number < self.victim.seeders
        let name = isSeeder ? "seeder-\(number)" : "fetcher-\(number)"
        let home = isSeeder ? self.stage.path("library-\(number)") : self.stage.path("run/\(name)")
        let recording = self.stage.path("run/\(name).rec")
        let arguments =
            (isSeeder ? ["seed", self.link] : ["fetch", self.link, "--seed"]) + [
                "--home", home, "--tracker", tracker, "--bind", "127.0.0.1",
                "--upload-limit", "\(self.rate)B", "--record", recording,
            ]
        let child = try self.stage.start(arguments, reading: isSeeder ? .output : .error)
        // Others find a seeder from the first moment on.
        if isSeeder { try child.wait(for: "magnet:", within: .seconds(30)) }
        return Actor(name: name, child: child, isSeeder: isSeeder, recording: recording)
    }

    /// Returns when the fetchers have this share of all that they want, with the share that they have.
    private func wait(for share: Double, _ actors: [Actor]) throws -> Double {
        let total = (Self.nodeCount - self.victim.seeders) * HealAnalysis.chunkCount(of: self.stage.byteCount)
        let end = ContinuousClock.now + self.patience
        while ContinuousClock.now < end {
            for actor in actors {
                if actor.tail == nil, FileManager.default.fileExists(atPath: actor.recording) {
                    actor.tail = try RecordingTail(path: actor.recording)
                }
                try actor.tail?.look()
            }
            let progress = Double(actors.reduce(0) { $0 + ($1.tail?.verified ?? 0) }) / Double(total)
            if progress >= share { return progress }
            Thread.sleep(forTimeInterval: 0.1)
        }
        throw BenchmarkError("the fetchers never had \(Int(share * 100)) % of the model")
    }

    private func victims(_ actors: [Actor], using generator: inout SeededGenerator) -> [Actor] {
        let fetchers = actors.filter { !$0.isSeeder }
        switch self.victim {
        case .one: return Array(fetchers.shuffled(using: &generator).prefix(1))
        case .three: return Array(fetchers.shuffled(using: &generator).prefix(3))
        case .source:
            let since = Instant(nanoseconds: DispatchTime.now().uptimeNanoseconds) + .seconds(-1)
            let busiest = actors.max { left, right in
                (left.tail?.served(since: since) ?? 0) < (right.tail?.served(since: since) ?? 0)
            }
            return busiest.map { [$0] } ?? []
        case .tracker: return []
        }
    }

    /// Bytes on the disks of nodes that are not the model's. A page of zeros in the file of a node that was killed was
    /// never written.
    private func wrongBytes(_ actors: [Actor], whole: Bool) throws -> Int {
        let model = try Data(contentsOf: self.stage.model, options: .mappedIfSafe)
        var wrong = 0
        for actor in actors {
            let models = URL(filePath: self.stage.path("run/\(actor.name)/models"))
            let folders = try FileManager.default.contentsOfDirectory(at: models, includingPropertiesForKeys: nil)
            for folder in folders {
                let file = folder.appending(path: "files/model.bin")
                guard whole || FileManager.default.fileExists(atPath: file.path) else { continue }
                wrong += Self.difference(model, try Data(contentsOf: file, options: .mappedIfSafe), whole: whole)
            }
            if whole, folders.isEmpty { wrong += model.count }
        }
        return wrong
    }

    private static func difference(_ model: Data, _ copy: Data, whole: Bool) -> Int {
        if whole, model == copy { return 0 }
        let page = 4_096
        var wrong = abs(model.count - copy.count)
        for start in stride(from: 0, to: min(model.count, copy.count), by: page) {
            let range = start..<min(start + page, model.count, copy.count)
            guard model[range] != copy[range], whole || copy[range].contains(where: { $0 != 0 }) else { continue }
            wrong += range.count
        }
        return wrong
    }
}
