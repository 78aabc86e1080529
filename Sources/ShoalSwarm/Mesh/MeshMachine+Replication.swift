import ShoalCore
import ShoalWire

/// Copies of rare shards, made by nodes that have leave to, so that a seeder that goes does not take the last one with it.
extension MeshMachine {
    /// Looks for shards that fewer than ``MeshConfiguration/replicas`` nodes are known to have, and wants some of them.
    ///
    /// Of the nodes that lack a rare shard, a rendezvous hash (Thaler and Ravishankar, 1998) says which are to copy it, so
    /// that not all of them do. Those may be unable to: now and then a node copies out of its turn.
    mutating func planReplication(at now: Instant) {
        self.nextReplication = nil
        for handle in self.swarms.keys { self.planReplication(of: handle, at: now) }
        self.scheduleReplication(at: now)
    }

    mutating func scheduleReplication(at now: Instant) {
        guard self.nextReplication == nil, self.swarms.values.contains(where: { $0.replicates }) else { return }
        let interval = self.configuration.replicationInterval
        let jitter = Int64.random(in: 0...interval.wholeNanoseconds / 2, using: &self.generator)
        self.nextReplication = now + interval + .nanoseconds(jitter)
    }

    private mutating func planReplication(of handle: SwarmHandle, at now: Instant) {
        guard let swarm = self.swarms[handle], let holdings = swarm.holdings, swarm.replicates else { return }
        var copying = swarm.demands.filter { $0.value == .replicate }
        var budget = (swarm.description.replicationBudget ?? 0) - holdings.verifiedBytes
        // Nobody offers it any more: its place is for another.
        for (shard, _) in copying where !self.isServed(shard, handle) {
            self.swarms.update(handle) { $0.endDemand(for: shard) }
        }
        copying.removeAll { !self.isServed($0.key, handle) }
        budget -= copying.reduce(0) { $0 + holdings.shardSizes[$1.key.position] }
        var places = self.configuration.replicatesAtOnce - copying.count
        guard places > 0 else { return }
        let others = self.knownHoldings(of: handle)
        for (shard, copies) in self.rareShards(of: holdings, amongst: others) where places > 0 {
            let size = holdings.shardSizes[shard.position]
            guard swarm.priority(of: shard) == nil, !swarm.evicted.contains(shard), size <= budget,
                self.isServed(shard, handle)
            else { continue }
            guard self.isOurTurn(shard, missing: self.configuration.replicas - copies, others) else { continue }
            guard self.swarms.update(handle, { $0.demand(shard, .replicate) }) == true else { continue }
            budget -= size
            places -= 1
        }
        self.lookForShardsAnew(handle)
    }

    /// Whether a peer has the whole shard and has not refused it.
    private func isServed(_ shard: ShardIndex, _ handle: SwarmHandle) -> Bool {
        self.peers.hasValue { _, peer in
            guard peer.isUsable, let shared = peer.swarms[handle] else { return false }
            return shared.hasWhole(shard) && !shared.refused.contains(shard)
        }
    }

    /// What each other node of the swarm has, as it told us itself or gossip did. Those of which nothing is known yet are
    /// left out.
    private func knownHoldings(of handle: SwarmHandle) -> SortedMap<NodeID, Bitfield> {
        var known = SortedMap<NodeID, Bitfield>()
        for entry in (self.gossip.sessions[handle]?.table.entries ?? SortedMap()).values {
            known[entry.inventory.node] = entry.inventory.holdings
        }
        // What a peer says itself is newer.
        for peer in self.peers.values where !peer.isClosing {
            guard let node = peer.identity?.nodeID, let field = peer.swarms[handle]?.holdings else { continue }
            known[node] = field
        }
        known.removeValue(forKey: self.nodeID)
        return known
    }

    /// Shards that we lack and few have, rarest first, and how many nodes have each.
    private func rareShards(
        of holdings: Holdings,
        amongst others: SortedMap<NodeID, Bitfield>
    ) -> [(shard: ShardIndex, copies: Int)] {
        var copies = [Int](repeating: 0, count: holdings.shardSizes.count)
        for field in others.values {
            for shard in field.setBits where shard < copies.count { copies[shard] += 1 }
        }
        return holdings.complete.clearBits.filter { (1..<self.configuration.replicas).contains(copies[$0]) }
            .sorted { (copies[$0], $0) < (copies[$1], $1) }
            .map { (ShardIndex($0), copies[$0]) }
    }

    /// Whether this node is one of those that are to make the copies that are missing. One in eight looks it takes a turn
    /// that is not its own, less often the more go before it: about one of them does in any case.
    private mutating func isOurTurn(
        _ shard: ShardIndex,
        missing: Int,
        _ others: SortedMap<NodeID, Bitfield>
    ) -> Bool {
        let own = Self.rendezvous(self.nodeID, shard)
        let ahead = others.count { node, field in
            guard shard.position < field.count, !field[shard.position] else { return false }
            return Self.rendezvous(node, shard) < own
        }
        return ahead < missing || Int.random(in: 0..<max(8, ahead), using: &self.generator) == 0
    }

    private static func rendezvous(_ node: NodeID, _ shard: ShardIndex) -> UInt64 {
        let seed = node.bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        var hash = SeededGenerator(seed: seed ^ UInt64(shard.rawValue))
        return hash.next()
    }
}
