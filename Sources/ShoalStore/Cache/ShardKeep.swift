import ShoalCore
import ShoalFormats

/// What decides whether a shard may go: who uses it, and who wants it kept.
struct ShardKeep: Hashable, Sendable {
    /// Milliseconds since 1970: when somebody read, wrote or leased it last.
    var lastUsed: Int64 = 0
    /// Who computes with the shard or waits for it: it stays, and if it is not here yet its room is reserved.
    var holds: UInt32 = 0
    /// Who reads the shard for a peer: eviction waits a little for those.
    var uploads: UInt32 = 0
    var isPinned = false
    /// It was chosen to go and counts as absent already; who reads it at this moment may finish. Ends by a loss, or by
    /// somebody who writes or holds the shard.
    var isLeaving = false
    /// The index may call it durable: its bytes must not be touched before the index says otherwise.
    var mayBeIndexed = false
}

extension ShardBook {
    /// What the index knows: nothing of it is known to be true yet.
    mutating func recall(_ record: ModelRecord) {
        self.indexed(record.durableShards.filter { $0.position < self.entries.count })
        for (shard, use) in record.lastUses where shard.position < self.entries.count { self.used(shard, at: use) }
        self.setPinned(record.pins.filter { $0.position < self.entries.count }, true)
    }

    /// 60 s: a shard of which some chunks are here and nothing has come for so long is not being fetched any more.
    static let quietReceipt: Int64 = 60_000

    mutating func used(_ shard: ShardIndex, at now: Int64) {
        self.entries[shard.position].keep.lastUsed = max(self.entries[shard.position].keep.lastUsed, now)
    }

    // MARK: Leases

    /// Somebody needs these shards to stay, or to come. Those that were about to go stay.
    mutating func hold(_ shards: some Sequence<ShardIndex>, at now: Int64) {
        for shard in shards {
            self.entries[shard.position].keep.holds += 1
            self.entries[shard.position].keep.isLeaving = false
            self.used(shard, at: now)
        }
    }

    mutating func letGo(_ shards: some Sequence<ShardIndex>, at now: Int64) {
        for shard in shards {
            precondition(self.entries[shard.position].keep.holds > 0, "\(shard) was let go more often than held")
            self.entries[shard.position].keep.holds -= 1
            self.used(shard, at: now)
        }
    }

    /// False when the shard is about to go, or nothing of it is here.
    mutating func beginUpload(of shard: ShardIndex) -> Bool {
        guard self.state(of: shard) != .absent, !self.entries[shard.position].keep.isLeaving else { return false }
        self.entries[shard.position].keep.uploads += 1
        return true
    }

    /// Whether eviction may be waiting for it.
    mutating func endUpload(of shard: ShardIndex) -> Bool {
        precondition(self.entries[shard.position].keep.uploads > 0, "\(shard) was uploaded more often than begun")
        self.entries[shard.position].keep.uploads -= 1
        return self.entries[shard.position].keep.isLeaving
    }

    mutating func setPinned(_ shards: some Sequence<ShardIndex>, _ isPinned: Bool) {
        for shard in shards { self.entries[shard.position].keep.isPinned = isPinned }
    }

    var pins: Bitfield {
        var pins = Bitfield(count: self.entries.count)
        for position in self.entries.indices where self.entries[position].keep.isPinned { pins[position] = true }
        return pins
    }

    // MARK: Leaving

    /// Whether eviction may choose the shard now.
    func mayLeave(_ shard: ShardIndex, at now: Int64) -> Bool {
        let entry = self.entries[shard.position]
        guard !entry.keep.isPinned, entry.keep.holds == 0, self.map.shards[shard.position].kind != .header else {
            return false
        }
        switch entry.state {
        case .absent: return false
        case .receiving: return now - entry.keep.lastUsed >= Self.quietReceipt
        case .verified, .durable: return true
        }
    }

    /// Has those of the shards that may go count as absent. Answers them.
    mutating func beginLeaving(_ shards: [ShardIndex], at now: Int64) -> [ShardIndex] {
        let leaving = shards.filter { self.mayLeave($0, at: now) }
        for shard in leaving { self.entries[shard.position].keep.isLeaving = true }
        return leaving
    }

    /// The shard is wanted again after all.
    mutating func stay(_ shard: ShardIndex) { self.entries[shard.position].keep.isLeaving = false }

    /// Whether a peer is still being sent some of these shards.
    func isUploading(_ shards: [ShardIndex]) -> Bool {
        shards.contains { self.entries[$0.position].keep.isLeaving && self.entries[$0.position].keep.uploads > 0 }
    }

    /// Those of the shards that nobody has wanted meanwhile.
    func leaving(_ shards: [ShardIndex]) -> [ShardIndex] {
        shards.filter { self.entries[$0.position].keep.isLeaving }
    }

    /// The index no longer calls these durable: those that are still leaving are absent. Those that are wanted again have
    /// to be entered in the index again. Answers what is gone.
    mutating func leave(_ shards: [ShardIndex]) -> [ShardIndex] {
        let gone = self.leaving(shards)
        self.unindexed(shards)
        for shard in shards where !self.entries[shard.position].keep.isLeaving { self.demote(shard) }
        self.lose(gone)
        return gone
    }

    // MARK: The index

    mutating func indexed(_ shards: [ShardIndex]) {
        for shard in shards { self.entries[shard.position].keep.mayBeIndexed = true }
    }

    /// The index no longer calls these durable.
    mutating func unindexed(_ shards: [ShardIndex]) {
        for shard in shards { self.entries[shard.position].keep.mayBeIndexed = false }
    }

    /// Whether the shard's blocks may be given back: nothing of it is here, nothing says that it is, and nobody is putting
    /// something there.
    func isVacant(_ shard: ShardIndex) -> Bool {
        let entry = self.entries[shard.position]
        return entry.state == .absent && !entry.keep.mayBeIndexed && entry.keep.holds == 0
    }
}
