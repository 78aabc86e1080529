import ShoalCore
import ShoalSwarm

/// What all nodes of a run share: the model, by its outlines. Bytes of shards do not exist; what a hash would tell is
/// known.
struct SimulatedModel {
    let shardSizes: [Int]
    let manifest: [UInt8]
    /// By shard.
    let hashLists: [[Digest]]
    let secret: Digest
    let infoHash: InfoHash

    init(_ scenario: Scenario) {
        self.shardSizes = scenario.shardSizes
        self.manifest = (0..<scenario.manifestSize).map { UInt8(truncatingIfNeeded: $0 * 31) }
        self.secret = SimulatedAuthenticator.value(of: Array("secret".utf8), [])
        self.infoHash = SimulatedAuthenticator.value(of: Array("swarm".utf8), [])
        self.hashLists = scenario.shardSizes.enumerated().map { shard, size in
            (0..<Cutting.chunkCount(ofShardOf: size)).map { chunk in
                SimulatedAuthenticator.value(
                    of: SimulatedAuthenticator.bytes(of: UInt64(shard)),
                    SimulatedAuthenticator.bytes(of: UInt64(chunk))
                )
            }
        }
    }

    func chunkCount(of shard: Int) -> Int { self.hashLists[shard].count }

    func size(of chunk: ChunkIndex, in shard: ShardIndex) -> Int {
        Cutting.range(of: chunk, inShardOf: self.shardSizes[shard.position]).count
    }
}

/// A node's disk: what of the model is really there. Outlives the node's process.
struct SimulatedDisk {
    /// 1 ms for an access, 500 MB/s: a cheap SSD that other programs use as well.
    static let access = Duration.milliseconds(1)
    static let rate = 500_000_000

    /// In bytes; nil is unlimited.
    let capacity: Int?
    private(set) var hasManifest: Bool
    /// Chunks that are there and right, by shard.
    private(set) var chunks: [Bitfield]
    private(set) var hashLists: Bitfield
    private(set) var usedBytes = 0
    /// The chunk that is no longer what was verified, by shard.
    private var rotten: [Int: ChunkIndex] = [:]
    /// Shards that were given up since the process started: what was ordered before is no mistake.
    private var lost: Set<Int> = []
    private var busyUntil = Instant.zero

    /// - Parameter complete: nil when not even the manifest is there.
    init(_ model: SimulatedModel, complete: Bitfield?, capacity: Int?) {
        self.capacity = capacity
        self.hasManifest = complete != nil
        self.hashLists = complete ?? Bitfield(count: model.shardSizes.count)
        self.chunks = model.shardSizes.indices.map { shard in
            let count = model.chunkCount(of: shard)
            return complete?[shard] == true ? .full(count: count) : Bitfield(count: count)
        }
        self.usedBytes = (complete.map { Array($0.setBits) } ?? []).reduce(0) { $0 + model.shardSizes[$1] }
    }

    var isComplete: Bool { self.hasManifest && self.chunks.allSatisfy(\.isFull) }

    /// What a node that starts finds; nil when it has only the link.
    func content(_ model: SimulatedModel) -> SwarmContent? {
        guard self.hasManifest else { return nil }
        var complete = Bitfield(count: self.chunks.count)
        var partial: [ShardIndex: Bitfield] = [:]
        for (shard, field) in self.chunks.enumerated() {
            complete[shard] = field.isFull
            if !field.isFull, !field.isEmpty { partial[ShardIndex(shard)] = field }
        }
        return SwarmContent(
            manifest: model.manifest,
            shardSizes: model.shardSizes,
            complete: complete,
            partial: partial,
            hashLists: self.hashLists
        )
    }

    func has(_ chunk: ChunkIndex, of shard: ShardIndex) -> Bool { self.chunks[shard.position][chunk.position] }

    func isRotten(_ chunk: ChunkIndex, of shard: ShardIndex) -> Bool { self.rotten[shard.position] == chunk }

    func hasRot(_ shard: ShardIndex) -> Bool { self.rotten[shard.position] != nil }

    func hasLost(_ shard: ShardIndex) -> Bool { self.lost.contains(shard.position) }

    /// When work on so many bytes that is ordered now is done: one thing after the other.
    mutating func work(on bytes: Int, at now: Instant) -> Instant {
        self.busyUntil = max(self.busyUntil, now) + Uplink.time(bytes, at: Self.rate)
        return self.busyUntil + Self.access
    }

    mutating func storeManifest() { self.hasManifest = true }

    mutating func storeHashes(_ shard: ShardIndex) { self.hashLists[shard.position] = true }

    /// False when it does not fit.
    mutating func store(_ chunk: ChunkIndex, of shard: ShardIndex, size: Int) -> Bool {
        guard !self.chunks[shard.position][chunk.position] else { return true }
        if let capacity, self.usedBytes + size > capacity { return false }
        self.chunks[shard.position][chunk.position] = true
        self.usedBytes += size
        return true
    }

    mutating func rot(_ shard: ShardIndex, at chunk: ChunkIndex) { self.rotten[shard.position] = chunk }

    /// Takes a shard off the disk that turned out to be wrong.
    mutating func lose(_ shard: ShardIndex, _ model: SimulatedModel) {
        for chunk in self.chunks[shard.position].setBits {
            self.usedBytes -= model.size(of: ChunkIndex(chunk), in: shard)
        }
        self.chunks[shard.position] = Bitfield(count: self.chunks[shard.position].count)
        self.rotten[shard.position] = nil
        self.lost.insert(shard.position)
    }

    /// Another process opens it: a shard that is not what it was is found at once.
    mutating func reopen(_ model: SimulatedModel) {
        for shard in self.chunks.indices where self.rotten[shard] != nil { self.lose(ShardIndex(shard), model) }
        self.lost = []
        self.busyUntil = .zero
    }
}
