package import ShoalCore
package import ShoalWire

/// Where the frames of one connection belong: asked by the callback that holds a frame's bytes, before they are gone.
///
/// Requests are expected before they are sent, so that no frame can come too early. Frames of requests that ended are
/// late; frames of requests that never were are stray. A slot is a chunk's room in the node's slab; it is reserved from
/// ``expect(_:swarm:shardSize:slots:)`` until the chunk is taken or released here.
package struct FrameLedger: Sendable {
    /// What to do with a frame.
    package enum Verdict: Hashable, Sendable {
        /// Copy the payload to `offset` in `slot`.
        case copy(slot: Int, offset: Int, completesChunk: Bool)
        /// Drop it: nobody waits for it any more.
        case late
        /// Nobody ever asked for it.
        case stray
        /// It does not fit the request that it names.
        case malformed
    }

    /// A chunk whose slot is free again, because its bytes will not come or are not wanted.
    package struct Released: Hashable, Sendable {
        package let receipt: ChunkReceipt
        package let slot: Int
    }

    private let connection: ConnectionID
    private var requests = SortedMap<UInt32, Expectation>()
    private var highestID: UInt32 = 0
    private var isClosed = false

    package init(connection: ConnectionID) { self.connection = connection }

    /// Reserves `slots`, one for each chunk of the request, in the order of the chunks. False, and nothing reserved, when
    /// the connection has closed meanwhile.
    package mutating func expect(_ request: ChunkRequest, swarm: SwarmHandle, shardSize: Int, slots: [Int]) -> Bool {
        guard !self.isClosed else { return false }
        precondition(slots.count == Int(request.count), "\(slots.count) slots for \(request.count) chunks")
        precondition(request.id > self.highestID, "request IDs increase")
        self.highestID = request.id
        let chunks = slots.indices.map { position in
            let chunk = ChunkIndex(request.first.position + position)
            return Expectation.Chunk(
                slot: slots[position],
                size: Cutting.range(of: chunk, inShardOf: shardSize).count
            )
        }
        self.requests[request.id] = Expectation(request: request, swarm: swarm, chunks: chunks)
        return true
    }

    /// Judges a frame with `payload` bytes behind its header.
    package mutating func accept(_ header: FrameHeader, payload: Int) -> Verdict {
        guard header.request <= self.highestID, header.request > 0 else { return .stray }
        return self.requests.update(header.request) { $0.accept(header, payload: payload) } ?? .late
    }

    /// Judges a part of a frame of a direct lane: its payload goes on to the end of the chunk, and is `payload` bytes long.
    /// The frame counts once its last part is there.
    package mutating func accept(_ header: FrameHeader, payload: Int, part: Range<Int>) -> Verdict {
        guard header.request <= self.highestID, header.request > 0 else { return .stray }
        return self.requests.update(header.request) { $0.accept(header, payload: payload, part: part) } ?? .late
    }

    /// Frames of this request are dropped from now on, and the room of chunks that are not whole is released. Whole
    /// ones stay until they are taken: that they are there has been told already.
    package mutating func discard(_ id: UInt32) -> [Released] {
        guard var expectation = self.requests[id] else { return [] }
        let positions = expectation.chunks.indices.filter {
            !expectation.chunks[$0].isWhole && !expectation.chunks[$0].isSettled
        }
        let released = positions.map { self.released($0, of: expectation) }
        for position in positions { expectation.chunks[position].isSettled = true }
        expectation.isOver = true
        self.requests[id] = expectation.isEmpty ? nil : expectation
        return released
    }

    /// The sender has sent `framesSent` frames of this request and will send no more. Chunks that cannot become whole
    /// are released as soon as those frames are there.
    package mutating func settle(_ id: UInt32, framesSent: UInt32) -> [Released] {
        let isComplete = self.requests.update(id) { expectation -> Bool in
            expectation.framesToCome = Int(framesSent)
            return expectation.framesArrived >= Int(framesSent)
        }
        return isComplete == true ? self.discard(id) : []
    }

    /// To be asked after each frame: what ``settle(_:framesSent:)`` had to leave open.
    package mutating func settledByFrame(_ id: UInt32) -> [Released] {
        guard let expectation = self.requests[id], !expectation.isOver, let frames = expectation.framesToCome else {
            return []
        }
        return expectation.framesArrived >= frames ? self.discard(id) : []
    }

    /// Takes a whole chunk out of the ledger: its slot now belongs to the caller. Nil when it is not whole or gone.
    package mutating func take(_ receipt: ChunkReceipt) -> Int? {
        guard let expectation = self.requests[receipt.request] else { return nil }
        let position = receipt.chunk.position - expectation.request.first.position
        let slot = self.requests.update(receipt.request) { expectation -> Int? in
            guard expectation.chunks.indices.contains(position) else { return nil }
            return expectation.chunks[position].take()
        }
        if self.requests[receipt.request]?.isEmpty == true { self.requests.removeValue(forKey: receipt.request) }
        return slot ?? nil
    }

    /// The connection is gone: everything that is still here is released, whole or not.
    package mutating func closed() -> [Released] {
        self.isClosed = true
        let released = self.requests.values.flatMap { expectation in
            expectation.chunks.indices.filter { !expectation.chunks[$0].isSettled }
                .map { self.released($0, of: expectation) }
        }
        self.requests = SortedMap()
        return released
    }

    private func released(_ position: Int, of expectation: Expectation) -> Released {
        Released(
            receipt: ChunkReceipt(
                connection: self.connection,
                request: expectation.request.id,
                swarm: expectation.swarm,
                shard: expectation.request.shard,
                chunk: ChunkIndex(expectation.request.first.position + position)
            ),
            slot: expectation.chunks[position].slot
        )
    }
}

/// A request whose frames are awaited.
private struct Expectation: Sendable {
    struct Chunk: Sendable {
        let slot: Int
        let size: Int
        /// Bit f: frame f is there. A chunk has at most four.
        var frames: UInt8 = 0
        /// Its slot is taken or released, and no longer ours to give.
        var isSettled = false

        var isWhole: Bool { self.frames.nonzeroBitCount == FrameHeader.count(forChunkOf: self.size) }

        mutating func take() -> Int? {
            guard self.isWhole, !self.isSettled else { return nil }
            self.isSettled = true
            return self.slot
        }
    }

    let request: ChunkRequest
    let swarm: SwarmHandle
    var chunks: [Chunk]
    var framesArrived = 0
    /// Known once the sender has ended the request early.
    var framesToCome: Int?
    /// No frame is wanted any more; only whole chunks wait to be taken.
    var isOver = false

    var isEmpty: Bool { self.chunks.allSatisfy(\.isSettled) }

    mutating func accept(_ header: FrameHeader, payload: Int) -> FrameLedger.Verdict {
        self.accept(header, payload: payload, part: 0..<payload) { min(WireLimits.framePayload, $0) }
    }

    mutating func accept(_ header: FrameHeader, payload: Int, part: Range<Int>) -> FrameLedger.Verdict {
        self.accept(header, payload: payload, part: part) { $0 }
    }

    /// - Parameter expected: the payload that a frame has when so many bytes are left of its chunk.
    private mutating func accept(
        _ header: FrameHeader,
        payload: Int,
        part: Range<Int>,
        expected: (Int) -> Int
    ) -> FrameLedger.Verdict {
        guard !self.isOver else { return .late }
        let position = header.chunk.position - self.request.first.position
        guard self.chunks.indices.contains(position) else { return .malformed }
        let size = self.chunks[position].size
        let offset = Int(header.offset)
        guard offset < size, payload == expected(size - offset) else { return .malformed }
        let first = offset / WireLimits.framePayload
        let count = FrameHeader.count(forChunkOf: payload)
        let bits = UInt8((1 << count) - 1) << UInt8(first)
        guard self.chunks[position].frames & bits == 0 else { return .malformed }
        if part.upperBound == payload {
            self.chunks[position].frames |= bits
            self.framesArrived += count
        }
        return .copy(
            slot: self.chunks[position].slot,
            offset: offset + part.lowerBound,
            completesChunk: self.chunks[position].isWhole
        )
    }
}
