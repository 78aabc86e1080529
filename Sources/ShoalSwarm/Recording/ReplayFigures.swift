package import ShoalCore
import ShoalWire

/// What people want to know of a recorded run.
package struct ReplayFigures: Sendable {
    package private(set) var first: Instant
    package private(set) var last: Instant
    package private(set) var batches = 0
    package private(set) var inputs = 0
    package private(set) var effects = 0
    /// Nodes that proved who they are, those that left again, those that were banned.
    package private(set) var joined: Set<NodeID> = []
    package private(set) var banned: Set<NodeID> = []
    /// Chunks that came from peers and were right, each counted once, and their bytes.
    package private(set) var chunks = 0
    package private(set) var bytes = 0
    /// Frames that came, and those that the chunks above are made of.
    private var frames = 0
    private var usefulFrames = 0
    package private(set) var corrupt = 0
    /// Chunks that went out, as far as the run says.
    package private(set) var served = 0
    private var shardSizes: [SwarmHandle: [Int]] = [:]
    private var verified: Set<Place> = []

    /// A chunk, whoever sent it.
    package struct Place: Hashable, Sendable {
        package let swarm: SwarmHandle
        package let shard: ShardIndex
        package let chunk: ChunkIndex

        package init(swarm: SwarmHandle, shard: ShardIndex, chunk: ChunkIndex) {
            self.swarm = swarm
            self.shard = shard
            self.chunk = chunk
        }

        package init(_ receipt: ChunkReceipt) {
            self.init(swarm: receipt.swarm, shard: receipt.shard, chunk: receipt.chunk)
        }
    }

    package init(_ start: RecordingStart) {
        self.first = start.instant
        self.last = start.instant
    }

    package var duration: Duration { self.last - self.first }

    /// Bytes that came and were of no use: of chunks that came twice, or only in part. Counted in whole frames.
    package var bytesInVain: Int { max(0, self.frames - self.usefulFrames) * WireLimits.framePayload }

    /// Counts a step in.
    package mutating func add(_ step: Replay.Step) {
        self.last = step.instant
        self.batches = step.number
        self.inputs += step.inputs.count
        self.effects += step.effects.count
        for input in step.inputs { self.add(input) }
        for case .observe(let observation) in step.effects {
            switch observation {
            case .peerJoined(_, let node, _): self.joined.insert(node)
            case .peerBanned(let node, _): self.banned.insert(node)
            default: break
            }
        }
    }

    private mutating func add(_ input: MeshInput) {
        switch input {
        case .addSwarm(let description): self.shardSizes[description.handle] = description.content?.shardSizes
        case .manifestAccepted(let swarm, let content): self.shardSizes[swarm] = content.shardSizes
        case .chunkVerified(let receipt):
            guard self.verified.insert(Place(receipt)).inserted else { return }
            let size = self.size(of: receipt)
            self.chunks += 1
            self.bytes += size
            self.usefulFrames += (size + WireLimits.framePayload - 1) / WireLimits.framePayload
        case .frameArrived, .lateFrame: self.frames += 1
        case .chunkCorrupt: self.corrupt += 1
        case .chunkServed: self.served += 1
        case .shardsLost(let swarm, let shards, _), .shardsEvicted(let swarm, let shards):
            self.verified = self.verified.filter { $0.swarm != swarm || !shards.contains($0.shard) }
        default: break
        }
    }

    /// 0 for what is in no shard that the run knows.
    private func size(of receipt: ChunkReceipt) -> Int {
        guard let sizes = self.shardSizes[receipt.swarm], sizes.indices.contains(receipt.shard.position) else {
            return 0
        }
        let size = sizes[receipt.shard.position]
        guard receipt.chunk.position < Cutting.chunkCount(ofShardOf: size) else { return 0 }
        return Cutting.range(of: receipt.chunk, inShardOf: size).count
    }
}
