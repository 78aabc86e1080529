import ShoalCore
import ShoalWire

/// The manifest of a swarm: asking peers for it, and sending it to them.
extension MeshMachine {
    /// Asks a peer of the swarm for the manifest, when it is wanted and nobody is being asked.
    mutating func requestManifest(_ handle: SwarmHandle, at now: Instant, into effects: inout [MeshEffect]) {
        guard let swarm = self.swarms[handle], swarm.holdings == nil, !swarm.hasFailed else { return }
        if swarm.manifestFetch == nil {
            guard let source = self.manifestSources(handle).first else { return }
            self.swarms.update(handle) { $0.manifestFetch = ManifestFetch(source: source, at: now) }
        }
        guard let source = self.swarms[handle]?.manifestFetch?.source else { return }
        let offsets = self.swarms.update(handle) { $0.manifestFetch?.nextOffsets() ?? [] } ?? []
        for offset in offsets {
            let message = ControlMessage(handle: handle.rawValue, .manifestRequest(offset: offset))
            effects.append(.send(source, message))
        }
    }

    /// Gives up the fetch that is under way; its source may still send what it was asked for.
    mutating func abandonManifest(_ handle: SwarmHandle, answered: Int = 0) {
        guard let fetch = self.swarms[handle]?.manifestFetch else { return }
        self.swarms.update(handle) { $0.manifestFetch = nil }
        self.peers.update(fetch.source) { peer in
            peer.swarms.update(handle) { $0.staleManifestParts += max(0, fetch.outstanding - answered) }
        }
    }

    /// Whom the manifest may be asked of: first those who told what they have, because they have it.
    func manifestSources(_ handle: SwarmHandle) -> [ConnectionID] {
        let sharing = self.peers.filter { !$0.value.isClosing && $0.value.swarms[handle]?.lacksManifest == false }
        let sure = sharing.filter { $0.value.swarms[handle]?.holdings != nil }.map(\.key)
        return sure + sharing.map(\.key).filter { !sure.contains($0) }
    }

    mutating func receivedManifestPart(
        _ handle: SwarmHandle,
        offset: UInt32,
        total: UInt32,
        bytes: [UInt8],
        from connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        let isStale = self.peers.update(connection) { peer in
            peer.swarms.update(handle) { shared -> Bool in
                guard shared.staleManifestParts > 0 else { return false }
                shared.staleManifestParts -= 1
                return true
            }
        }
        // The channel is ordered: what is owed to a fetch that was given up comes before what was asked for since.
        guard isStale == .some(.some(false)) else { return }
        guard self.swarms[handle]?.manifestFetch?.source == connection else { return }
        guard total > 0 else {
            // It has none either: it is asked again once it has told what it has.
            self.peers.update(connection) { peer in peer.swarms.update(handle) { $0.lacksManifest = true } }
            self.abandonManifest(handle, answered: 1)
            return self.requestManifest(handle, at: now, into: &effects)
        }
        let progress = self.swarms.update(handle) { swarm in
            swarm.manifestFetch?.received(offset: offset, total: total, bytes: bytes, at: now)
        }
        switch progress ?? nil {
        case .more: self.requestManifest(handle, at: now, into: &effects)
        case .whole(let bytes): effects.append(.checkManifest(handle, bytes: bytes, from: connection))
        case .nonsense: self.disconnect(connection, reason: "it sends a manifest in disorder", into: &effects)
        case nil: break
        }
    }

    mutating func manifestAccepted(
        _ handle: SwarmHandle,
        _ content: SwarmContent,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard self.swarms[handle]?.holdings == nil else { return }
        self.swarms.update(handle) { swarm in
            swarm.manifestFetch = nil
            swarm.holdings = Holdings(content)
        }
        effects.append(.observe(.manifestArrived(handle)))
        self.scheduleReplication(at: now)
        var misfits: [ConnectionID] = []
        for (connection, peer) in self.peers {
            guard let shared = peer.swarms[handle] else { continue }
            if !self.checkEarlyHoldings(shared, handle, of: connection) { misfits.append(connection) }
            if let swarm = self.swarms[handle] { self.tellHoldings(of: swarm, to: connection, into: &effects) }
        }
        for shard in self.swarms[handle]?.holdings?.receiving.keys ?? [] { self.countSharers(of: shard, in: handle) }
        // Last: whoever is closed for it takes what was counted with it.
        for connection in misfits { self.malformed(connection, .invalid(field: "bit count"), into: &effects) }
        if self.swarms[handle]?.isComplete == true { effects.append(.observe(.swarmCompleted(handle))) }
        self.needsFilling = true
    }

    /// Bitfields that came before the manifest are checked and counted now that their length is known. False when one does
    /// not fit.
    private mutating func checkEarlyHoldings(
        _ shared: SharedSwarm,
        _ handle: SwarmHandle,
        of connection: ConnectionID
    ) -> Bool {
        guard let holdings = self.swarms[handle]?.holdings else { return true }
        var shared = shared
        for (shard, chunks) in shared.partial
        where !holdings.contains(shard) || holdings.chunkCount(of: shard) != chunks.count {
            _ = shared.setPartial(nil, of: shard)
        }
        let fits = shared.holdings.map { $0.count == holdings.shardSizes.count } ?? true
        if !fits { shared.holdings = nil }
        self.peers.update(connection) { $0.swarms[handle] = shared }
        for shard in shared.holdings?.setBits.map({ ShardIndex($0) }) ?? [] { self.count(shard, in: handle, by: 1) }
        return fits
    }

    mutating func manifestRejected(
        _ handle: SwarmHandle,
        from connection: ConnectionID,
        reason: String,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        self.swarms.update(handle) { swarm in
            if swarm.manifestFetch?.source == connection { swarm.manifestFetch = nil }
        }
        if let node = self.peers[connection]?.identity?.nodeID {
            let reason = "it sent a manifest that is not the one of the link: \(reason)"
            self.ban(node, reason: reason, at: now, into: &effects)
        }
        self.peers.update(connection) { $0.swarms.removeValue(forKey: handle) }
        self.requestManifest(handle, at: now, into: &effects)
    }

    mutating func serveManifest(
        _ handle: SwarmHandle,
        offset: UInt32,
        to connection: ConnectionID,
        into effects: inout [MeshEffect]
    ) {
        let manifest = self.swarms[handle]?.holdings?.manifest ?? []
        let parts = (manifest.count + WireLimits.manifestPart - 1) / WireLimits.manifestPart
        let served = self.peers.update(connection) { peer -> Int? in
            peer.swarms.update(handle) { shared -> Int in
                shared.manifestPartsServed += 1
                return shared.manifestPartsServed
            }
        }
        // Twice the manifest and some is more than an honest peer asks of one connection.
        guard (served ?? 0) ?? 0 <= 2 * parts + 64 else {
            return self.disconnect(connection, reason: "it asks for the manifest again and again", into: &effects)
        }
        guard Int(offset) < manifest.count || manifest.isEmpty else {
            return self.malformed(connection, .invalid(field: "offset"), into: &effects)
        }
        let end = min(manifest.count, Int(offset) + WireLimits.manifestPart)
        let part =
            manifest.isEmpty
            ? ControlMessage.Body.manifestPart(offset: 0, total: 0, bytes: [])
            : .manifestPart(
                offset: offset,
                total: UInt32(manifest.count),
                bytes: Array(manifest[Int(offset)..<end])
            )
        effects.append(.send(connection, ControlMessage(handle: handle.rawValue, part)))
    }
}
