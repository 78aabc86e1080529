import ShoalCore
import ShoalWire

/// What is asked of whom.
extension MeshMachine {
    /// Fills every peer's window, as far as there is room: first with what is urgent, and of the best peers first.
    mutating func fillWindows(at now: Instant, into effects: inout [MeshEffect]) {
        self.needsFilling = false
        let isHeldBack = self.nextAllowance != nil
        self.nextAllowance = nil
        if self.room <= self.configuration.urgentRoom { self.cancelLate(into: &effects) }
        let hungry = self.swarms.keys.filter { handle in
            self.swarms.read(handle) { $0.holdings != nil && $0.isHungry } ?? false
        }
        let sources = Self.inTurn(hungry, after: self.lastAsked).map { handle in
            (handle, peers: self.rankedPeers(sharing: handle, at: now), portion: self.portion(of: handle, at: now))
        }
        for (handle, peers, portion) in sources where self.swarms.read(handle, { $0.hasUrgent }) == true {
            for connection in peers {
                self.beginUrgent(handle, with: connection)
                self.fillWindow(of: connection, handle, portion, .urgent, at: now, into: &effects)
            }
        }
        for (handle, peers, portion) in sources {
            var begun = self.begunShards(handle, servedBy: peers)
            let turns = isHeldBack ? self.turns(of: peers, in: handle) : peers
            for connection in turns where self.leave(for: connection, .everything, at: now) > 0 {
                self.beginShards(handle, with: connection, begun: &begun)
                self.fillWindow(of: connection, handle, portion, .everything, at: now, into: &effects)
            }
            self.awaitAllowance(for: peers, at: now)
            // Also of peers whose window is full: what is asked for next must not wait for its hashes.
            guard self.lacksHashes(handle) else { continue }
            for connection in peers { self.requestHashes(handle, of: connection, at: now, into: &effects) }
        }
    }

    /// Where our own limit is the brake, peers have turns instead of the best one being the first, so that what few of them
    /// have does not come last.
    private func turns(of peers: [ConnectionID], in handle: SwarmHandle) -> [ConnectionID] {
        Self.inTurn(peers.sorted(), after: self.swarms.read(handle) { $0.lastAsked } ?? nil)
    }

    /// All that come behind `last`, then the others.
    private static func inTurn<Element: Comparable>(_ all: [Element], after last: Element?) -> [Element] {
        guard let last, let next = all.firstIndex(where: { $0 > last }) else { return all }
        return Array(all[next...] + all[..<next])
    }

    /// Looks again when one of these peers may be asked that may not be now.
    private mutating func awaitAllowance(for peers: [ConnectionID], at now: Instant) {
        guard self.downloadLimiter.isLimited else { return }
        var earliest = Earliest()
        earliest.consider(self.nextAllowance)
        for connection in peers where !self.downloadLimiter.isOpen(for: connection, at: now) {
            earliest.consider(self.downloadLimiter.opensAt(for: connection))
        }
        self.nextAllowance = earliest.moment
    }

    /// Late requests give their room back when it is short: slow peers must not keep quick ones from being asked.
    private mutating func cancelLate(into effects: inout [MeshEffect]) {
        guard self.peers.count > 1 else { return }
        for connection in self.peers.keys {
            for (id, request) in self.peers[connection]?.downloads.requests ?? SortedMap() where request.isOverdue {
                self.cancel(id, request, of: connection, into: &effects)
            }
        }
    }

    /// Peers that may be asked for something of the swarm, best first.
    private func rankedPeers(sharing handle: SwarmHandle, at now: Instant) -> [ConnectionID] {
        var ranked: [(score: Int, connection: ConnectionID)] = []
        self.peers.forEachValue { connection, peer in
            guard peer.isUsable, peer.swarms.has(handle) else { return }
            ranked.append((peer.score(at: now).total, connection))
        }
        ranked.sort { ($1.score, $0.connection) < ($0.score, $1.connection) }
        return ranked.map(\.connection)
    }

    /// This node's portion of the swarm's chunks: its rank among those that fetch as well, or have just come.
    private func portion(of handle: SwarmHandle, at now: Instant) -> Portion {
        var rank = 0
        var count = 1
        self.peers.forEachValue { _, peer in
            guard !peer.isClosing, let node = peer.nodeID else { return }
            let fetches = peer.swarms.read(handle) { shared in
                shared.holdings?.isFull != true && now - shared.lastNews < self.configuration.fetcherMemory
            }
            guard fetches == true else { return }
            count += 1
            if node < self.nodeID { rank += 1 }
        }
        return Portion(rank: rank, count: count, salt: self.session)
    }

    /// How many chunks the peer may be asked for now. A window that is nearly full waits, so that a request is for more
    /// than one chunk; what is urgent may exceed it a little, and has room of its own.
    private func leave(for connection: ConnectionID, _ pass: ChunkPicker.Pass, at now: Instant) -> Int {
        self.peers.read(connection) { peer in
            guard peer.isUsable, let identity = peer.identity else { return 0 }
            if let busyUntil = peer.busyUntil, now < busyUntil { return 0 }
            guard peer.downloads.hasRequestLeft, peer.downloads.requests.count < identity.maximumRequests else {
                return 0
            }
            let allowance = self.downloadLimiter.chunks(for: connection, at: now)
            let most = min(identity.maximumChunks, self.configuration.chunksPerRequest, allowance)
            switch pass {
            case .urgent:
                let extra = peer.downloads.window.isOnTrial ? 0 : self.configuration.urgentRoom
                return min(peer.downloads.windowRoom(beyond: extra), self.room, most)
            case .everything:
                let leave = peer.downloads.windowRoom(beyond: 0)
                guard leave >= max(1, peer.downloads.window.size / 4) else { return 0 }
                return min(leave, max(0, self.room - self.configuration.urgentRoom), most)
            }
        } ?? 0
    }

    private mutating func fillWindow(
        of connection: ConnectionID,
        _ handle: SwarmHandle,
        _ portion: Portion,
        _ pass: ChunkPicker.Pass,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        while true {
            let leave = self.leave(for: connection, pass, at: now)
            guard leave > 0, let shared = self.peers[connection]?.swarms[handle], let swarm = self.swarms[handle] else {
                return
            }
            let run = ChunkPicker.pick(
                from: swarm,
                for: connection,
                sharing: shared,
                portion: portion,
                rivals: self.rivals(of: connection, handle),
                mayIntrude: self.mayIntrude(on: connection),
                pass: pass,
                limit: leave
            )
            guard let run else {
                if pass == .everything { self.beginCourtesy(towards: connection, at: now) }
                return
            }
            self.request(run, handle, of: connection, at: now, into: &effects)
        }
    }

    /// Whether a peer may be asked for what another fetcher is to ask it for, or what somebody else owes: only if it owes
    /// nothing, and not while its uplink is the limit of everybody who asks it. Then a chunk that it sends twice is one
    /// that somebody waits for.
    private func mayIntrude(on connection: ConnectionID) -> Bool {
        self.peers.read(connection) { peer in
            guard !peer.downloads.isOwing else { return false }
            return !peer.downloads.window.isSqueezed || peer.courtesy == .over
        } ?? false
    }

    /// There is nothing of this node's own to ask a busy peer for: others have some time to tell of what they got.
    private mutating func beginCourtesy(towards connection: ConnectionID, at now: Instant) {
        let isBusy = self.peers.read(connection) { !$0.downloads.isOwing && $0.downloads.window.isSqueezed }
        guard isBusy == true, self.peers[connection]?.courtesy == Courtesy.none else { return }
        let end = now + self.configuration.courtesyTime
        self.peers.update(connection) { $0.courtesy = .until(end) }
    }

    /// Wrong bytes that a peer has not taken back make it the last that is asked: the peers that go before it.
    private func rivals(of connection: ConnectionID, _ handle: SwarmHandle) -> [SharedSwarm] {
        guard self.isSuspicious(connection) else { return [] }
        return self.peers.keys.compactMap { other in
            guard other != connection, !self.isSuspicious(other), self.peers[other]?.isUsable == true else {
                return nil
            }
            return self.peers[other]?.swarms[handle]
        }
    }

    private func isSuspicious(_ connection: ConnectionID) -> Bool {
        guard let node = self.peers.read(connection, { $0.nodeID }) ?? nil else { return false }
        return self.nodes[node]?.isSuspicious ?? false
    }

    private mutating func request(
        _ run: ChunkRun,
        _ handle: SwarmHandle,
        of connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        let limits = self.configuration.chunkDeadlineRange
        let first = self.configuration.firstChunkDeadline
        let request = self.peers.update(connection) { peer in
            peer.courtesy = .none
            return peer.downloads.open(
                swarm: handle,
                shard: run.shard,
                first: run.first,
                count: run.count,
                priority: run.priority,
                deadline: peer.downloads.chunkDeadline(sentAt: now, within: limits, first: first),
                at: now
            )
        }
        guard let request else { return }
        self.lastAsked = handle
        self.room -= run.count
        if self.downloadLimiter.isLimited {
            for chunk in run.first.position..<run.first.position + run.count {
                let size = self.size(of: ChunkIndex(chunk), of: run.shard, in: handle)
                self.downloadLimiter.spend(size, for: connection, at: now)
            }
        }
        self.swarms.update(handle) { swarm in
            swarm.lastAsked = connection
            swarm.holdings?.update(run.shard) { receiving in
                for chunk in run.first.position..<run.first.position + run.count {
                    receiving.asked(connection, for: ChunkIndex(chunk))
                }
            }
        }
        effects.append(.request(connection, handle, request))
    }

    func size(of chunk: ChunkIndex, of shard: ShardIndex, in handle: SwarmHandle) -> Int {
        (self.swarms.read(handle) { $0.holdings?.size(of: chunk, in: shard) } ?? nil) ?? 0
    }

    // MARK: Shards

    /// Begins shards that the peer has until enough are ready to be asked for, so that the channel never waits for a hash
    /// list.
    private mutating func beginShards(_ handle: SwarmHandle, with connection: ConnectionID, begun: inout Int) {
        guard let shared = self.peers[connection]?.swarms[handle], shared.hasSomething else { return }
        while !shared.hasNothingToBegin, begun < self.configuration.shardsBegun, let swarm = self.swarms[handle],
            self.mayBegin(swarm, with: shared)
        {
            guard let shard = ChunkPicker.nextShard(of: swarm, sharing: shared, using: &self.generator) else {
                self.peers.update(connection) { peer in peer.swarms.update(handle) { $0.hasNothingToBegin = true } }
                return
            }
            self.begin(shard, handle)
            begun += 1
        }
    }

    /// How many shards have begun that are wanted and that one of these peers can serve: others keep none from beginning.
    private func begunShards(_ handle: SwarmHandle, servedBy peers: [ConnectionID]) -> Int {
        guard let swarm = self.swarms[handle], let holdings = swarm.holdings else { return 0 }
        let shared = peers.compactMap { self.peers[$0]?.swarms[handle] }
        return holdings.receiving.keys.count { shard in
            swarm.priority(of: shard) != nil && shared.contains { $0.canServeSome(of: shard) }
        }
    }

    /// Begins the shards that an engine waits for, however many have begun.
    private mutating func beginUrgent(_ handle: SwarmHandle, with connection: ConnectionID) {
        guard let swarm = self.swarms[handle], swarm.demands.hasValue({ $1 <= .next }) else { return }
        guard let shared = self.peers[connection]?.swarms[handle] else { return }
        for (shard, priority) in swarm.demands where priority <= .next {
            guard let holdings = self.swarms[handle]?.holdings, !holdings.complete[shard.position] else { continue }
            guard holdings.receiving[shard] == nil, shared.canServeSome(of: shard) else { continue }
            self.begin(shard, handle)
        }
    }

    mutating func begin(_ shard: ShardIndex, _ handle: SwarmHandle) {
        self.swarms.update(handle) { $0.holdings?.begin(shard) }
        self.countSharers(of: shard, in: handle)
    }

    /// Counts anew who shares the chunks of a shard that has just begun.
    mutating func countSharers(of shard: ShardIndex, in handle: SwarmHandle) {
        for peer in self.peers.values {
            guard let chunks = peer.swarms[handle]?.partial[shard] else { continue }
            self.swarms.update(handle) { swarm in
                _ = swarm.holdings?.update(shard) { $0.shared(nil, chunks) }
            }
        }
    }

    /// Whether the peer has too little to give of the shards that have begun, and there is room for another. Shards that
    /// it cannot serve do not count, or those of a peer that left would keep others from beginning.
    private func mayBegin(_ swarm: Swarm, with shared: SharedSwarm) -> Bool {
        guard let holdings = swarm.holdings else { return false }
        var begun = 0
        var chunks = 0
        for (shard, receiving) in holdings.receiving where swarm.priority(of: shard) != nil {
            let share = shared.share(of: shard)
            if case .nothing = share { continue }
            begun += 1
            guard begun < self.configuration.shardsAtOnce else { return false }
            guard holdings.hasHashes(of: shard) || shared.lateHashLists == 0 else { continue }
            for chunk in receiving.unasked.setBits where share.contains(chunk) {
                chunks += 1
                // Enough for the largest window twice: this runs with every batch, so it does not look further.
                guard chunks < 2 * self.configuration.windowRange.upperBound else { return false }
            }
        }
        return true
    }
}
