import ShoalCore
import ShoalWire

/// A model that this node takes part in: what there is of it here, and how much of it others have.
struct Swarm: Sendable {
    var description: SwarmDescription
    /// Nil until the manifest is here.
    var holdings: Holdings?
    /// While the manifest is being fetched.
    var manifestFetch: ManifestFetch?
    /// Shards that somebody asked for by name, and how urgently. Bounded by the number of shards.
    private(set) var demands = SortedMap<ShardIndex, Priority>()
    /// Shards that went because there was no room for them, and that nobody has asked for by name since.
    private(set) var evicted: Set<ShardIndex> = []
    /// The store gave up; nothing is asked for any more.
    var hasFailed = false
    /// Verified bytes that each peer sent since the node started.
    private(set) var contributions = SortedMap<NodeID, Int>()
    private(set) var receivedBytes = 0

    /// Who was asked for a chunk last: the next has its turn, where peers have turns.
    var lastAsked: ConnectionID?

    init(_ description: SwarmDescription) {
        self.description = description
        self.holdings = description.content.map(Holdings.init)
    }

    var handle: SwarmHandle { self.description.handle }

    /// 1,024 peers are counted one by one; what more of them sent still counts as received.
    static let contributorLimit = 1_024

    /// Counts verified bytes; nobody is named for those of a peer that has gone.
    mutating func received(_ bytes: Int, from node: NodeID?) {
        self.receivedBytes += bytes
        guard let node else { return }
        if self.contributions.update(node, { $0 += bytes }) == nil, self.contributions.count < Self.contributorLimit {
            self.contributions[node] = bytes
        }
    }

    var isComplete: Bool { self.holdings?.complete.isFull ?? false }

    /// Whether a shard is fetched without being asked for by name.
    func isFetched(_ shard: ShardIndex) -> Bool {
        guard self.description.fetches else { return false }
        guard let selection = self.description.selection else { return true }
        return shard.position < selection.count && selection[shard.position]
    }

    /// Shards that are fetched and not whole, ascending.
    private var missingShards: [ShardIndex] {
        guard self.description.fetches, let holdings else { return [] }
        return holdings.complete.clearBits.map { ShardIndex($0) }.filter { self.isFetched($0) }
    }

    /// Whether a shard is fetched and not whole.
    private var lacksSomething: Bool {
        guard self.description.fetches else { return false }
        guard let holdings, let selection = self.description.selection else { return !self.isComplete }
        return !selection.isSubset(of: holdings.complete)
    }

    /// Whether there is something left to ask for.
    var isHungry: Bool {
        !self.hasFailed && !self.isComplete && (self.lacksSomething || !self.demands.isEmpty)
    }

    /// Whether a peer is needed: for the manifest, or for shards.
    var wantsCompany: Bool { !self.hasFailed && (self.holdings == nil || self.isHungry) }

    /// How urgently a shard is wanted; nil when it is not.
    func priority(of shard: ShardIndex) -> Priority? {
        let demanded = self.demands[shard]
        return self.isFetched(shard) ? min(demanded ?? .background, .background) : demanded
    }

    /// Shards that are wanted and not whole, ascending.
    var wantedShards: [ShardIndex] {
        guard let holdings else { return [] }
        let demanded = self.demands.keys.filter { !holdings.complete[$0.position] && !self.isFetched($0) }
        return demanded.isEmpty ? self.missingShards : (self.missingShards + demanded).sorted()
    }

    /// Whether every wanted shard has begun.
    var hasBegunAll: Bool {
        guard let holdings else { return false }
        let begun = holdings.receiving.count { self.priority(of: $0.key) != nil }
        guard self.description.fetches, self.description.selection == nil else {
            return begun == self.wantedShards.count
        }
        return begun == holdings.complete.count - holdings.complete.setCount
    }

    /// Whether rare shards are copied here: a node that fetches everything does so anyway.
    var replicates: Bool {
        let isPartial = !self.description.fetches || self.description.selection != nil
        return isPartial && self.description.replicationBudget != nil && !self.hasFailed
    }

    /// Whether something is to be asked for before anything else.
    var hasUrgent: Bool {
        self.demands.contains { $0.value <= .next }
            || self.holdings?.receiving.hasValue { !$1.overdue.isEmpty } == true
    }

    /// Wants a shard, or wants it more; never less. Returns whether that changed anything.
    mutating func demand(_ shard: ShardIndex, _ priority: Priority) -> Bool {
        guard let holdings, holdings.contains(shard), !holdings.complete[shard.position] else { return false }
        if let demanded = self.demands[shard], demanded <= priority { return false }
        self.demands[shard] = priority
        self.evicted.remove(shard)
        return true
    }

    mutating func evicted(_ shards: [ShardIndex]) {
        self.evicted.formUnion(shards)
        for shard in shards where self.demands[shard] == .replicate { self.endDemand(for: shard) }
    }

    /// The shard is no longer wanted by name.
    mutating func endDemand(for shard: ShardIndex) { self.demands.removeValue(forKey: shard) }

    /// Bytes still wanted, as trackers are told; nil while unknown.
    var bytesLeft: Int? { self.holdings.map { $0.totalBytes - $0.verifiedBytes } }
}

/// The shards of a model, as far as they are here.
struct Holdings: Sendable {
    let manifest: [UInt8]
    /// In bytes, by shard.
    let shardSizes: [Int]
    private(set) var complete: Bitfield
    var hashLists: Bitfield
    /// How many peers can serve each shard whole.
    private(set) var availability: [UInt16]
    /// Shards that have begun and are not whole.
    private(set) var receiving = SortedMap<ShardIndex, ReceivingShard>()
    private(set) var verifiedBytes: Int
    let totalBytes: Int

    init(_ content: SwarmContent) {
        self.manifest = content.manifest
        self.shardSizes = content.shardSizes
        self.complete = content.complete
        self.hashLists = content.hashLists
        self.availability = [UInt16](repeating: 0, count: content.shardSizes.count)
        self.totalBytes = content.shardSizes.reduce(0, +)
        self.verifiedBytes = content.complete.setBits.reduce(0) { $0 + content.shardSizes[$1] }
        for shard in content.partial.keys.sorted() {
            guard let chunks = content.partial[shard], !content.complete[shard.position] else { continue }
            self.receiving[shard] = ReceivingShard(verified: chunks)
            for chunk in chunks.setBits { self.verifiedBytes += self.size(of: ChunkIndex(chunk), in: shard) }
        }
    }

    func chunkCount(of shard: ShardIndex) -> Int { Cutting.chunkCount(ofShardOf: self.shardSizes[shard.position]) }

    func size(of chunk: ChunkIndex, in shard: ShardIndex) -> Int {
        Cutting.range(of: chunk, inShardOf: self.shardSizes[shard.position]).count
    }

    func verifiedBytes(of shard: ShardIndex) -> Int {
        if self.complete[shard.position] { return self.shardSizes[shard.position] }
        let chunks = self.receiving[shard]?.verified ?? Bitfield(count: 0)
        return chunks.setBits.reduce(0) { $0 + self.size(of: ChunkIndex($1), in: shard) }
    }

    func contains(_ shard: ShardIndex) -> Bool { shard.position < self.shardSizes.count }

    /// Whether chunks can be verified: a shard of one chunk is its own hash list.
    func hasHashes(of shard: ShardIndex) -> Bool { self.hashLists[shard.position] || self.chunkCount(of: shard) == 1 }

    /// Whether this chunk is here and verified.
    func hasVerified(_ chunk: ChunkIndex, of shard: ShardIndex) -> Bool {
        self.complete[shard.position] || self.receiving[shard]?.verified[chunk.position] == true
    }

    mutating func begin(_ shard: ShardIndex) {
        guard self.receiving[shard] == nil else { return }
        self.receiving[shard] = ReceivingShard(verified: Bitfield(count: self.chunkCount(of: shard)))
    }

    /// Forgets a shard that has begun and of which nothing is here.
    mutating func dropIfEmpty(_ shard: ShardIndex) {
        if self.receiving[shard]?.verified.isEmpty == true { self.receiving.removeValue(forKey: shard) }
    }

    /// Changes a shard that is being received, in place.
    @discardableResult
    mutating func update<Result>(_ shard: ShardIndex, _ change: (inout ReceivingShard) -> Result) -> Result? {
        self.receiving.update(shard, change)
    }

    /// Enters a verified chunk. Returns true when it made the shard whole.
    mutating func verified(_ chunk: ChunkIndex, of shard: ShardIndex) -> Bool {
        guard !self.hasVerified(chunk, of: shard), self.receiving[shard] != nil else { return false }
        self.verifiedBytes += self.size(of: chunk, in: shard)
        let isWhole = self.receiving.update(shard) { receiving -> Bool in
            receiving.enter(chunk)
        }
        guard isWhole == true else { return false }
        self.receiving.removeValue(forKey: shard)
        self.complete[shard.position] = true
        return true
    }

    /// Forgets a shard that is no longer on disk as it was. False when nothing of it was here.
    mutating func lost(_ shard: ShardIndex) -> Bool {
        if self.complete[shard.position] {
            self.complete[shard.position] = false
            self.verifiedBytes -= self.shardSizes[shard.position]
            return true
        }
        // What is only on its way is not lost.
        guard let receiving = self.receiving[shard], !receiving.verified.isEmpty else { return false }
        self.receiving.removeValue(forKey: shard)
        for chunk in receiving.verified.setBits { self.verifiedBytes -= self.size(of: ChunkIndex(chunk), in: shard) }
        return true
    }

    mutating func count(_ shard: ShardIndex, by step: Int) {
        let sum = Int(self.availability[shard.position]) + step
        precondition(sum >= 0, "availability of \(shard) below zero")
        self.availability[shard.position] = UInt16(sum)
    }
}
