import ShoalCore
import ShoalWire

/// What peers are told of shards that are still being received, so that they can share them meanwhile.
extension MeshMachine {
    /// Tells the next few peers, in turn, of chunks that were verified since they were told last.
    mutating func tellPartials(at now: Instant, into effects: inout [MeshEffect]) {
        self.nextPartialNotice = nil
        var told = 0
        for connection in self.peersAfter(self.lastPartialNotice) {
            guard told < self.configuration.partialPeers else {
                self.nextPartialNotice = now + self.configuration.partialInterval
                return
            }
            if self.tellPartials(to: connection, into: &effects) { told += 1 }
            self.lastPartialNotice = connection
        }
    }

    /// Every connection, beginning behind `last`.
    private func peersAfter(_ last: ConnectionID?) -> [ConnectionID] {
        let keys = self.peers.keys
        guard let last, let start = keys.firstIndex(where: { $0 > last }) else { return keys }
        return Array(keys[start...] + keys[..<start])
    }

    /// Returns whether there was anything to tell.
    private mutating func tellPartials(to connection: ConnectionID, into effects: inout [MeshEffect]) -> Bool {
        guard let peer = self.peers[connection] else { return false }
        var isNews = false
        for (handle, shared) in peer.swarms {
            var told = SortedMap<ShardIndex, Int>()
            for (shard, receiving) in self.swarms[handle]?.holdings?.receiving ?? SortedMap() {
                let count = receiving.verified.setCount
                guard count > 0, !shared.hasWhole(shard) else { continue }
                told[shard] = count
                guard count != shared.toldChunks[shard] else { continue }
                isNews = true
                let notice = ControlMessage.Body.partial(shard: shard, chunks: receiving.verified)
                effects.append(.send(connection, ControlMessage(handle: handle.rawValue, notice)))
            }
            self.peers.update(connection) { peer in peer.swarms.update(handle) { $0.toldChunks = told } }
        }
        return isNews
    }
}
