import ShoalCore
import ShoalSwarm

/// What a death cost the survivors, from their recordings.
struct HealAnalysis {
    /// For each chunk that a victim owed a survivor: milliseconds from the death until it was verified from somebody
    /// else.
    private(set) var chunks: [Double] = []
    /// For each survivor that was owed something: until the last of these chunks.
    private(set) var survivors: [Double] = []
    /// Owed chunks that never came.
    private(set) var lost = 0
    /// Survivors that do not have everything.
    private(set) var incomplete = 0
    /// Seconds from the death until the last survivor had everything.
    let completion: Double
    /// The least that the survivors' upload rates allow; see ``fluidLimit(_:_:rate:)``.
    let fluidLimit: Double
    private(set) var bytes = 0
    private(set) var bytesInVain = 0
    private(set) var corruptChunks = 0
    private(set) var bans = 0

    /// - Parameter seeders: which of the survivors had everything from the beginning.
    init(survivors: [NodeLife], victims: [NodeLife], seeders: Set<Int>, death: Instant, rate: Int) throws {
        let dead = Set(victims.map(\.node))
        let fetchers = survivors.indices.filter { !seeders.contains($0) }.map { survivors[$0] }
        guard let sizes = fetchers.first?.shardSizes, !sizes.isEmpty else { throw BenchmarkError("nobody fetched") }
        let all = Self.places(sizes)
        for life in survivors {
            self.bytes += life.figures.bytes
            self.bytesInVain += life.figures.bytesInVain
            self.corruptChunks += life.figures.corrupt
            self.bans += life.figures.banned.count
            let times = life.healing(from: dead, at: death)
            let healed = times.compactMap { $0.map { $0 / .milliseconds(1) } }
            self.lost += times.count - healed.count
            self.chunks += healed
            if let last = healed.max() { self.survivors.append(last) }
        }
        self.incomplete = fetchers.count { $0.verified.count < all.count }
        let last = fetchers.compactMap(\.completed).max() ?? death
        self.completion = max(0, (last - death) / .seconds(1))
        let holdings = survivors.indices.map { index in
            seeders.contains(index) ? Set(all.keys) : survivors[index].places(at: death)
        }
        self.fluidLimit = Self.fluidLimit(all, holdings, rate: rate)
    }

    /// Seconds below which nobody could finish, if every bit of upload rate were used from the death on.
    ///
    /// Three things must go through uplinks of `rate` each: what all survivors together miss, through all of them; what
    /// one survivor misses, through those of the others; and what only one survivor has and others miss, once at least
    /// through that one's.
    private static func fluidLimit(
        _ all: [ReplayFigures.Place: Int],
        _ holdings: [Set<ReplayFigures.Place>],
        rate: Int
    ) -> Double {
        var missing = [Int](repeating: 0, count: holdings.count)
        var onlyCopies = [Int](repeating: 0, count: holdings.count)
        for (place, size) in all {
            let holders = holdings.indices.filter { holdings[$0].contains(place) }
            for index in holdings.indices where !holders.contains(index) { missing[index] += size }
            if holders.count == 1 { onlyCopies[holders[0]] += size }
        }
        let rate = Double(rate)
        let others = Double(max(1, holdings.count - 1))
        return [
            Double(missing.reduce(0, +)) / (rate * Double(holdings.count)),
            Double(missing.max() ?? 0) / (rate * others),
            Double(onlyCopies.max() ?? 0) / rate,
        ].max() ?? 0
    }

    /// Every chunk of the model, and its size.
    private static func places(_ shardSizes: [Int]) -> [ReplayFigures.Place: Int] {
        var all: [ReplayFigures.Place: Int] = [:]
        for (shard, size) in shardSizes.enumerated() {
            for chunk in 0..<Cutting.chunkCount(ofShardOf: size) {
                let place = ReplayFigures.Place(
                    swarm: SwarmHandle(1),
                    shard: ShardIndex(shard),
                    chunk: ChunkIndex(chunk)
                )
                all[place] = Cutting.range(of: place.chunk, inShardOf: size).count
            }
        }
        return all
    }

    /// How many chunks a model of one file has: shards of dense weights are cut at multiples of the chunk's size.
    static func chunkCount(of byteCount: Int) -> Int { Cutting.chunkCount(ofShardOf: byteCount) }
}

/// One run, as it stands in the JSON.
struct HealOutcome: Encodable {
    let victim: String
    let seed: UInt64
    let killed: [String]
    /// When, on the host's monotonic clock, as in the recordings.
    let deathNanoseconds: UInt64
    /// Share of everything that was fetched when it happened.
    let progress: Double
    /// From the start of the first process to the last fetcher's end.
    let seconds: Double
    /// Of all cores, user and system, of all nodes.
    let processorShare: Double
    let wrongBytes: Int
    let chunkMilliseconds: [Double]
    let survivorMilliseconds: [Double]
    let lostChunks: Int
    let incompleteSurvivors: Int
    let completion: Double
    let fluidLimit: Double
    let bytes: Int
    let bytesInVain: Int
    let corruptChunks: Int
    let bans: Int

    init(
        victim: String,
        seed: UInt64,
        killed: [String],
        death: Instant,
        progress: Double,
        seconds: Double,
        processorShare: Double,
        wrongBytes: Int,
        analysis: HealAnalysis
    ) {
        self.victim = victim
        self.seed = seed
        self.killed = killed
        self.deathNanoseconds = death.nanoseconds
        self.progress = progress
        self.seconds = seconds
        self.processorShare = processorShare
        self.wrongBytes = wrongBytes
        self.chunkMilliseconds = analysis.chunks.sorted()
        self.survivorMilliseconds = analysis.survivors.sorted()
        self.lostChunks = analysis.lost
        self.incompleteSurvivors = analysis.incomplete
        self.completion = analysis.completion
        self.fluidLimit = analysis.fluidLimit
        self.bytes = analysis.bytes
        self.bytesInVain = analysis.bytesInVain
        self.corruptChunks = analysis.corruptChunks
        self.bans = analysis.bans
    }

    var ratio: Double { self.completion / max(self.fluidLimit, 0.001) }

    /// What must not be; empty when all is well. Times are figures, not verdicts.
    var faults: [String] {
        var faults: [String] = []
        if self.incompleteSurvivors > 0 { faults.append("\(self.incompleteSurvivors) survivors did not finish") }
        if self.lostChunks > 0 { faults.append("\(self.lostChunks) chunks that the victims owed never came") }
        if self.wrongBytes > 0 { faults.append("\(self.wrongBytes) wrong bytes are on disk") }
        if self.corruptChunks > 0 { faults.append("\(self.corruptChunks) chunks came wrong") }
        if self.bans > 0 { faults.append("\(self.bans) honest nodes were banned") }
        return faults
    }
}
