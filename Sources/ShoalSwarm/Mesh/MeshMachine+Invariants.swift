package import ShoalCore
import ShoalWire

/// What must hold between any two inputs, for simulations to look at. Nothing here changes anything.
extension MeshMachine {
    /// Chunks that may still be asked for.
    package var freeRoom: Int { self.room }

    /// Chunks that are asked for and not settled, over all peers.
    package var unsettledChunks: Int {
        self.peers.values.reduce(0) { sum, peer in
            peer.downloads.requests.values.reduce(sum) { $0 + Int($1.request.count) - $1.ended }
        }
    }

    /// Whether the machine holds this chunk to be verified and on disk.
    package func hasVerified(_ chunk: ChunkIndex, of shard: ShardIndex, in handle: SwarmHandle) -> Bool {
        self.swarms[handle]?.holdings?.hasVerified(chunk, of: shard) ?? false
    }

    /// The first thing that the machine's parts say of one another and that is not so; nil when all agree. Walks
    /// everything, so it is for intervals.
    package var contradiction: String? {
        if self.room < 0 { return "\(-self.room) chunks more are asked for than there is room for" }
        // What was asked of peers that have left comes back on its own.
        if self.room + self.unsettledChunks > self.configuration.room { return "more room was given back than taken" }
        for (handle, swarm) in self.swarms {
            guard let holdings = swarm.holdings else { continue }
            if let text = self.contradictionOfAvailability(holdings, handle) { return text }
            if let text = self.contradictionOfAskers(holdings, handle) { return text }
        }
        return self.contradictionOfTimers
    }

    /// No peer's timer is kept for later than it is due.
    private var contradictionOfTimers: String? {
        for (connection, peer) in self.peers {
            guard let due = self.timer(of: connection, peer) else { continue }
            guard let kept = self.peers.timer(of: connection) else { return "\(connection) has no timer" }
            if kept > due { return "the timer of \(connection) is \(kept - due) late" }
        }
        return nil
    }

    /// Availability is the sum over the peers' holdings.
    private func contradictionOfAvailability(_ holdings: Holdings, _ handle: SwarmHandle) -> String? {
        var counts = [Int](repeating: 0, count: holdings.shardSizes.count)
        for peer in self.peers.values {
            guard let field = peer.swarms[handle]?.holdings, field.count == counts.count else { continue }
            for shard in field.setBits { counts[shard] += 1 }
        }
        for (position, count) in counts.enumerated() where count != Int(holdings.availability[position]) {
            return
                "\(ShardIndex(position)) counts as held by \(holdings.availability[position]) peers, and \(count) have it"
        }
        return nil
    }

    /// Who is noted as owing a chunk has been asked for it, or brought it and has left; and nobody is asked for a whole shard.
    private func contradictionOfAskers(_ holdings: Holdings, _ handle: SwarmHandle) -> String? {
        for (shard, receiving) in holdings.receiving {
            if holdings.complete[shard.position] { return "\(shard) is whole and still being received" }
            for (chunk, askers) in receiving.askers.enumerated() {
                for connection in askers {
                    if self.peers[connection] == nil, receiving.bringers[chunk].contains(connection) { continue }
                    let owes = self.peers[connection]?.downloads.requests.values.contains {
                        $0.swarm == handle && $0.request.shard == shard && $0.chunks.contains(chunk)
                    }
                    guard owes == true else {
                        return "\(connection) is noted for a chunk of \(shard) that it does not owe"
                    }
                }
            }
        }
        return nil
    }
}
