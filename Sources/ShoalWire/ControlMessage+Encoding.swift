import ShoalCore

/// First byte of every control message.
enum MessageType: UInt8 {
    case hello = 0x01
    case helloProof = 0x02
    case join = 0x03
    case leave = 0x04
    case bitfield = 0x10
    case have = 0x11
    case gone = 0x12
    case partial = 0x13
    case manifestRequest = 0x20
    case manifestPart = 0x21
    case hashesRequest = 0x22
    case hashes = 0x23
    case request = 0x30
    case cancel = 0x31
    case reject = 0x32
    case ack = 0x33
    case corrupt = 0x34
    case promote = 0x35
    case ping = 0x40
    case pong = 0x41
    case lane = 0x42
    case gossip = 0x50
    case signal = 0x51
}

extension ControlMessage {
    /// The bytes on the wire: type, handle, fields.
    package func encoded() -> [UInt8] {
        var writer = WireWriter()
        writer.put(self.body.typeByte)
        writer.put(self.handle)
        self.body.putFields(into: &writer)
        precondition(
            writer.bytes.count <= WireLimits.controlMessage,
            "a control message of \(writer.bytes.count) bytes is longer than every peer accepts"
        )
        return writer.bytes
    }
}

extension ControlMessage.Body {
    fileprivate var typeByte: UInt8 {
        let type: MessageType =
            switch self {
            case .hello: .hello
            case .helloProof: .helloProof
            case .join: .join
            case .leave: .leave
            case .bitfield: .bitfield
            case .have: .have
            case .gone: .gone
            case .partial: .partial
            case .manifestRequest: .manifestRequest
            case .manifestPart: .manifestPart
            case .hashesRequest: .hashesRequest
            case .hashes: .hashes
            case .request: .request
            case .cancel: .cancel
            case .promote: .promote
            case .reject: .reject
            case .ack: .ack
            case .corrupt: .corrupt
            case .ping: .ping
            case .pong: .pong
            case .lane: .lane
            case .gossip: .gossip
            case .signal: .signal
            case .unknown(let type): preconditionFailure("message type \(type) is not ours to send")
            }
        return type.rawValue
    }

    fileprivate func putFields(into writer: inout WireWriter) {
        switch self {
        case .hello(let hello): hello.put(into: &writer)
        case .helloProof(let signature): writer.put(signature)
        case .join(let proof): writer.put(proof)
        case .leave: break
        case .bitfield(let field): writer.put(field)
        case .have(let shards), .gone(let shards):
            for shard in shards { writer.put(shard.rawValue) }
        case .partial(let shard, let chunks):
            writer.put(shard.rawValue)
            writer.put(chunks)
        case .manifestRequest(let offset): writer.put(offset)
        case .manifestPart(let offset, let total, let bytes):
            writer.put(offset)
            writer.put(total)
            writer.put(bytes)
        case .hashesRequest(let shard): writer.put(shard.rawValue)
        case .hashes(let shard, let digests):
            writer.put(shard.rawValue)
            for digest in digests { writer.put(digest) }
        case .request(let request): request.put(into: &writer)
        case .cancel(let id): writer.put(id)
        case .promote(let id, let priority):
            writer.put(id)
            writer.put(priority.rawValue)
        case .reject(let rejection): rejection.put(into: &writer)
        case .ack(let id, let chunks):
            writer.put(id)
            writer.put(chunks)
        case .corrupt(let shard, let chunk):
            writer.put(shard.rawValue)
            writer.put(chunk.rawValue)
        case .ping(let token), .pong(let token): writer.put(token)
        case .lane(let message): writer.put(message)
        case .gossip(let gossip): writer.put(gossip)
        case .signal(let signal): writer.put(signal)
        case .unknown: preconditionFailure("an unknown message has no fields")
        }
    }
}

extension WireWriter {
    /// The number of bits (u32), then the bytes.
    mutating func put(_ field: Bitfield) {
        self.put(UInt32(field.count))
        self.put(field.bytes)
    }
}

extension Hello {
    fileprivate func put(into writer: inout WireWriter) {
        let agent = Array(self.agent.utf8)
        precondition(
            agent.count <= WireLimits.agent,
            "an agent of \(agent.count) bytes is longer than every peer accepts"
        )
        writer.put(self.version)
        writer.put(self.session)
        writer.put(self.nonce)
        writer.put(self.publicKey)
        writer.put(self.capabilities)
        writer.put(self.maximumRequests)
        writer.put(self.maximumChunks)
        writer.put(agent)
    }
}

extension ChunkRequest {
    fileprivate func put(into writer: inout WireWriter) {
        writer.put(self.id)
        writer.put(self.shard.rawValue)
        writer.put(self.first.rawValue)
        writer.put(self.count)
        writer.put(self.priority.rawValue)
        writer.put(self.deadline)
    }
}

extension Rejection {
    fileprivate func put(into writer: inout WireWriter) {
        writer.put(self.id)
        writer.put(self.reason.rawValue)
        writer.put(self.framesSent)
        writer.put(self.retryAfter)
    }
}
