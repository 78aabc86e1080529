import ShoalCore
import ShoalWire

/// What the store tells of what it has.
extension MeshMachine {
    mutating func shardLost(
        _ handle: SwarmHandle,
        _ shard: ShardIndex,
        reason: String,
        into effects: inout [MeshEffect]
    ) {
        let wasThere = self.swarms.update(handle) { $0.holdings?.lost(shard) ?? false }
        self.lookForShardsAnew(handle)
        guard wasThere == true else { return }
        effects.append(.observe(.shardLost(handle, shard, reason: reason)))
        for (connection, peer) in self.peers where peer.swarms[handle] != nil {
            effects.append(.send(connection, ControlMessage(handle: handle.rawValue, .gone([shard]))))
        }
        for (connection, rejection) in self.uploads.lost(ShardOfSwarm(swarm: handle, shard: shard)) {
            effects.append(.send(connection, ControlMessage(handle: handle.rawValue, .reject(rejection))))
        }
    }

    mutating func storeFailed(_ handle: SwarmHandle, reason: String, into effects: inout [MeshEffect]) {
        guard self.swarms[handle]?.hasFailed == false else { return }
        self.swarms.update(handle) { $0.hasFailed = true }
        effects.append(.observe(.swarmFailed(handle, reason: reason)))
    }
}
