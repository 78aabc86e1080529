import ShoalCore
import ShoalWire
import TestVectors

/// `Tests/Vectors/wire.json`.
struct WireVectors: Decodable {
    static let all: WireVectors = TestVectors.load("wire")

    /// Bytes that come again and again at the end of a vector, so that the longest messages stay readable.
    struct Fill: Decodable {
        let hex: String
        let count: Int

        var bytes: [UInt8] { Array(repeatElement([UInt8](hex: self.hex), count: self.count).joined()) }
    }
    struct Message: Decodable {
        let name: String
        let hex: String
        let fill: Fill?
        let message: Fields

        var bytes: [UInt8] { [UInt8](hex: self.hex) + (self.fill?.bytes ?? []) }
        var control: ControlMessage { self.message.control(fill: self.fill?.bytes ?? []) }
    }
    struct Unknown: Decodable {
        let name: String
        let hex: String
        let type: UInt8
        let handle: UInt16
    }
    struct Refused: Decodable {
        let name: String
        let error: String
        let field: String?
        let hex: String
        let fill: Fill?

        var bytes: [UInt8] { [UInt8](hex: self.hex) + (self.fill?.bytes ?? []) }

        func names(_ error: WireError) -> Bool {
            switch error {
            case .truncated: self.error == "truncated"
            case .trailing: self.error == "trailing"
            case .tooLong: self.error == "tooLong"
            case .invalid(let field): self.error == "invalid" && self.field == field
            }
        }
    }
    struct Frame: Decodable {
        struct Fields: Decodable {
            let handle: UInt16
            let request: UInt32
            let chunk: UInt32
            let offset: UInt32
            let payload: Int
        }
        let name: String
        let hex: String
        let fill: Fill?
        let frame: Fields

        var bytes: [UInt8] { [UInt8](hex: self.hex) + (self.fill?.bytes ?? []) }
    }
    struct IgnoredFrame: Decodable {
        let name: String
        let hex: String
    }

    let messages: [Message]
    let unknown: [Unknown]
    let refused: [Refused]
    let frames: [Frame]
    let ignoredFrames: [IgnoredFrame]
    let refusedFrames: [Refused]
}

extension WireVectors {
    /// What a message says: the fields of all types, each there when its type has it.
    struct Fields: Decodable {
        let type: String
        let handle: UInt16
        let version: UInt16?
        let session: String?
        let nonce: String?
        let publicKey: String?
        let capabilities: UInt32?
        let maximumRequests: UInt16?
        let maximumChunks: UInt16?
        let agent: String?
        let signature: String?
        let proof: String?
        /// Of bits in a field, of chunks in a request.
        let count: Int?
        let bits: String?
        let shards: [UInt32]?
        let shard: UInt32?
        let offset: UInt32?
        let total: UInt32?
        let bytes: String?
        let digests: [String]?
        let id: UInt32?
        /// A chunk in a request, the start of the range in a digest.
        let first: Number?
        let priority: String?
        let deadline: UInt32?
        let reason: String?
        let framesSent: UInt32?
        let retryAfter: UInt32?
        let chunks: UInt16?
        let chunk: UInt32?
        let token: String?
        /// Of `gossip` and `signal`: which of them.
        let kind: String?
        let isNeighbour: Bool?
        let sequence: String?
        let timeToLive: UInt32?
        let age: UInt32?
        let base: String?
        let set: [UInt32]?
        let cleared: [UInt32]?
        let last: String?
        let versions: [Version]?
        let hops: UInt8?
        let from: String?
        let to: String?
        let offerID: String?
        let sentAt: String?
        let sdp: String?
        /// Of `lane`.
        let port: UInt16?
        let frames: String?

        /// The message; `fill` goes on with its last field.
        func control(fill: [UInt8]) -> ControlMessage { ControlMessage(handle: self.handle, self.body(fill: fill)) }

        private func body(fill: [UInt8]) -> ControlMessage.Body {
            switch self.type {
            case "hello": .hello(self.hello)
            case "helloProof": .helloProof(signature: [UInt8](hex: self.signature!))
            case "join": .join(proof: Digest(hex: self.proof!)!)
            case "leave": .leave
            case "bitfield": .bitfield(self.bitfield(fill))
            case "have": .have(self.shardList(fill))
            case "gone": .gone(self.shardList(fill))
            case "partial": .partial(shard: ShardIndex(self.shard!), chunks: self.bitfield(fill))
            case "manifestRequest": .manifestRequest(offset: self.offset!)
            case "manifestPart":
                .manifestPart(offset: self.offset!, total: self.total!, bytes: [UInt8](hex: self.bytes!) + fill)
            case "hashesRequest": .hashesRequest(shard: ShardIndex(self.shard!))
            case "hashes": .hashes(shard: ShardIndex(self.shard!), digests: self.digestList(fill))
            case "request": .request(self.request)
            case "cancel": .cancel(id: self.id!)
            case "promote": .promote(id: self.id!, priority: self.wirePriority)
            case "reject": .reject(self.rejection)
            case "ack": .ack(id: self.id!, chunks: self.chunks!)
            case "corrupt": .corrupt(shard: ShardIndex(self.shard!), chunk: ChunkIndex(self.chunk!))
            case "ping": .ping(token: UInt64(self.token!)!)
            case "pong": .pong(token: UInt64(self.token!)!)
            case "lane": .lane(self.lane)
            case "gossip": .gossip(self.gossip(fill))
            case "signal": .signal(self.signal(fill))
            default: preconditionFailure("the vectors have a message \(self.type)")
            }
        }

        private var lane: LaneMessage {
            switch self.kind! {
            case "offer": .offer(token: Nonce(hex: self.nonce!)!, port: self.port!)
            case "refused": .refused
            case "closed": .closed(frames: UInt64(self.frames!)!)
            default: preconditionFailure("the vectors have a lane message \(self.kind!)")
            }
        }

        private var hello: Hello {
            Hello(
                version: self.version!,
                session: UInt64(self.session!)!,
                nonce: Nonce(hex: self.nonce!)!,
                publicKey: PublicKey(hex: self.publicKey!)!,
                capabilities: self.capabilities!,
                maximumRequests: self.maximumRequests!,
                maximumChunks: self.maximumChunks!,
                agent: self.agent!
            )
        }

        private var request: ChunkRequest {
            ChunkRequest(
                id: self.id!,
                shard: ShardIndex(self.shard!),
                first: ChunkIndex(UInt32(self.first!.value)),
                count: UInt16(self.count!),
                priority: self.wirePriority,
                deadline: self.deadline!
            )
        }

        private var wirePriority: Priority {
            let names = ["critical", "next", "prefetch", "background", "replicate"]
            return Priority(rawValue: UInt8(names.firstIndex(of: self.priority!)!))!
        }

        private var rejection: Rejection {
            let names = ["missing", "busy", "denied", "limit", "cancelled", "elsewhere"]
            return Rejection(
                id: self.id!,
                reason: Rejection.Reason(rawValue: UInt8(names.firstIndex(of: self.reason!)! + 1))!,
                framesSent: self.framesSent!,
                retryAfter: self.retryAfter!
            )
        }

        func bitfield(_ fill: [UInt8]) -> Bitfield {
            Bitfield(count: self.count!, bytes: [UInt8](hex: self.bits!) + fill)!
        }

        private func shardList(_ fill: [UInt8]) -> [ShardIndex] {
            let filled = stride(from: 0, to: fill.count, by: 4).map { start in
                fill[start..<start + 4].reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
            }
            return (self.shards! + filled).map { ShardIndex($0) }
        }

        private func digestList(_ fill: [UInt8]) -> [Digest] {
            let filled = stride(from: 0, to: fill.count, by: Digest.byteCount).map { start in
                Digest(bytes: fill[start..<start + Digest.byteCount])!
            }
            return self.digests!.map { Digest(hex: $0)! } + filled
        }
    }
}
