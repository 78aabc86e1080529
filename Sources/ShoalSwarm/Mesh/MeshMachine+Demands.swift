import ShoalCore
import ShoalWire

/// Shards that are wanted by name: by an engine that waits, by a plan that looks ahead, or because they are rare.
extension MeshMachine {
    /// Wants shards, at least so urgently. What is on its way already is promoted, not asked for again. To want something
    /// after the store gave up is a new attempt.
    mutating func demand(
        _ shards: [ShardIndex],
        _ priority: Priority,
        _ handle: SwarmHandle,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        let wasHungry = self.swarms[handle]?.isHungry == true
        self.swarms.update(handle) { $0.hasFailed = false }
        for shard in shards {
            guard self.swarms.update(handle, { $0.demand(shard, priority) }) == true else { continue }
            self.promote(shard, to: priority, handle, into: &effects)
        }
        self.lookForShardsAnew(handle)
        if !wasHungry { self.seekPeers(at: now, into: &effects) }
    }

    /// No longer wants shards by name. Of those that are not fetched anyway, what is on its way is cancelled; what is
    /// verified stays.
    mutating func endDemand(_ shards: [ShardIndex], _ handle: SwarmHandle, into effects: inout [MeshEffect]) {
        for shard in shards {
            self.swarms.update(handle) { $0.endDemand(for: shard) }
            guard let swarm = self.swarms[handle], !swarm.isFetched(shard) else { continue }
            for (connection, peer) in self.peers {
                for (id, request) in peer.downloads.requests
                where request.swarm == handle && request.request.shard == shard {
                    self.cancel(id, request, of: connection, into: &effects)
                }
            }
            self.swarms.update(handle) { $0.holdings?.dropIfEmpty(shard) }
        }
    }

    /// Peers that had nothing to begin may have something now.
    mutating func lookForShardsAnew(_ handle: SwarmHandle) {
        for connection in self.peers.keys {
            self.peers.update(connection) { peer in peer.swarms.update(handle) { $0.hasNothingToBegin = false } }
        }
        self.needsFilling = true
    }

    private mutating func promote(
        _ shard: ShardIndex,
        to priority: Priority,
        _ handle: SwarmHandle,
        into effects: inout [MeshEffect]
    ) {
        for (connection, peer) in self.peers {
            for (id, request) in peer.downloads.requests
            where request.swarm == handle && request.request.shard == shard && !request.isCancelled {
                guard priority < request.priority else { continue }
                self.peers.update(connection) { $0.downloads.promote(id, to: priority) }
                let message = ControlMessage.Body.promote(id: id, priority: priority)
                effects.append(.send(connection, ControlMessage(handle: handle.rawValue, message)))
            }
        }
    }
}
