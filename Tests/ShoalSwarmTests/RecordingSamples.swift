import ShoalCore
import ShoalSwarm
import ShoalWire

/// One of each thing that can be in a recording. The switches have no default: who adds a case has to add it here.
enum RecordingSamples {
    static let inputs: [MeshInput] = chain(from: .addSwarm(swarm(content)), next)

    static let responses: [TrackerResponse] = chain(
        from: .announced(TrackerStatistics(infoHash: MachineDriver.infoHash, complete: 1, incomplete: 2)),
        next
    )

    static let wireErrors: [WireError] = chain(from: .truncated(needed: 4, available: 1), next)

    static let content = SwarmContent(
        manifest: [UInt8](0...255),
        shardSizes: [131_072, 1, Cutting.maximumShardSize],
        complete: Bitfield(count: 3, bytes: [0b0100_0000])!,
        partial: [ShardIndex(2): .full(count: 512), ShardIndex(0): Bitfield(count: 1)],
        hashLists: .full(count: 3)
    )

    private static let connection = ConnectionID(.max)
    private static let tracker = TrackerIndex(2)
    private static let receipt = ChunkReceipt(
        connection: connection,
        request: .max,
        swarm: SwarmHandle(256),
        shard: ShardIndex(131_071),
        chunk: ChunkIndex(511)
    )

    private static var limits: TransferLimits {
        var limits = TransferLimits()
        limits.upload = TransferLimits.Rates(total: 1_000_000, perPeer: nil)
        limits.download = TransferLimits.Rates(total: nil, perPeer: 16_384)
        limits.uploadSlots = 4
        return limits
    }

    private static func swarm(_ content: SwarmContent?) -> SwarmDescription {
        SwarmDescription(
            handle: MachineDriver.swarm,
            infoHash: MachineDriver.infoHash,
            secret: MachineDriver.secret,
            content: content,
            trackers: [TrackerIndex(0), TrackerIndex(1)]
        )
    }

    private static func chain<Value>(from first: Value, _ next: (Value) -> Value?) -> [Value] {
        var all = [first]
        while let following = next(all[all.count - 1]) { all.append(following) }
        return all
    }

    private static func next(after input: MeshInput) -> MeshInput? {
        let handle = MachineDriver.swarm
        let shard = ShardIndex(3)
        let chunk = ChunkIndex(300)
        return switch input {
        case .addSwarm: .updateSwarm(handle, fetches: false, trackers: [tracker])
        case .updateSwarm(_, .some, _): .updateSwarm(handle, fetches: nil, trackers: [])
        case .updateSwarm(_, nil, _): .select(handle, Bitfield(count: 3, bytes: [0b1010_0000]))
        case .select(_, .some): .select(handle, nil)
        case .select(_, nil): .removeSwarm(handle)
        case .removeSwarm: .demand(handle, [shard, ShardIndex(0)], .critical)
        case .demand: .endDemand(handle, [])
        case .endDemand: .limit(limits)
        case .limit: .stop
        case .stop: .described(connection, sdp: "v=0\r\nö\u{0}")
        case .described: .opened(connection, PlayedPeer(number: 1, connection: 1).path)
        case .opened: .closed(connection, reason: "")
        case .closed: .received(connection, ControlMessage(handle: 256, .have([shard])))
        case .received: .malformed(connection, .invalid(field: "handle"))
        case .malformed: .frameArrived(connection, request: 127, chunk: chunk, completesChunk: true)
        case .frameArrived: .lateFrame(connection)
        case .lateFrame: .strayFrame(connection)
        case .strayFrame: .chunkVerified(receipt)
        case .chunkVerified: .chunkCorrupt(receipt)
        case .chunkCorrupt: .chunkDropped(receipt)
        case .chunkDropped: .manifestAccepted(handle, content)
        case .manifestAccepted: .manifestRejected(handle, from: connection, reason: "no")
        case .manifestRejected: .hashesAccepted(handle, shard)
        case .hashesAccepted: .hashesRejected(handle, shard, from: connection)
        case .hashesRejected: .shardsLost(handle, [shard], reason: "rotten")
        case .shardsLost: .shardsEvicted(handle, [shard])
        case .shardsEvicted: .chunksFound(handle, shard, .full(count: 9))
        case .chunksFound: .storeFailed(handle, reason: "disk full")
        case .storeFailed: .chunkServed(connection, request: 128, chunk: chunk)
        case .chunkServed: .chunkUnreadable(connection, request: 16_384, chunk: chunk)
        case .chunkUnreadable: .hashesServed(connection, handle)
        case .hashesServed: .trackerConnected(tracker)
        case .trackerConnected: .trackerClosed(tracker, reason: "gone")
        case .trackerClosed: .trackerReceived(tracker, .warning("slow down"))
        case .trackerReceived: .deadline
        case .deadline: nil
        }
    }

    private static func next(after response: TrackerResponse) -> TrackerResponse? {
        let infoHash = MachineDriver.infoHash
        let peer = PeerID(bytes: [UInt8](repeating: 4, count: 20))!
        let offerID = OfferID(bytes: [UInt8](repeating: 5, count: 20))!
        return switch response {
        case .announced(let statistics) where statistics.interval == nil:
            .announced(
                TrackerStatistics(
                    infoHash: infoHash,
                    complete: 3,
                    incomplete: .max,
                    interval: .milliseconds(1_500),
                    minimumInterval: .zero
                )
            )
        case .announced: .offer(infoHash: infoHash, from: peer, offer: TrackerOffer(offerID: offerID, sdp: "v=0"))
        case .offer: .answer(infoHash: infoHash, from: peer, offerID: offerID, sdp: "v=0")
        case .answer: .scraped([infoHash: TrackerCounts(complete: 1, incomplete: 2, downloaded: 3)])
        case .scraped: .failure(reason: "no", infoHash: infoHash)
        case .failure(_, .some): .failure(reason: "no", infoHash: nil)
        case .failure(_, nil): .warning("slow down")
        case .warning: nil
        }
    }

    private static func next(after error: WireError) -> WireError? {
        switch error {
        case .truncated: .trailing(1)
        case .trailing: .tooLong(65_536, limit: 32_768)
        case .tooLong: .invalid(field: "handle")
        case .invalid: nil
        }
    }
}
