import ShoalCore
import ShoalSwarm
import ShoalWire

/// Drives a ``FrameLedger`` by a ``Script``. Whatever a peer sends in whatever order, each slot comes back exactly once, and
/// nothing is copied to where it does not belong.
struct LedgerScript {
    private static let connection = ConnectionID(1)
    private static let swarm = SwarmHandle(1)

    private var script: Script
    private var ledger = FrameLedger(connection: Self.connection)
    private var highestID: UInt32 = 0
    private var isClosed = false
    private var nextSlot = 0
    /// Slots that the ledger has, and whether their chunk is whole.
    private var slots: [Int: Bool] = [:]

    static func run(_ bytes: [UInt8]) {
        var run = LedgerScript(script: Script(bytes))
        while !run.script.isOver { run.step() }
        run.release(run.ledger.closed())
        require(run.slots.isEmpty, "\(run.slots.count) slots did not come back")
    }

    private mutating func step() {
        switch self.number(upTo: 8) {
        case 0: self.expect()
        case 1: self.release(self.ledger.discard(self.anID()))
        case 2: self.release(self.ledger.settle(self.anID(), framesSent: self.number(upTo: 40)))
        case 3: self.take()
        case 4 where self.number(upTo: 16) == 0:
            self.release(self.ledger.closed())
            self.isClosed = true
        default: self.frame()
        }
    }

    private mutating func expect() {
        let size = Int(self.number(upTo: 256)) * 9_000 + Int(self.number(upTo: 256)) + 1
        let chunks = Cutting.chunkCount(ofShardOf: size)
        let first = Int(self.number(upTo: UInt32(chunks)))
        let count = min(chunks - first, Int(self.number(upTo: 8)) + 1)
        let request = ChunkRequest(
            id: self.highestID + 1 + self.number(upTo: 2),
            shard: ShardIndex(0),
            first: ChunkIndex(first),
            count: UInt16(count),
            priority: .background,
            deadline: 0
        )
        let slots = (0..<count).map { self.nextSlot + $0 }
        self.nextSlot += count
        let isExpected = self.ledger.expect(request, swarm: Self.swarm, shardSize: size, slots: slots)
        require(isExpected != self.isClosed, "a ledger expects frames exactly until its connection has closed")
        guard isExpected else { return }
        self.highestID = request.id
        for slot in slots { self.slots[slot] = false }
    }

    private mutating func frame() {
        let header = FrameHeader(
            handle: Self.swarm.rawValue,
            request: self.anID(),
            chunk: ChunkIndex(self.number(upTo: 20)),
            offset: self.number(upTo: 4) * UInt32(WireLimits.framePayload)
        )
        let payload = self.number(upTo: 4) == 0 ? 1 + Int(self.number(upTo: 256)) * 128 : WireLimits.framePayload
        switch self.ledger.accept(header, payload: payload) {
        case .copy(let slot, let offset, let completesChunk):
            require(self.slots[slot] == false, "a frame goes to a slot that takes none")
            require(offset + payload <= Cutting.chunkSize, "a frame goes behind its slot")
            self.slots[slot] = completesChunk
            self.release(self.ledger.settledByFrame(header.request))
        case .stray:
            require(header.request == 0 || header.request > self.highestID, "a frame that was asked for is stray")
        case .late, .malformed:
            require((1...self.highestID).contains(header.request), "a frame that nobody asked for is not stray")
        }
    }

    private mutating func take() {
        let receipt = ChunkReceipt(
            connection: Self.connection,
            request: self.anID(),
            swarm: Self.swarm,
            shard: ShardIndex(0),
            chunk: ChunkIndex(self.number(upTo: 20))
        )
        guard let slot = self.ledger.take(receipt) else { return }
        require(self.slots.removeValue(forKey: slot) == true, "a chunk was taken that is not whole, or was twice")
    }

    private mutating func release(_ released: [FrameLedger.Released]) {
        for chunk in released { require(self.slots.removeValue(forKey: chunk.slot) != nil, "a slot came back twice") }
    }

    /// The ID of a request that was made, or a little beyond.
    private mutating func anID() -> UInt32 { self.number(upTo: min(self.highestID + 2, 256)) }

    private mutating func number(upTo limit: UInt32) -> UInt32 { UInt32(self.script.number(upTo: Int(limit))) }

    private init(script: Script) { self.script = script }
}
