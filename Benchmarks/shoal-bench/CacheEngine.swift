import Foundation
import Shoal
import ShoalCore
import ShoalFormats
import ShoalStore
import Synchronization

/// Reads experts as a router would have it: layer by layer, some of each, a few of them much oftener than the rest.
final class CacheEngine: Sendable {
    struct Tally {
        /// Milliseconds of loads that were here already, that came for the first time, and that came again.
        var hits: [Double] = []
        var firsts: [Double] = []
        var refills: [Double] = []
        var wrongBytes = 0
        fileprivate(set) var distinctBytes = 0
        fileprivate var seen: Set<ExpertID> = []
        fileprivate var bytesInFlight = 0

        var loads: Int { self.hits.count + self.firsts.count + self.refills.count }
    }

    private let loader: ShardLoader
    private let model: StoredModel
    /// The model's file, as it should be.
    private let original: Data
    private let shape: ExpertShape
    private let state = Mutex(Tally())

    init(loader: ShardLoader, model: StoredModel, original: Data, shape: ExpertShape) {
        self.loader = loader
        self.model = model
        self.original = original
        self.shape = shape
    }

    var tally: Tally { self.state.withLock { $0 } }

    /// Of loads that wait for bytes to come.
    var bytesInFlight: Int { self.state.withLock { $0.bytesInFlight } }

    /// Token after token, without a pause.
    func run(until end: ContinuousClock.Instant) async throws {
        var router = SkewedRouter(shape: self.shape, seed: 1)
        while true {
            for layer in 0..<self.shape.layers {
                guard ContinuousClock.now < end else { return }
                let experts = router.experts(of: layer)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for expert in experts {
                        group.addTask { try await self.load(ExpertID(layer: layer, index: expert)) }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    private func load(_ expert: ExpertID) async throws {
        let slices = self.model.manifest.experts?.map[expert] ?? []
        let size = slices.reduce(0) { $0 + $1.length }
        let isHit = slices.allSatisfy { slice in
            self.model.has(Cutting.chunks(of: slice.offset..<slice.offset + slice.length), of: slice.shard)
        }
        if !isHit { self.state.withLock { $0.bytesInFlight += size } }
        defer { if !isHit { self.state.withLock { $0.bytesInFlight -= size } } }
        let start = ContinuousClock.now
        let bytes = try await self.loader.loadExpert(
            expert.layer,
            expert.index,
            priority: .critical,
            deadline: .seconds(60)
        )
        let milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
        let wrong = self.wrongBytes(bytes, slices)
        self.state.withLock { tally in
            tally.wrongBytes += wrong
            let isFirst = tally.seen.insert(expert).inserted
            if isFirst { tally.distinctBytes += size }
            if isHit {
                tally.hits.append(milliseconds)
            } else if isFirst {
                tally.firsts.append(milliseconds)
            } else {
                tally.refills.append(milliseconds)
            }
        }
    }

    /// Bytes of an expert in runs that are not as in the original.
    private func wrongBytes(_ bytes: Data, _ slices: [Manifest.Slice]) -> Int {
        var wrong = 0
        var place = bytes.startIndex
        for slice in slices {
            var start = 0
            for extent in self.model.manifest.shards[slice.shard.position].extents {
                let wanted = (slice.offset..<slice.offset + slice.length).clamped(to: start..<start + extent.length)
                let offset = extent.offset + wanted.lowerBound - start
                start += extent.length
                guard !wanted.isEmpty else { continue }
                let end = min(place + wanted.count, bytes.endIndex)
                if bytes[place..<end] != self.original[offset..<offset + wanted.count] { wrong += wanted.count }
                place = end
            }
        }
        return wrong
    }
}

/// Throws the dice for the experts of a token. Of a layer's experts the n-th most popular is picked in proportion to 1/n
/// (Zipf); which that is differs from layer to layer.
struct SkewedRouter {
    private let used: Int
    /// By layer, the most popular first.
    private let popularity: [[Int]]
    /// Of rank n: the sum of 1/1 to 1/n.
    private let sums: [Double]
    private var dice: SeededGenerator

    init(shape: ExpertShape, seed: UInt64) {
        var dice = SeededGenerator(seed: seed)
        self.used = shape.used
        self.popularity = (0..<shape.layers).map { _ in Array(0..<shape.perLayer).shuffled(using: &dice) }
        self.sums = (1...shape.perLayer).reduce(into: []) { $0.append(($0.last ?? 0) + 1 / Double($1)) }
        self.dice = dice
    }

    /// As many as a token uses, each once.
    mutating func experts(of layer: Int) -> [Int] {
        var experts: [Int] = []
        while experts.count < self.used {
            let throwOfDice = Double.random(in: 0..<self.sums[self.sums.count - 1], using: &self.dice)
            let rank = self.sums.firstIndex { throwOfDice < $0 } ?? 0
            let expert = self.popularity[layer][rank]
            if !experts.contains(expert) { experts.append(expert) }
        }
        return experts
    }
}
