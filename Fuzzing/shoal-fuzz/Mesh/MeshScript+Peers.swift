import ShoalCore
import ShoalSwarm
import ShoalWire

/// Peers: who they say they are, what they say and send.
extension MeshScript {
    /// An open connection, if there is one.
    mutating func anOpenLink() -> ConnectionID? {
        let open = self.links.filter { $0.value.isOpen }.map(\.key)
        return open.isEmpty ? nil : self.script.pick(open)
    }

    /// The handle under which every peer speaks of a swarm of ours.
    static func theirHandle(of swarm: SwarmHandle) -> UInt16 { swarm.rawValue + 8 }

    /// What a peer's bytes become on their way to the machine.
    mutating func deliver(_ bytes: [UInt8], from connection: ConnectionID) {
        do throws(WireError) {
            self.tell(.received(connection, try ControlMessage(decoding: bytes.span.bytes)))
        } catch {
            self.tell(.malformed(connection, error))
        }
    }

    mutating func deliver(_ body: ControlMessage.Body, handle: UInt16 = 0, from connection: ConnectionID) {
        self.deliver(ControlMessage(handle: handle, body).encoded(), from: connection)
    }

    // MARK: The handshake

    /// A peer goes all the way into the swarms that this node has, or a part of it.
    mutating func peerEnters() {
        guard let connection = self.anOpenLink() else { return }
        let steps = self.script.number(upTo: 8)
        let session = UInt64(1 + self.script.number(upTo: 9))
        self.enter(connection, steps: steps, session: session, accepts: self.script.pick([64, 4, 1, 0]))
    }

    /// - Parameter steps: 1 to 3 leave out one step, 4 all swarms but the first.
    mutating func enter(_ connection: ConnectionID, steps: Int = 0, session: UInt64 = 1, accepts: UInt16 = 64) {
        guard let link = self.links[connection] else { return }
        if steps != 1 { self.sayHello(connection, session: session, accepts: accepts) }
        if steps != 2, let proof = self.transcript(of: link)?.helloMessage(signer: self.role(of: link)) {
            let toy = ToyAuthenticator(number: link.peer)
            self.deliver(.helloProof(signature: toy.sign(proof)), from: connection)
        }
        guard steps != 3 else { return }
        for swarm in self.models.keys where steps != 4 || swarm.rawValue == 1 { self.sayJoin(swarm, connection) }
    }

    private mutating func sayHello(_ connection: ConnectionID, session: UInt64, accepts: UInt16) {
        let toy = ToyAuthenticator(number: self.links[connection]?.peer ?? 2)
        let hello = Hello(
            version: session == 9 ? 2 : WireLimits.protocolVersion,
            session: session,
            nonce: Self.nonce,
            publicKey: toy.publicKey,
            maximumRequests: accepts,
            maximumChunks: accepts,
            agent: "toy"
        )
        self.deliver(.hello(hello), from: connection)
    }

    mutating func sayJoin(_ swarm: SwarmHandle, _ connection: ConnectionID) {
        guard let link = self.links[connection], let transcript = self.transcript(of: link) else { return }
        guard let model = self.models[swarm] else { return }
        let toy = ToyAuthenticator(number: link.peer)
        let code = toy.authenticationCode(
            of: transcript.joinMessage(signer: self.role(of: link)),
            key: model.secret
        )
        self.deliver(.join(proof: code), handle: Self.theirHandle(of: swarm), from: connection)
    }

    private static let nonce = Nonce(storage: ToyAuthenticator(number: 9).publicKey.storage)

    private func role(of link: MeshLink) -> PeerPath.Role { link.path?.role.opposite ?? .responder }

    private func transcript(of link: MeshLink) -> Transcript? {
        guard let path = link.path, let nonce = link.nonce else { return nil }
        let initiates = path.role == .initiator
        return Transcript(
            initiatorNonce: initiates ? nonce : Self.nonce,
            responderNonce: initiates ? Self.nonce : nonce,
            initiatorFingerprint: initiates ? path.localFingerprint : path.remoteFingerprint,
            responderFingerprint: initiates ? path.remoteFingerprint : path.localFingerprint
        )
    }

    // MARK: Frames

    /// Frames of what was asked for, or of anything.
    mutating func framesCome() {
        guard let connection = self.anOpenLink(), let link = self.links[connection] else { return }
        guard !link.requests.isEmpty, !self.script.isRare(in: 8) else {
            return self.frameComes(
                FrameHeader(
                    handle: UInt16(truncatingIfNeeded: self.script.anyNumber()),
                    request: UInt32(truncatingIfNeeded: self.script.anyNumber()),
                    chunk: ChunkIndex(UInt32(truncatingIfNeeded: self.script.anyNumber())),
                    offset: UInt32(truncatingIfNeeded: self.script.anyNumber()) &* UInt32(WireLimits.framePayload)
                ),
                payload: 1 + self.script.number(upTo: 256),
                connection
            )
        }
        let (request, swarm) = self.script.pick(link.requests)
        let count = 1 + self.script.number(upTo: Int(request.count))
        for position in 0..<count {
            let chunk = ChunkIndex(request.first.position + (position + count - 1) % Int(request.count))
            self.chunkComes(chunk, of: request, swarm, connection)
        }
    }

    private mutating func chunkComes(
        _ chunk: ChunkIndex,
        of request: ChunkRequest,
        _ swarm: SwarmHandle,
        _ connection: ConnectionID
    ) {
        guard let size = self.models[swarm]?.shardSizes[request.shard.position] else { return }
        let bytes = Cutting.range(of: chunk, inShardOf: size).count
        // Some chunks stay without their end.
        let frames = FrameHeader.count(forChunkOf: bytes) - (self.script.isRare(in: 6) ? 1 : 0)
        for frame in 0..<frames {
            let offset = frame * WireLimits.framePayload
            let header = FrameHeader(
                handle: Self.theirHandle(of: swarm),
                request: request.id,
                chunk: chunk,
                offset: UInt32(offset)
            )
            self.frameComes(header, payload: min(WireLimits.framePayload, bytes - offset), connection)
        }
    }

    private mutating func frameComes(_ header: FrameHeader, payload: Int, _ connection: ConnectionID) {
        guard let verdict = self.links.update(connection, { $0.ledger.accept(header, payload: payload) }) else {
            return
        }
        let input: MeshInput =
            switch verdict {
            case .copy(_, _, let completesChunk):
                .frameArrived(
                    connection,
                    request: header.request,
                    chunk: header.chunk,
                    completesChunk: completesChunk
                )
            case .late: .lateFrame(connection)
            case .stray: .strayFrame(connection)
            case .malformed: .malformed(connection, .invalid(field: "frame"))
            }
        let released = self.links.update(connection) { $0.ledger.settledByFrame(header.request) }
        self.tell(input)
        self.release(released)
    }
}
