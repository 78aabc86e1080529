import ShoalCore
import ShoalFormats
import ShoalSwarm
import ShoalWire
import Synchronization

/// Two machines of one swarm, one of which fetches from the other: what each of them was told is a recording that leads
/// deep into the protocol, for the fuzzer to change.
struct RecordedDuo {
    private static let connection = ConnectionID(1_000)
    private static let swarm = SwarmHandle(1)
    private static let shardSizes = [300_000, 1]
    private static let digest = Digest(sha256Of: [])

    /// Toy functions, and what they answered since they were last asked for it.
    private final class Witness: Authenticator {
        private let toy: ToyAuthenticator
        private let answers = Mutex<[RecordedAnswer]>([])

        init(number: Int) { self.toy = ToyAuthenticator(number: UInt8(number)) }

        var publicKey: PublicKey { self.toy.publicKey }

        func take() -> [RecordedAnswer] {
            self.answers.withLock { answers in
                defer { answers = [] }
                return answers
            }
        }

        func nodeID(of key: PublicKey) -> NodeID {
            let id = self.toy.nodeID(of: key)
            self.answers.withLock { $0.append(RecordedAnswer(nodeID: id, of: key)) }
            return id
        }

        func digest(of bytes: [UInt8]) -> Digest { self.toy.digest(of: bytes) }

        func sign(_ message: [UInt8]) -> [UInt8] {
            let signature = self.toy.sign(message)
            self.answers.withLock { $0.append(RecordedAnswer(signature: signature, of: message)) }
            return signature
        }

        func isValid(_ signature: [UInt8], of message: [UInt8], by key: PublicKey) -> Bool {
            let isValid = self.toy.isValid(signature, of: message, by: key)
            self.answers.withLock { $0.append(RecordedAnswer(isValid: isValid, signature, of: message, by: key)) }
            return isValid
        }

        func authenticationCode(of message: [UInt8], key: Digest) -> Digest {
            let code = self.toy.authenticationCode(of: message, key: key)
            self.answers.withLock { $0.append(RecordedAnswer(code: code, of: message, key: key)) }
            return code
        }
    }

    private struct Side {
        let start: RecordingStart
        let witness: Witness
        var machine: MeshMachine
        var entries: [RecordingEntry]
        var effects = EffectDigest()
    }

    private var sides: [Side]
    private var queue: [(side: Int, input: MeshInput)] = []
    private var now = Instant(nanoseconds: 1_000_000_000)

    /// The recordings of both, without their magic: fetcher first.
    static func records() -> [[UInt8]] {
        var duo = RecordedDuo()
        duo.run(steps: 200)
        return duo.sides.map { side in
            side.entries.flatMap { entry in
                let record = try? RecordingFile.record(entry)
                require(record != nil, "what a machine was told cannot be recorded")
                return record ?? []
            }
        }
    }

    private init() {
        self.sides = (1...2).map { number in
            let witness = Witness(number: number)
            let start = RecordingStart(
                configuration: MeshConfiguration(),
                session: 1,
                trackers: 1,
                seed: UInt64(number),
                at: .zero,
                publicKey: witness.publicKey
            )
            return Side(start: start, witness: witness, machine: start.machine(witness), entries: [.start(start)])
        }
        for side in 0...1 {
            let role: PeerPath.Role = side == 0 ? .initiator : .responder
            let path = PeerPath(role: role, localFingerprint: Self.digest, remoteFingerprint: Self.digest)
            let description = SwarmDescription(
                handle: Self.swarm,
                infoHash: ManifestID(Self.digest).infoHash(swarmKey: nil),
                secret: Self.digest,
                content: side == 1 ? Self.content(isWhole: true) : nil,
                trackers: [TrackerIndex(0)]
            )
            self.queue += [
                (side, .addSwarm(description)), (side, .trackerConnected(TrackerIndex(0))),
                (side, .opened(Self.connection, path)),
            ]
        }
    }

    private static func content(isWhole: Bool) -> SwarmContent {
        let none = Bitfield(count: Self.shardSizes.count)
        return SwarmContent(
            manifest: [UInt8](repeating: 1, count: 100),
            shardSizes: Self.shardSizes,
            complete: isWhole ? .full(count: Self.shardSizes.count) : none,
            partial: [:],
            hashLists: isWhole ? .full(count: Self.shardSizes.count) : none
        )
    }

    /// Tells what is to be told, and lets time pass when nothing is.
    private mutating func run(steps: Int) {
        for _ in 0..<steps {
            if self.queue.isEmpty {
                let next = (0...1).compactMap { side in self.sides[side].machine.nextDeadline.map { ($0, side) } }
                guard let (moment, side) = next.min(by: { $0 < $1 }) else { return }
                self.now = max(self.now, moment)
                self.tell(.deadline, to: side)
            } else {
                let (side, input) = self.queue.removeFirst()
                self.tell(input, to: side)
            }
            self.now = self.now + .microseconds(100)
        }
        for side in 0...1 { self.tell(.stop, to: side) }
    }

    private mutating func tell(_ input: MeshInput, to side: Int) {
        var effects: [MeshEffect] = []
        self.sides[side].machine.handle(input, at: self.now, into: &effects)
        require((try? self.sides[side].effects.add(effects)) != nil, "effects cannot be hashed")
        let answers = self.sides[side].witness.take()
        if !answers.isEmpty { self.sides[side].entries.append(.answers(answers)) }
        let digest = self.sides[side].effects.value
        let batch = RecordedBatch(at: self.now, inputs: [input], effects: effects.count, digest: digest)
        self.sides[side].entries.append(.batch(batch))
        for effect in effects { self.carryOut(effect, of: side) }
    }

    private mutating func carryOut(_ effect: MeshEffect, of side: Int) {
        switch effect {
        case .makeOffer(let connection): self.queue.append((side, .described(connection, sdp: "v=0")))
        case .send(Self.connection, let message): self.queue.append((1 - side, .received(Self.connection, message)))
        case .request(_, let swarm, let request):
            let message = ControlMessage(handle: swarm.rawValue, .request(request))
            self.queue.append((1 - side, .received(Self.connection, message)))
        case .serve(_, let request, _, let shard, let chunk):
            self.queue.append((side, .chunkServed(Self.connection, request: request, chunk: chunk)))
            let size = Cutting.range(of: chunk, inShardOf: Self.shardSizes[shard.position]).count
            let frames = FrameHeader.count(forChunkOf: size)
            for frame in 1...frames {
                let input = MeshInput.frameArrived(
                    Self.connection,
                    request: request,
                    chunk: chunk,
                    completesChunk: frame == frames
                )
                self.queue.append((1 - side, input))
            }
        case .verify(let receipt): self.queue.append((side, .chunkVerified(receipt)))
        case .drop(let receipt): self.queue.append((side, .chunkDropped(receipt)))
        case .checkManifest(let swarm, _, _):
            self.queue.append((side, .manifestAccepted(swarm, Self.content(isWhole: false))))
        case .checkHashes(let swarm, let shard, _, _): self.queue.append((side, .hashesAccepted(swarm, shard)))
        case .serveHashes(_, let swarm, let shard):
            let count = Cutting.chunkCount(ofShardOf: Self.shardSizes[shard.position])
            let hashes = ControlMessage.Body.hashes(
                shard: shard,
                digests: Array(repeating: Self.digest, count: count)
            )
            self.queue.append((side, .hashesServed(Self.connection, swarm)))
            self.queue.append(
                (1 - side, .received(Self.connection, ControlMessage(handle: swarm.rawValue, hashes)))
            )
        default: break
        }
    }
}
