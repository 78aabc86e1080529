import ShoalCore
import ShoalWire

/// What the owner changes about a swarm that the node takes part in already.
extension MeshMachine {
    /// - Parameters:
    ///   - fetches: whether what is missing is asked for from now on; nil leaves it as it is. What is on its way and no
    ///     longer wanted is cancelled. To fetch again after the store gave up is a new attempt.
    ///   - trackers: where the swarm is announced as well.
    mutating func updateSwarm(
        _ handle: SwarmHandle,
        fetches: Bool?,
        trackers: [TrackerIndex],
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard let swarm = self.swarms[handle], !self.isStopping else { return }
        let new = trackers.filter { !swarm.description.trackers.contains($0) }
        self.swarms.update(handle) { swarm in
            swarm.description.trackers += new
            guard let fetches else { return }
            swarm.description.fetches = fetches
            if fetches { swarm.hasFailed = false }
        }
        self.announce(handle, alsoAt: new, now: now)
        switch fetches {
        case true?:
            self.lookForShardsAnew(handle)
            self.requestManifest(handle, at: now, into: &effects)
            self.seekPeers(at: now, into: &effects)
        case false?:
            self.cancelUnwanted(handle, into: &effects)
        case nil: break
        }
        self.scheduleReplication(at: now)
        self.runDiscovery(at: now, into: &effects)
    }

    /// - Parameter shards: what is fetched of the swarm from now on, as far as it is fetched; nil is all of it.
    mutating func select(
        _ shards: Bitfield?,
        _ handle: SwarmHandle,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard self.swarms[handle] != nil, !self.isStopping else { return }
        self.swarms.update(handle) { $0.description.selection = shards }
        self.cancelUnwanted(handle, into: &effects)
        self.lookForShardsAnew(handle)
        self.scheduleReplication(at: now)
        self.seekPeers(at: now, into: &effects)
        self.runDiscovery(at: now, into: &effects)
    }

    private mutating func cancelUnwanted(_ handle: SwarmHandle, into effects: inout [MeshEffect]) {
        for (connection, peer) in self.peers {
            for (id, outstanding) in peer.downloads.requests
            where outstanding.swarm == handle && !outstanding.isCancelled {
                guard self.swarms[handle]?.priority(of: outstanding.request.shard) == nil else { continue }
                self.cancel(id, outstanding, of: connection, into: &effects)
            }
        }
    }

    /// Moves shard bytes no quicker than this from now on. What is on its way still comes.
    mutating func limit(_ limits: TransferLimits, at now: Instant, into effects: inout [MeshEffect]) {
        self.limits = limits
        self.downloadLimiter = RateLimiter(limits.download, at: now)
        for (connection, swarm, rejection) in self.uploads.limit(limits, at: now) {
            effects.append(.send(connection, ControlMessage(handle: swarm.rawValue, .reject(rejection))))
        }
        self.needsFilling = true
        self.needsServing = true
    }

    /// Has the swarm announced at these trackers from now on. Those that the node did not know so far are connected to.
    mutating func announce(_ handle: SwarmHandle, alsoAt trackers: [TrackerIndex], now: Instant) {
        for index in trackers {
            if self.trackers[index] == nil { self.trackers[index] = TrackerSession(index: index, at: now) }
            self.trackers.update(index) { $0.add(handle, at: now) }
        }
    }
}
