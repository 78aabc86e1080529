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
        let lost = shards.filter { shard in
            self.swarms.update(handle) { $0.holdings?.lost(shard) ?? false } == true
        }
        self.lookForShardsAnew(handle)
        guard !lost.isEmpty else { return }
        effects.append(.observe(.shardsLost(handle, lost, reason: reason)))
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

    mutating func storeFailed(_ handle: SwarmHandle, reason: String, into effects: inout [MeshEffect]) {
        guard self.swarms[handle]?.hasFailed == false else { return }
        self.swarms.update(handle) { $0.hasFailed = true }
        effects.append(.observe(.swarmFailed(handle, reason: reason)))
    }
}
