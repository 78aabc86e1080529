import ShoalCore
import ShoalWire

/// What one node can serve of a swarm's model, as its signature says, and how that came to be.
struct Inventory: Sendable {
    let publicKey: PublicKey
    let node: NodeID
    private(set) var sequence: UInt64
    private(set) var timeToLive: Duration
    private(set) var signature: [UInt8]
    private(set) var holdings: Bitfield
    private(set) var history: InventoryHistory

    init(
        publicKey: PublicKey,
        node: NodeID,
        sequence: UInt64,
        timeToLive: Duration,
        signature: [UInt8],
        holdings: Bitfield
    ) {
        self.publicKey = publicKey
        self.node = node
        self.sequence = sequence
        self.timeToLive = timeToLive
        self.signature = signature
        self.holdings = holdings
        self.history = InventoryHistory(from: sequence)
    }

    var version: InventoryVersion { InventoryVersion(node: self.node.prefix, sequence: self.sequence) }

    /// A later version takes the place of this one.
    mutating func replace(sequence: UInt64, timeToLive: Duration, signature: [UInt8], holdings: Bitfield) {
        self.history.append(holdings.differences(from: self.holdings), sequence: sequence)
        self.sequence = sequence
        self.timeToLive = timeToLive
        self.signature = signature
        self.holdings = holdings
    }

    /// The holdings after `change`; nil when this version is not one that it can be applied to.
    func holdings(after change: InventoryChange) -> Bitfield? {
        guard change.base <= self.sequence else { return nil }
        var holdings = self.holdings
        for shard in change.set { holdings[shard.position] = true }
        for shard in change.cleared { holdings[shard.position] = false }
        return holdings
    }

    /// The message that brings somebody who has the version `base` up to this one: the difference when it is known and
    /// shorter than the whole. Nil for `base`: as much of the history as there is, for somebody who may have any of it.
    func gossip(since base: UInt64?, age: Duration, isNeighbour: Bool) -> Gossip {
        let stamp = InventoryStamp(
            publicKey: self.publicKey,
            sequence: self.sequence,
            timeToLive: self.timeToLive.wireMilliseconds,
            // What is as old as it may get is not passed on any more, so this is below the time to live.
            age: min(age, self.timeToLive - .milliseconds(1)).wireMilliseconds,
            isNeighbour: isNeighbour,
            signature: self.signature
        )
        let base = base ?? self.history.base
        // A base, two counts and 4 bytes for each shard, against a count and a bit for each.
        guard base < self.sequence, let shards = self.history.shards(since: base),
            12 + 4 * shards.count < 4 + self.holdings.bytes.count
        else { return .inventory(stamp, self.holdings) }
        let change = InventoryChange(
            base: base,
            set: shards.filter { self.holdings[$0.position] },
            cleared: shards.filter { !self.holdings[$0.position] }
        )
        return .delta(stamp, change)
    }
}

/// Which shards the latest versions of an inventory changed, so that whoever has one of them needs only the difference.
struct InventoryHistory: Sendable {
    /// 256 changes, and 64 versions: what has seen more is sent whole.
    static let changeLimit = 256
    static let versionLimit = 64

    /// The oldest version from which the way to the present is known.
    private(set) var base: UInt64
    private var steps: [(sequence: UInt64, shards: [ShardIndex])] = []
    private var changes = 0

    init(from base: UInt64) { self.base = base }

    mutating func append(_ shards: [ShardIndex], sequence: UInt64) {
        self.steps.append((sequence, shards))
        self.changes += shards.count
        while self.changes > Self.changeLimit || self.steps.count > Self.versionLimit {
            let forgotten = self.steps.removeFirst()
            self.base = forgotten.sequence
            self.changes -= forgotten.shards.count
        }
    }

    /// What has changed since `version`, ascending; nil when that is too long ago.
    func shards(since version: UInt64) -> [ShardIndex]? {
        guard version >= self.base else { return nil }
        var seen: Set<ShardIndex> = []
        return self.steps.filter { $0.sequence > version }.flatMap(\.shards).filter { seen.insert($0).inserted }
            .sorted()
    }
}

extension Bitfield {
    /// The bits that are not as in `other`, which is as long.
    func differences(from other: Bitfield) -> [ShardIndex] {
        var shards: [ShardIndex] = []
        for (position, (own, theirs)) in zip(self.bytes, other.bytes).enumerated() where own != theirs {
            for bit in 0..<8 where (own ^ theirs) & (0x80 >> UInt8(bit)) != 0 {
                shards.append(ShardIndex(position * 8 + bit))
            }
        }
        return shards
    }
}
