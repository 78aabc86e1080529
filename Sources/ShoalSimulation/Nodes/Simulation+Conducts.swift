import ShoalCore
import ShoalSwarm
import ShoalWire

/// What those who mean no good do at the edges of a machine that is as good as any.
extension Simulation {
    /// 20 ms between the bursts of a flooding node.
    static let attackInterval = Duration.milliseconds(20)

    /// What a node really says; nil when it keeps silent.
    func said(_ message: ControlMessage, by node: Int) -> ControlMessage? {
        switch (self.nodes[node].conduct, message.body) {
        case (.mute, _): nil
        case (.boasting, .bitfield(let field)):
            ControlMessage(handle: message.handle, .bitfield(.full(count: field.count)))
        case (.hiding, .bitfield(let field)):
            ControlMessage(handle: message.handle, .bitfield(Bitfield(count: field.count)))
        case (.hiding, .have), (.hiding, .partial): nil
        default: message
        }
    }

    /// A burst of a flooding node: messages to every peer, each of them well formed, and offers that nobody made.
    mutating func attack(_ life: NodeLife) {
        guard self.isCurrent(life) else { return }
        let node = life.node
        self.queue.push(.attack(life), at: self.now + Self.attackInterval)
        for (connection, state) in self.nodes[node].connections {
            guard case .open = state else { continue }
            for message in self.flood(of: node) { self.send(message, from: node, connection) }
        }
        guard self.nodes[node].dice.next() % 50 == 0 else { return }
        for (tracker, socket) in self.nodes[node].sockets.enumerated() where socket != nil {
            let offers = (0..<10).map { _ in
                TrackerOffer(
                    offerID: .random(using: &self.nodes[node].dice),
                    sdp: "node \(node) life \(life.life) connection \(self.nodes[node].dice.next() >> 1)\n"
                )
            }
            let announce = TrackerAnnounce(
                infoHash: self.model.infoHash,
                peerID: .random(using: &self.nodes[node].dice),
                left: 1,
                offers: offers
            )
            self.send(.announce(announce), to: tracker, of: node)
        }
    }

    private mutating func flood(of node: Int) -> [ControlMessage] {
        let handle = Self.swarm.rawValue
        let shards = UInt64(self.model.shardSizes.count)
        let shard = ShardIndex(UInt32(self.nodes[node].dice.next() % shards))
        let number = self.nodes[node].dice.next()
        let chunks = self.model.chunkCount(of: shard.position)
        let request = ChunkRequest(
            id: UInt32(truncatingIfNeeded: number) | 1,
            shard: shard,
            first: ChunkIndex(0 as Int),
            count: UInt16(min(chunks, 8)),
            priority: .critical,
            deadline: 0
        )
        return [
            ControlMessage(.ping(token: number)),
            ControlMessage(handle: handle, .have([shard])),
            ControlMessage(handle: handle, .hashesRequest(shard: shard)),
            ControlMessage(handle: handle, .corrupt(shard: shard, chunk: ChunkIndex(0 as Int))),
            ControlMessage(handle: handle, .request(request)),
        ]
    }
}
