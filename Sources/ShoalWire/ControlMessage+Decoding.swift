import ShoalCore

extension ControlMessage {
    /// The message that `span` holds, whole. A type that this version does not know is ``Body/unknown(type:)``.
    package init(decoding span: RawSpan) throws(WireError) {
        guard span.byteCount <= WireLimits.controlMessage else {
            throw .tooLong(span.byteCount, limit: WireLimits.controlMessage)
        }
        var reader = WireReader(span)
        let type = try reader.u8()
        let handle = try reader.u16()
        guard handle <= WireLimits.handles.upperBound else { throw .invalid(field: "handle") }
        guard let type = MessageType(rawValue: type) else {
            self.init(handle: handle, .unknown(type: type))
            return
        }
        guard (handle == 0) == type.isAboutConnection else { throw .invalid(field: "handle") }
        let body = try Body(type, from: &reader)
        try reader.end()
        self.init(handle: handle, body)
    }
}

extension MessageType {
    /// Whether the message is about the connection (handle 0), not about one of its swarms.
    fileprivate var isAboutConnection: Bool {
        switch self {
        case .hello, .helloProof, .ping, .pong, .lane: true
        default: false
        }
    }
}

extension ControlMessage.Body {
    fileprivate init(_ type: MessageType, from reader: inout WireReader) throws(WireError) {
        switch type {
        case .hello: self = .hello(try Hello(from: &reader))
        case .helloProof: self = .helloProof(signature: try reader.bytes(WireLimits.signature))
        case .join: self = .join(proof: try reader.fixed())
        case .leave: self = .leave
        case .bitfield: self = .bitfield(try reader.bitfield(limit: WireLimits.bitfieldBits))
        case .have: self = .have(try reader.shards())
        case .gone: self = .gone(try reader.shards())
        case .partial:
            self = .partial(
                shard: ShardIndex(try reader.u32()),
                chunks: try reader.bitfield(limit: WireLimits.chunksOfShard)
            )
        case .manifestRequest: self = .manifestRequest(offset: try reader.u32())
        case .manifestPart: self = try reader.manifestPart()
        case .hashesRequest: self = .hashesRequest(shard: ShardIndex(try reader.u32()))
        case .hashes: self = .hashes(shard: ShardIndex(try reader.u32()), digests: try reader.digests())
        case .request: self = .request(try ChunkRequest(from: &reader))
        case .cancel: self = .cancel(id: try reader.u32())
        case .promote: self = .promote(id: try reader.u32(), priority: try reader.priority())
        case .reject: self = .reject(try Rejection(from: &reader))
        case .ack: self = .ack(id: try reader.u32(), chunks: try reader.u16())
        case .corrupt: self = .corrupt(shard: ShardIndex(try reader.u32()), chunk: ChunkIndex(try reader.u32()))
        case .ping: self = .ping(token: try reader.u64())
        case .pong: self = .pong(token: try reader.u64())
        case .lane: self = .lane(try reader.laneMessage())
        case .gossip: self = .gossip(try reader.gossip())
        case .signal: self = .signal(try reader.signal())
        }
    }
}

extension WireReader {
    mutating func bitfield(limit: Int) throws(WireError) -> Bitfield {
        let count = Int(try self.u32())
        guard count >= 1, count <= limit else { throw .invalid(field: "bit count") }
        guard let field = Bitfield(count: count, bytes: try self.bytes((count + 7) / 8)) else {
            throw .invalid(field: "spare bits")
        }
        return field
    }

    /// One or more shard numbers, to the end of the message.
    fileprivate mutating func shards() throws(WireError) -> [ShardIndex] {
        let count = self.remaining / 4
        guard (1...WireLimits.shardsInNotice).contains(count) else { throw .invalid(field: "shards") }
        var shards: [ShardIndex] = []
        shards.reserveCapacity(count)
        for _ in 0..<count { shards.append(ShardIndex(try self.u32())) }
        return shards
    }

    /// Any number of digests up to those of the largest shard, to the end of the message.
    fileprivate mutating func digests() throws(WireError) -> [Digest] {
        let count = self.remaining / Digest.byteCount
        guard count <= WireLimits.chunksOfShard else { throw .invalid(field: "digests") }
        var digests: [Digest] = []
        digests.reserveCapacity(count)
        for _ in 0..<count { digests.append(try self.fixed()) }
        return digests
    }

    fileprivate mutating func priority() throws(WireError) -> Priority {
        guard let priority = Priority(rawValue: try self.u8()) else { throw .invalid(field: "priority") }
        return priority
    }

    fileprivate mutating func manifestPart() throws(WireError) -> ControlMessage.Body {
        let offset = try self.u32()
        let total = try self.u32()
        guard total <= UInt32(WireLimits.manifest) else { throw .invalid(field: "total") }
        let bytes = try self.rest()
        guard bytes.count <= WireLimits.manifestPart else { throw .invalid(field: "part") }
        guard UInt64(offset) + UInt64(bytes.count) <= UInt64(total) else { throw .invalid(field: "offset") }
        guard bytes.isEmpty == (total == 0) else { throw .invalid(field: "part") }
        return .manifestPart(offset: offset, total: total, bytes: bytes)
    }
}

extension Hello {
    fileprivate init(from reader: inout WireReader) throws(WireError) {
        let version = try reader.u16()
        guard version >= 1 else { throw .invalid(field: "version") }
        self.init(
            version: version,
            session: try reader.u64(),
            nonce: try reader.fixed(),
            publicKey: try reader.fixed(),
            capabilities: try reader.u32(),
            maximumRequests: try reader.u16(),
            maximumChunks: try reader.u16(),
            agent: ""
        )
        guard self.maximumRequests >= 1 else { throw .invalid(field: "maximum requests") }
        guard self.maximumChunks >= 1 else { throw .invalid(field: "maximum chunks") }
        let agent = try reader.rest()
        guard agent.count <= WireLimits.agent else { throw .invalid(field: "agent") }
        guard let text = String(validating: agent, as: UTF8.self) else { throw .invalid(field: "agent") }
        // It is shown to people: a terminal must not take it for orders.
        let isPlain = text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
        guard isPlain else { throw .invalid(field: "agent") }
        self.agent = text
    }
}

extension ChunkRequest {
    fileprivate init(from reader: inout WireReader) throws(WireError) {
        let id = try reader.u32()
        let shard = ShardIndex(try reader.u32())
        let first = ChunkIndex(try reader.u32())
        let count = try reader.u16()
        let priority = try reader.priority()
        let last = UInt64(first.rawValue) + UInt64(count)
        guard count >= 1, last <= UInt64(WireLimits.chunksOfShard) else { throw .invalid(field: "chunks") }
        self.init(
            id: id,
            shard: shard,
            first: first,
            count: count,
            priority: priority,
            deadline: try reader.u32()
        )
    }
}

extension Rejection {
    fileprivate init(from reader: inout WireReader) throws(WireError) {
        let id = try reader.u32()
        guard let reason = Reason(rawValue: try reader.u8()) else { throw .invalid(field: "reason") }
        self.init(id: id, reason: reason, framesSent: try reader.u32(), retryAfter: try reader.u32())
    }
}
