import ShoalCore
import ShoalWire

/// What the edges of a node never tell its machine. The machine relies on it; a recording that somebody has made up may
/// hold it, and a replay looks before it tells.
extension MeshMachine {
    /// What is wrong with an input at this moment; nil when a node can have had it.
    func fault(of input: MeshInput) -> String? {
        switch input {
        case .addSwarm(let description): self.fault(of: description)
        case .limit(let limits): limits.fault
        case .manifestAccepted(_, let content): content.fault
        case .frameArrived(let connection, let request, let chunk, _):
            self.fault(of: chunk, in: self.peers[connection]?.downloads.requests[request])
        case .chunkVerified(let receipt), .chunkCorrupt(let receipt), .chunkDropped(let receipt):
            self.fault(of: receipt)
        case .chunkServed(let connection, let request, let chunk),
            .chunkUnreadable(let connection, let request, let chunk):
            self.uploads.shard(of: request, from: connection).flatMap {
                self.fault(of: chunk, of: $0.shard, in: $0.swarm)
            }
        case .hashesAccepted(let handle, let shard): self.fault(of: shard, in: handle)
        case .shardsLost(let handle, let shards, _):
            shards.lazy.compactMap { self.fault(of: $0, in: handle) }.first
        default: nil
        }
    }

    private func fault(of description: SwarmDescription) -> String? {
        guard self.swarms[description.handle] == nil else {
            return "the handle \(description.handle.rawValue) a second time"
        }
        if let budget = description.replicationBudget, budget < 0 { return "a budget of \(budget) bytes" }
        return description.content?.fault
    }

    private func fault(of receipt: ChunkReceipt) -> String? {
        guard let request = self.peers[receipt.connection]?.downloads.requests[receipt.request] else {
            return self.fault(of: receipt.chunk, of: receipt.shard, in: receipt.swarm)
        }
        guard request.swarm == receipt.swarm, request.request.shard == receipt.shard else {
            return "\(receipt.shard) for another that was asked for"
        }
        return self.fault(of: receipt.chunk, in: request)
    }

    private func fault(of chunk: ChunkIndex, in request: OutstandingRequest?) -> String? {
        guard let request, !request.chunks.contains(chunk.position) else { return nil }
        return "\(chunk), which was not asked for"
    }

    private func fault(of chunk: ChunkIndex, of shard: ShardIndex, in handle: SwarmHandle) -> String? {
        guard let holdings = self.swarms[handle]?.holdings else { return nil }
        guard holdings.contains(shard), chunk.position < holdings.chunkCount(of: shard) else {
            return "\(chunk) of \(shard), which there is not"
        }
        return nil
    }

    private func fault(of shard: ShardIndex, in handle: SwarmHandle) -> String? {
        guard let holdings = self.swarms[handle]?.holdings, !holdings.contains(shard) else { return nil }
        return "\(shard), which there is not"
    }
}

extension SwarmContent {
    /// What no store says of a model.
    fileprivate var fault: String? {
        guard self.manifest.count <= WireLimits.manifest else { return "a manifest of \(self.manifest.count) bytes" }
        guard (1...Cutting.maximumShardCount).contains(self.shardSizes.count) else {
            return "a model of \(self.shardSizes.count) shards"
        }
        if let size = self.shardSizes.first(where: { !(1...Cutting.maximumShardSize).contains($0) }) {
            return "a shard of \(size) bytes"
        }
        guard self.complete.count == self.shardSizes.count, self.hashLists.count == self.shardSizes.count else {
            return "fields of other lengths than the model"
        }
        let isPossible = self.partial.allSatisfy { shard, chunks in
            shard.position < self.shardSizes.count
                && chunks.count == Cutting.chunkCount(ofShardOf: self.shardSizes[shard.position])
        }
        return isPossible ? nil : "chunks of a shard that there is not"
    }
}
