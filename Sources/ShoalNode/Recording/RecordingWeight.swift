import ShoalCore
import ShoalSwarm
import ShoalWire

/// About how many bytes of memory something keeps until it is written down. What refers to nothing large counts as the
/// same small number, more than it has.
enum RecordingWeight {
    /// 512: a value itself, with the names and notices that it may hold.
    static let value = 512

    static func of(_ inputs: [MeshInput], _ effects: [MeshEffect], _ answers: [RecordedAnswer]) -> Int {
        inputs.reduce(0) { $0 + self.of($1) } + effects.reduce(0) { $0 + self.of($1) } + answers.count * self.value
    }

    static func of(_ input: MeshInput) -> Int {
        switch input {
        case .addSwarm(let description): self.value + (description.content.map(self.of) ?? 0)
        case .manifestAccepted(_, let content): self.value + self.of(content)
        case .received(_, let message): self.value + self.of(message)
        case .described(_, let sdp): self.value + sdp.utf8.count
        case .trackerReceived(_, let response): self.value + self.of(response)
        case .demand(_, let shards, _), .endDemand(_, let shards), .shardsLost(_, let shards, _):
            self.value + shards.count * MemoryLayout<ShardIndex>.stride
        default: self.value
        }
    }

    static func of(_ effect: MeshEffect) -> Int {
        switch effect {
        case .send(_, let message): self.value + self.of(message)
        case .makeAnswer(_, let sdp), .acceptAnswer(_, let sdp): self.value + sdp.utf8.count
        case .checkManifest(_, let bytes, _): self.value + bytes.count
        case .checkHashes(_, _, let digests, _): self.value + digests.count * Digest.byteCount
        case .sendToTracker(_, .announce(let announce)):
            announce.offers.reduce(self.value) { $0 + self.value + $1.sdp.utf8.count }
        case .sendToTracker(_, .answer(let answer)): self.value + answer.sdp.utf8.count
        case .observe(.shardsLost(_, let shards, _)):
            self.value + shards.count * MemoryLayout<ShardIndex>.stride
        default: self.value
        }
    }

    /// Of a peer's message, which is no longer than the wire allows, and of gossip that is one of the long ones.
    private static func of(_ message: ControlMessage) -> Int {
        switch message.body {
        case .bitfield(let field), .partial(_, let field): field.bytes.count
        case .have(let shards), .gone(let shards): shards.count * MemoryLayout<ShardIndex>.stride
        case .manifestPart(_, _, let bytes): bytes.count
        case .hashes(_, let digests): digests.count * Digest.byteCount
        case .gossip, .signal: WireLimits.controlMessage
        default: 0
        }
    }

    private static func of(_ response: TrackerResponse) -> Int {
        switch response {
        case .offer(_, _, let offer): offer.sdp.utf8.count
        case .answer(_, _, _, let sdp): sdp.utf8.count
        case .scraped(let counts): counts.count * self.value
        default: 0
        }
    }

    private static func of(_ content: SwarmContent) -> Int {
        content.manifest.count + content.shardSizes.count * MemoryLayout<Int>.stride
            + content.partial.values.reduce(0) { $0 + self.value + $1.bytes.count }
    }
}
