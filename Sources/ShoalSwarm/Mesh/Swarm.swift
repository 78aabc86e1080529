import ShoalCore
import ShoalWire

/// A model that this node takes part in: what there is of it here, and how much of it others have.
struct Swarm: Sendable {
    var description: SwarmDescription
    /// Nil until the manifest is here.
    var holdings: Holdings?
    /// While the manifest is being fetched.
    var manifestFetch: ManifestFetch?
    /// The store gave up; nothing is asked for any more.
    var hasFailed = false
    /// Verified bytes that each peer sent since the node started.
    private(set) var contributions = SortedMap<NodeID, Int>()
    private(set) var receivedBytes = 0

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

    /// Whether there is something left to ask for.
    var isHungry: Bool { self.description.fetches && !self.isComplete && !self.hasFailed }

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
            receiving.verified[chunk.position] = true
            receiving.hasNews = true
            return receiving.verified.isFull
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
        guard let receiving = self.receiving.removeValue(forKey: shard) else { return false }
        for chunk in receiving.verified.setBits { self.verifiedBytes -= self.size(of: ChunkIndex(chunk), in: shard) }
        return !receiving.verified.isEmpty
    }

    mutating func count(_ shard: ShardIndex, by step: Int) {
        let sum = Int(self.availability[shard.position]) + step
        precondition(sum >= 0, "availability of \(shard) below zero")
        self.availability[shard.position] = UInt16(sum)
    }
}

/// A shard of which some chunks are missing.
struct ReceivingShard: Sendable {
    var verified: Bitfield
    /// 4 peers may owe the same chunk, each asked because those before it are late.
    static let askerLimit = 4

    /// Who owes each chunk: one, a second because little else is left, or some because those before them are late.
    private(set) var askers: [[ConnectionID]]
    /// Chunks whose time is up: another peer may be asked as well.
    var overdue: Bitfield
    /// Who was asked for the hash list, and until when it is waited for.
    private(set) var hashesAsked: (of: ConnectionID, until: Instant)?
    /// The hash list is here and being checked.
    private(set) var isCheckingHashes = false
    /// Chunks that came whole and are not yet settled: nobody is asked for them again.
    var arrived: Bitfield
    /// Chunks were verified since peers were last told.
    var hasNews = false

    init(verified: Bitfield) {
        self.verified = verified
        self.askers = [[ConnectionID]](repeating: [], count: verified.count)
        self.overdue = Bitfield(count: verified.count)
        self.arrived = Bitfield(count: verified.count)
        self.hasNews = !verified.isEmpty
    }

    mutating func asked(_ connection: ConnectionID, for chunk: ChunkIndex) {
        self.askers[chunk.position].append(connection)
        // The newcomer has its own time.
        self.overdue[chunk.position] = false
    }

    mutating func askedForHashes(_ connection: ConnectionID, until deadline: Instant) {
        self.hashesAsked = (connection, deadline)
    }

    /// The hash list will not come from this peer.
    mutating func hashesEnded(_ connection: ConnectionID) {
        if self.hashesAsked?.of == connection { self.hashesAsked = nil }
    }

    mutating func hashesArrived() {
        self.hashesAsked = nil
        self.isCheckingHashes = true
    }

    mutating func hashesChecked() { self.isCheckingHashes = false }

    mutating func ended(_ connection: ConnectionID, chunk: ChunkIndex) {
        self.askers[chunk.position].removeAll { $0 == connection }
        self.arrived[chunk.position] = false
        if self.askers[chunk.position].isEmpty { self.overdue[chunk.position] = false }
    }

    /// Whether nobody owes the chunk, or only others do and one more may be asked.
    func mayAsk(_ connection: ConnectionID, for chunk: Int, doubling: Doubling) -> Bool {
        guard !self.verified[chunk], !self.arrived[chunk] else { return false }
        let askers = self.askers[chunk]
        if askers.isEmpty { return true }
        guard !askers.contains(connection) else { return false }
        switch doubling {
        case .never: return false
        case .overdue: return self.overdue[chunk] && askers.count < Self.askerLimit
        case .always: return askers.count == 1
        }
    }

    /// When a chunk that one peer owes may be asked of a second.
    enum Doubling {
        case never
        case overdue
        /// Endgame: nothing else is left to ask for.
        case always
    }
}
