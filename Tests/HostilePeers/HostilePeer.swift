import Dispatch
package import ShoalCore
import ShoalFormats
package import ShoalNode
package import ShoalSignaling
package import ShoalStore
package import ShoalSwarm
package import ShoalTransport
package import ShoalWire
import Synchronization
package import TestSupport

import class NIOPosix.MultiThreadedEventLoopGroup

/// How a ``HostilePeer`` answers when it plays a seeder. What is not changed is honest.
package struct Conduct: Sendable {
    package var answersPings: Bool
    /// Nil: no answer.
    package var manifest: @Sendable ([UInt8]) -> [UInt8]?
    /// Nil: no answer.
    package var hashes: @Sendable ([Digest]) -> [Digest]?
    /// Nil: no frames.
    package var chunk: @Sendable ([UInt8]) -> [UInt8]?
    package var frame: @Sendable (FrameHeader) -> FrameHeader

    package init(
        answersPings: Bool = true,
        manifest: @escaping @Sendable ([UInt8]) -> [UInt8]? = { $0 },
        hashes: @escaping @Sendable ([Digest]) -> [Digest]? = { $0 },
        chunk: @escaping @Sendable ([UInt8]) -> [UInt8]? = { $0 },
        frame: @escaping @Sendable (FrameHeader) -> FrameHeader = { $0 }
    ) {
        self.answersPings = answersPings
        self.manifest = manifest
        self.hashes = hashes
        self.chunk = chunk
        self.frame = frame
    }
}

/// A peer over real WebRTC that says what a test tells it to, in the order that the test wants. It always makes the SDP
/// offer, and has one connection.
package final class HostilePeer: RTCTransportDelegate {
    /// Its handle of whatever swarm it joins: not the node's, so that mix-ups show.
    package static let handle: UInt16 = 7

    package let identity: NodeIdentity
    /// What the node said.
    package let messages = Journal<ControlMessage>()
    /// What the node sent, and how many bytes of payload with it.
    package let frames = Journal<(header: FrameHeader, size: Int)>()
    package let ends = Journal<String>()
    private let conduct: Conduct
    /// What it says it has; nil: it answers nothing but pings.
    private let model: StoredModel?
    private let descriptions = Journal<String>()
    private let paths = Journal<RTCPath>()
    private let signals = Journal<TrackerClient.Event>()
    private let connection = ConnectionID(1)
    private let wiring = Mutex<(transport: RTCTransport, tracker: TrackerClient?)?>(nil)

    package init(home: String, conduct: Conduct, model: StoredModel?) throws {
        let home = try Home(path: home)
        defer { home.close() }
        self.identity = try NodeIdentity.load(home: home.path)
        self.conduct = conduct
        self.model = model
        var configuration = RTCConfiguration()
        configuration.bindAddress = "127.0.0.1"
        let transport = try RTCTransport(configuration: configuration, delegate: self)
        self.wiring.withLock { $0 = (transport, nil) }
    }

    private var transport: RTCTransport {
        guard let wiring = self.wiring.withLock({ $0 }) else { preconditionFailure("it has left already") }
        return wiring.transport
    }

    /// Offers a connection to the node that the tracker knows, and waits until it is open.
    package func connect(at url: TrackerURL, infoHash: InfoHash) async throws {
        let signals = self.signals
        let tracker = try TrackerClient(url: url, group: MultiThreadedEventLoopGroup.singleton) { signals.note($0) }
        self.wiring.withLock { $0?.tracker = tracker }
        tracker.connect()
        self.transport.offer(self.connection)
        let offer = try await self.descriptions.first("an offer") { $0 }
        try await self.signals.first("the tracker") { $0 == .connected ? () : nil }
        var generator = SystemRandomNumberGenerator()
        let announce = TrackerAnnounce(
            infoHash: infoHash,
            peerID: .random(using: &generator),
            event: .started,
            left: 1,
            offers: [TrackerOffer(offerID: .random(using: &generator), sdp: offer)]
        )
        try tracker.send(.announce(announce))
        let answer = try await self.signals.first("the node's answer") { event in
            if case .message(.answer(_, _, _, let sdp)) = event { sdp } else { nil }
        }
        self.transport.accept(self.connection, answer: answer)
        _ = try await self.paths.first("an open connection") { $0 }
    }

    package func leave() async {
        let wiring = self.wiring.withLock { wiring in
            defer { wiring = nil }
            return wiring
        }
        guard let (transport, tracker) = wiring else { return }
        tracker?.close()
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                transport.shutdown()
                continuation.resume()
            }
        }
    }

    // MARK: Saying

    package func send(_ body: ControlMessage.Body, handle: UInt16 = 0) {
        self.send(ControlMessage(handle: handle, body).encoded())
    }

    package func send(_ bytes: [UInt8]) {
        self.wiring.withLock { $0?.transport }?.sendControl(self.connection, bytes)
    }

    package func send(_ header: FrameHeader, _ payload: [UInt8]) {
        let buffer = UploadBuffer()
        buffer.bytes.copyBytes(from: payload)
        let chunk = OutgoingChunk(headers: header.encoded(), payload: buffer, size: payload.count)
        self.wiring.withLock { $0?.transport }?.sendChunk(self.connection, chunk, token: 0)
    }

    /// A `hello` with everything in order, unless `change` changes it. Returns what proofs of this connection are over.
    @discardableResult
    package func sayHello(_ change: (inout Hello) -> Void = { _ in }) async throws -> Transcript {
        let path = try await self.paths.first("an open connection") { $0 }
        var introduction = Introduction(of: self.identity, on: path)
        change(&introduction.hello)
        self.send(.hello(introduction.hello))
        let theirs = try await self.messages.first("the node's hello") { message in
            if case .hello(let hello) = message.body { hello } else { nil }
        }
        return introduction.transcript(theirs)
    }

    /// The whole handshake, in order.
    @discardableResult
    package func introduce() async throws -> Transcript {
        let transcript = try await self.sayHello()
        self.send(.helloProof(signature: self.identity.sign(transcript.helloMessage(signer: .initiator))))
        return transcript
    }

    /// The handshake and a `join` that `secret` opens the swarm with; then, with a model, that all of it is here.
    package func join(_ secret: Digest) async throws {
        let transcript = try await self.introduce()
        let proof = self.identity.authenticationCode(of: transcript.joinMessage(signer: .initiator), key: secret)
        self.send(.join(proof: proof), handle: Self.handle)
        guard let model = self.model else { return }
        self.send(.bitfield(.full(count: model.manifest.shards.count)), handle: Self.handle)
    }

    /// Asks for chunks.
    package func request(_ id: UInt32, shard: Int = 0, first: Int = 0, count: Int) {
        let request = ChunkRequest(
            id: id,
            shard: ShardIndex(shard),
            first: ChunkIndex(first),
            count: UInt16(count),
            priority: .background,
            deadline: 0
        )
        self.send(.request(request), handle: Self.handle)
    }

    // MARK: Hearing

    /// The node's `reject` of a request.
    package func rejection(of id: UInt32) async throws -> Rejection {
        try await self.messages.first("a reject of \(id)") { message in
            if case .reject(let rejection) = message.body, rejection.id == id { rejection } else { nil }
        }
    }

    /// All that the node said up to its answer to a `ping` of now: messages are answered in order.
    package func everythingSaid() async throws -> [ControlMessage.Body] {
        let token = UInt64.random(in: .min ... .max)
        self.send(.ping(token: token))
        return try await self.messages.wait(for: "a pong") { messages in
            let bodies = messages.map(\.body)
            return bodies.contains(.pong(token: token)) ? bodies : nil
        }
    }

    // MARK: Playing a seeder

    private func answer(_ message: ControlMessage) {
        if case .ping(let token) = message.body, self.conduct.answersPings { self.send(.pong(token: token)) }
        guard let model = self.model else { return }
        switch message.body {
        case .manifestRequest(let offset):
            guard let manifest = self.conduct.manifest(model.manifestBytes) else { return }
            let part = Array(manifest[Int(offset)..<min(manifest.count, Int(offset) + WireLimits.manifestPart)])
            self.send(
                .manifestPart(offset: offset, total: UInt32(manifest.count), bytes: part),
                handle: Self.handle
            )
        case .hashesRequest(let shard):
            // A test's own file: it is there.
            guard let list = try? model.hashList(of: shard) else { return }
            guard let digests = self.conduct.hashes((0..<list.count).map { list[ChunkIndex($0)] }) else { return }
            self.send(.hashes(shard: shard, digests: digests), handle: Self.handle)
        case .request(let request): self.serve(request, of: model)
        default: break
        }
    }

    private func serve(_ request: ChunkRequest, of model: StoredModel) {
        for position in 0..<Int(request.count) {
            let chunk = ChunkIndex(request.first.position + position)
            // A test's own file: it is there.
            guard let bytes = try? model.bytes(chunk, of: request.shard) else { return }
            guard let payload = self.conduct.chunk(bytes) else { return }
            for offset in stride(from: 0, to: payload.count, by: WireLimits.framePayload) {
                let header = FrameHeader(
                    handle: Self.handle,
                    request: request.id,
                    chunk: chunk,
                    offset: UInt32(offset)
                )
                let end = min(payload.count, offset + WireLimits.framePayload)
                self.send(self.conduct.frame(header), Array(payload[offset..<end]))
            }
        }
    }

    // MARK: The transport's news

    package func described(_ connection: ConnectionID, sdp: String) { self.descriptions.note(sdp) }

    package func opened(_ connection: ConnectionID, path: RTCPath) { self.paths.note(path) }

    package func closed(_ connection: ConnectionID, reason: String) { self.ends.note(reason) }

    package func receivedControl(_ connection: ConnectionID, _ message: RawSpan) {
        // The node is honest: what cannot be read is what a test then misses.
        guard let message = try? ControlMessage(decoding: message) else { return }
        self.messages.note(message)
        self.answer(message)
    }

    package func receivedFrame(_ connection: ConnectionID, _ frame: RawSpan) {
        guard let header = try? FrameHeader(decoding: frame) else { return }
        self.frames.note((header, frame.byteCount - WireLimits.frameHeader))
    }

    package func chunkSent(_ connection: ConnectionID, token: UInt64) {}
}

extension StoredModel {
    /// All bytes of a chunk.
    package func bytes(_ chunk: ChunkIndex, of shard: ShardIndex) throws(StoreError) -> [UInt8] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Cutting.chunkSize, alignment: 8)
        defer { buffer.deallocate() }
        return Array(buffer[..<(try self.read(chunk, of: shard, into: buffer))])
    }
}
