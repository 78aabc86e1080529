import ShoalCore
import ShoalWire

/// What the store tells of what it has.
extension MeshMachine {
    mutating func shardsLost(
        _ handle: SwarmHandle,
        _ shards: [ShardIndex],
        reason: String,
        into effects: inout [MeshEffect]
    ) {
        let lost = self.lose(shards, of: handle)
        if !lost.isEmpty { effects.append(.observe(.shardsLost(handle, lost, reason: reason))) }
        self.tellGone(lost, handle, into: &effects)
    }

    /// Copies that were made because a shard was rare are not made again: there was no room for them.
    mutating func shardsEvicted(_ handle: SwarmHandle, _ shards: [ShardIndex], into effects: inout [MeshEffect]) {
        let gone = self.lose(shards, of: handle)
        self.swarms.update(handle) { $0.evicted(gone) }
        if !gone.isEmpty { effects.append(.observe(.shardsEvicted(handle, gone))) }
        self.tellGone(gone, handle, into: &effects)
    }

    /// Those of the shards of which something was here.
    private mutating func lose(_ shards: [ShardIndex], of handle: SwarmHandle) -> [ShardIndex] {
        let lost = shards.filter { shard in
            self.swarms.update(handle) { $0.holdings?.lost(shard) ?? false } == true
        }
        self.lookForShardsAnew(handle)
        return lost
    }

    private mutating func tellGone(_ lost: [ShardIndex], _ handle: SwarmHandle, into effects: inout [MeshEffect]) {
        for start in stride(from: 0, to: lost.count, by: WireLimits.shardsInNotice) {
            let part = Array(lost[start..<min(start + WireLimits.shardsInNotice, lost.count)])
            let message = ControlMessage(handle: handle.rawValue, .gone(part))
            for (connection, peer) in self.peers where peer.swarms[handle] != nil {
                effects.append(.send(connection, message))
            }
        }
        for shard in lost {
            for (connection, rejection) in self.uploads.lost(ShardOfSwarm(swarm: handle, shard: shard)) {
                effects.append(.send(connection, ControlMessage(handle: handle.rawValue, .reject(rejection))))
            }
        }
    }

    /// What others owe of these chunks is not worth their bytes any more.
    mutating func chunksFound(
        _ handle: SwarmHandle,
        _ shard: ShardIndex,
        _ chunks: Bitfield,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard let holdings = self.swarms[handle]?.holdings, holdings.contains(shard) else { return }
        guard chunks.count == holdings.chunkCount(of: shard), !holdings.complete[shard.position] else { return }
        self.begin(shard, handle)
        self.hashesAccepted(handle, shard)
        var isWhole = false
        for chunk in chunks.setBits.map({ ChunkIndex($0) }) {
            self.cancelOthers(chunk, of: shard, handle, into: &effects)
            if self.swarms.update(handle, { $0.holdings?.verified(chunk, of: shard) ?? false }) == true {
                isWhole = true
            }
        }
        if isWhole {
            self.shardCompleted(shard, handle, at: now, into: &effects)
        } else if self.nextPartialNotice == nil {
            self.nextPartialNotice = now + self.configuration.partialInterval
        }
    }

    mutating func storeFailed(_ handle: SwarmHandle, reason: String, into effects: inout [MeshEffect]) {
        guard self.swarms[handle]?.hasFailed == false else { return }
        self.swarms.update(handle) { $0.hasFailed = true }
        effects.append(.observe(.swarmFailed(handle, reason: reason)))
    }
}
