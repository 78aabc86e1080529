import Foundation
import Shoal
import ShoalCore
import ShoalFormats
import ShoalNode
import ShoalStore
import ShoalSwarm
import Synchronization

/// An engine in this process that reads the experts of a model which has no room in its cache, token after token, as fast
/// as it gets them. A seeder has the model; another node fetches all of it, again and again, from both.
struct CacheRun {
    let stage: BenchStage
    let shape: ExpertShape
    /// With the tracker in it.
    let link: MagnetLink
    /// What the engine's home may hold; nil: everything.
    let budget: CacheBudget?
    /// What the engine's node uploads a second at most.
    let uploadLimit: Int
    let duration: Duration

    private var home: String { self.stage.path("engine") }

    func figures() async throws -> CacheFigures {
        try self.makeHome()
        var options = LocalNode.Options(home: self.home)
        options.bindAddress = "127.0.0.1"
        options.uploadLimit = self.uploadLimit
        let node = try await LocalNode.start(options)
        let other = OtherFetcher(self.stage, self.link)
        let outcome = await Result { try await self.figures(node) }
        other.stop()
        await node.stop()
        try FileManager.default.removeItem(atPath: self.home)
        return try outcome.get()
    }

    private func makeHome() throws {
        let home = try Home(path: self.home)
        defer { home.close() }
        try ModelStore(home: home).setCacheBudget(self.budget)
    }

    private func figures(_ node: LocalNode) async throws -> CacheFigures {
        let loader = try await node.open(self.link.text)
        guard let model = node.store.openModel(self.link.manifestID) else {
            throw BenchmarkError("the engine's home does not have the model")
        }
        let original = try Data(contentsOf: self.stage.model, options: .alwaysMapped)
        let engine = CacheEngine(loader: loader, model: model, original: original, shape: self.shape)
        let watch = CacheWatch(node: node, handle: loader.handle, engine: engine, highMark: self.budget?.highMark)
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await engine.run(until: start + self.duration) }
            group.addTask { await watch.sample() }
            group.addTask { await watch.countEvictions() }
            defer { group.cancelAll() }
            // Only the engine ends by itself.
            try await group.next()
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let received = await node.node.status(of: loader.handle)?.receivedBytes ?? 0
        return CacheFigures(seconds: seconds, receivedBytes: received, engine: engine.tally, watch: watch.tally)
    }
}

/// What a run showed.
struct CacheFigures {
    let seconds: Double
    let receivedBytes: Int
    let engine: CacheEngine.Tally
    let watch: CacheWatch.Tally

    var loadsPerSecond: Double { Double(self.engine.loads) / self.seconds }
    var hitRate: Double { Double(self.engine.hits.count) / Double(max(1, self.engine.loads)) }
    /// Beyond what came for the first time.
    var refetchedBytes: Int { max(0, self.receivedBytes - self.engine.distinctBytes) }
    /// Bytes a second.
    var uploadRate: Double { self.watch.uploadRates.reduce(0, +) / Double(max(1, self.watch.uploadRates.count)) }
}

/// Looks at the engine's node while it works.
final class CacheWatch: Sendable {
    struct Tally {
        /// Shards that were told to be evicted.
        var evicted = 0
        /// Bytes a second, sample by sample.
        var uploadRates: [Double] = []
        /// At most, in bytes: of the disk in shards that are here; of loads that waited; of the first above the high mark
        /// and the second.
        var resident = 0
        var inFlight = 0
        var excess = 0
    }

    private let node: LocalNode
    private let handle: SwarmHandle
    private let engine: CacheEngine
    private let highMark: Int?
    private let state = Mutex(Tally())

    init(node: LocalNode, handle: SwarmHandle, engine: CacheEngine, highMark: Int?) {
        self.node = node
        self.handle = handle
        self.engine = engine
        self.highMark = highMark
    }

    var tally: Tally { self.state.withLock { $0 } }

    /// 40 times a second, until the task is cancelled.
    func sample() async {
        while !Task.isCancelled {
            let inFlight = self.engine.bytesInFlight
            // A look that fails leaves no mark: the engine's loads would fail as well.
            let resident = (try? self.node.store.cacheUse().resident) ?? 0
            let rate = await self.node.node.status(of: self.handle)?.upRate ?? 0
            self.state.withLock { tally in
                tally.uploadRates.append(Double(rate))
                tally.resident = max(tally.resident, resident)
                tally.inFlight = max(tally.inFlight, inFlight)
                if let highMark { tally.excess = max(tally.excess, resident - highMark - inFlight) }
            }
            // Only cancellation ends the pause early.
            try? await Task.sleep(for: .milliseconds(25))
        }
    }

    func countEvictions() async {
        for await event in self.node.node.listen() {
            guard case .observed(.shardsEvicted(_, let shards)) = event else { continue }
            self.state.withLock { $0.evicted += shards.count }
        }
    }
}

/// Somebody who fetches the whole model, from a new home each time, until it is stopped.
private final class OtherFetcher: Sendable {
    private struct State {
        var child: Child?
        var isOver = false
    }

    private let state = Mutex(State())
    private let hasEnded = DispatchSemaphore(value: 0)

    init(_ stage: BenchStage, _ link: MagnetLink) {
        Thread.detachNewThread { [self] in
            // Its failures are not those of the measurement: the stage is struck, or there is nobody to upload to.
            while (try? self.fetch(stage, link)) == true {}
            self.hasEnded.signal()
        }
    }

    func stop() {
        let child = self.state.withLock { state in
            state.isOver = true
            return state.child
        }
        child?.kill()
        self.hasEnded.wait()
    }

    /// False once it is over.
    private func fetch(_ stage: BenchStage, _ link: MagnetLink) throws -> Bool {
        let home = stage.path("other")
        let arguments = ["fetch", link.text, "--home", home, "--bind", "127.0.0.1"]
        let child = try stage.start(arguments, reading: .error)
        let isOver = self.state.withLock { state in
            state.child = child
            return state.isOver
        }
        if isOver { child.kill() }
        _ = child.exitCode()
        try FileManager.default.removeItem(atPath: home)
        return !isOver
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
