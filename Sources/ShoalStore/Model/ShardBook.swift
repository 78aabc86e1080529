package import ShoalCore
import ShoalFormats

/// What of a model is here, as one look at it found.
package struct StoredState: Hashable, Sendable {
    /// The shards that are verified or durable: they can be served whole.
    package let complete: Bitfield
    /// The shards that would survive a power cut.
    package let durable: Bitfield
    /// The shards of which some chunks are here, ascending.
    package let receiving: [PartialShard]
    /// Bytes of all verified chunks.
    package let verifiedBytes: Int
}

/// A shard of which some chunks are here, all of them verified.
package struct PartialShard: Hashable, Sendable {
    package let shard: ShardIndex
    package let chunks: Bitfield
}

/// The states of a model's shards and chunks: a value that is told what happened, so that what may be served is decided
/// in one place and without a disk.
struct ShardBook: Sendable {
    enum State: UInt8, Hashable, Sendable {
        /// No chunk is here. To `receiving` or `verified` with a chunk.
        case absent
        /// Some chunks are here. To `verified` with the last one, to `absent` by a loss.
        case receiving
        /// All chunks are here. To `durable` by a sync, to `absent` by a loss.
        case verified
        /// All chunks are here and synced. To `absent` by a loss.
        case durable
    }

    /// A verified shard that waits for a sync. Worthless when the shard was lost meanwhile, even if it came again: the
    /// bytes that came then are not those that were synced.
    struct SyncTicket: Hashable, Sendable {
        let shard: ShardIndex
        fileprivate let losses: UInt32
    }

    struct Entry {
        fileprivate(set) var state: State = .absent
        /// Chunks that are here, at most 512.
        fileprivate(set) var chunks: UInt16 = 0
        /// How often the shard was lost.
        fileprivate(set) var losses: UInt32 = 0
        /// What keeps it here, or lets it go.
        var keep = ShardKeep()
    }

    let map: ChunkMap
    var entries: [Entry]
    /// By chunk number: verified, and on the disk.
    private var present: Bitfield
    /// By chunk number: also read back or written since the model was opened, so that it can be served without a hash.
    private var proven: Bitfield
    private(set) var verifiedBytes = 0

    init(_ map: ChunkMap) {
        self.map = map
        self.entries = [Entry](repeating: Entry(), count: map.shards.count)
        self.present = Bitfield(count: map.chunkCount)
        self.proven = Bitfield(count: map.chunkCount)
    }

    func state(of shard: ShardIndex) -> State { self.entries[shard.position].state }

    func isPresent(_ chunk: ChunkIndex, of shard: ShardIndex) -> Bool {
        self.present[self.map.number(of: chunk, in: shard)]
    }

    func isProven(_ chunk: ChunkIndex, of shard: ShardIndex) -> Bool {
        self.proven[self.map.number(of: chunk, in: shard)]
    }

    /// The index says that the shard is durable; its bytes were not looked at.
    mutating func trust(_ shard: ShardIndex) {
        let numbers = self.map.numbers(of: shard)
        for number in numbers { self.present[number] = true }
        self.entries[shard.position].chunks = UInt16(numbers.count)
        self.entries[shard.position].state = .durable
        self.entries[shard.position].keep.mayBeIndexed = true
        self.verifiedBytes += self.map.shards[shard.position].size
    }

    /// The chunk's bytes on the disk have the right hash.
    mutating func verified(_ chunk: ChunkIndex, of shard: ShardIndex) {
        let number = self.map.number(of: chunk, in: shard)
        self.proven[number] = true
        guard !self.present[number] else { return }
        self.present[number] = true
        self.verifiedBytes += self.map.byteCount(of: chunk, in: shard)
        self.entries[shard.position].chunks += 1
        let isWhole = Int(self.entries[shard.position].chunks) == self.map.shards[shard.position].chunkCount
        self.entries[shard.position].state = isWhole ? .verified : .receiving
    }

    /// A chunk that is here was read and has the right hash; nothing, if the shard was lost meanwhile.
    mutating func proved(_ chunk: ChunkIndex, of shard: ShardIndex) {
        let number = self.map.number(of: chunk, in: shard)
        if self.present[number] { self.proven[number] = true }
    }

    /// The bytes of these shards are not what they should be, or gone. Where one byte rots others do: what was read before
    /// proves nothing any more, and is hashed again before it is served.
    mutating func lose(_ shards: [ShardIndex]) {
        self.proven = Bitfield(count: self.map.chunkCount)
        for shard in shards {
            for (position, number) in self.map.numbers(of: shard).enumerated() where self.present[number] {
                self.present[number] = false
                self.verifiedBytes -= self.map.byteCount(of: ChunkIndex(position), in: shard)
            }
            self.entries[shard.position].chunks = 0
            self.entries[shard.position].state = .absent
            self.entries[shard.position].losses += 1
            self.entries[shard.position].keep.isLeaving = false
        }
    }

    /// A durable shard is only verified: it has to be synced and entered in the index again.
    mutating func demote(_ shard: ShardIndex) {
        if self.entries[shard.position].state == .durable { self.entries[shard.position].state = .verified }
    }

    /// How often the shard was lost: bytes that were read before are worth nothing when this has changed meanwhile.
    func losses(of shard: ShardIndex) -> UInt32 { self.entries[shard.position].losses }

    /// The verified shards, to be synced.
    func syncTickets() -> [SyncTicket] {
        self.entries.indices.filter { self.entries[$0].state == .verified }.map {
            SyncTicket(shard: ShardIndex($0), losses: self.entries[$0].losses)
        }
    }

    /// The shards that are here, in part or whole, and not durable.
    var unsyncedShards: [ShardIndex] {
        self.entries.indices.filter { [.receiving, .verified].contains(self.entries[$0].state) }.map { ShardIndex($0) }
    }

    /// Whether the shard is still the one that the ticket was for.
    func isValid(_ ticket: SyncTicket) -> Bool {
        let entry = self.entries[ticket.shard.position]
        return entry.state == .verified && entry.losses == ticket.losses
    }

    /// Makes the shards of valid tickets durable, and answers them.
    mutating func synced(_ tickets: [SyncTicket]) -> [ShardIndex] {
        let valid = tickets.filter { self.isValid($0) }.map(\.shard)
        for shard in valid { self.entries[shard.position].state = .durable }
        return valid
    }

    func snapshot() -> StoredState {
        var complete = Bitfield(count: self.entries.count)
        var durable = Bitfield(count: self.entries.count)
        var receiving: [PartialShard] = []
        for (position, entry) in self.entries.enumerated() where !entry.keep.isLeaving {
            switch entry.state {
            case .absent:
                break
            case .receiving:
                let shard = ShardIndex(position)
                receiving.append(PartialShard(shard: shard, chunks: self.chunks(of: shard)))
            case .verified:
                complete[position] = true
            case .durable:
                complete[position] = true
                durable[position] = true
            }
        }
        return StoredState(
            complete: complete,
            durable: durable,
            receiving: receiving,
            verifiedBytes: self.verifiedBytes
        )
    }

    func verifiedBytes(of shard: ShardIndex) -> Int {
        switch self.state(of: shard) {
        case .absent: 0
        case .receiving:
            self.chunks(of: shard).setBits.reduce(0) { $0 + self.map.byteCount(of: ChunkIndex($1), in: shard) }
        case .verified, .durable: self.map.shards[shard.position].size
        }
    }

    /// Which chunks of the shard are here.
    func chunks(of shard: ShardIndex) -> Bitfield {
        let numbers = self.map.numbers(of: shard)
        var chunks = Bitfield(count: numbers.count)
        for (position, number) in numbers.enumerated() { chunks[position] = self.present[number] }
        return chunks
    }
}
