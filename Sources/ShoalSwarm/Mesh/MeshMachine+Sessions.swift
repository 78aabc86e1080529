import ShoalCore
import ShoalWire

/// From an open channel to a peer that has proved who it is, and to the swarms that both sides share.
extension MeshMachine {
    mutating func opened(
        _ connection: ConnectionID,
        _ path: PeerPath,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        // It opened while the order to close it was on its way.
        guard self.attempts[connection]?.isClosing != true else { return }
        let attempt = self.attempts.removeValue(forKey: connection)
        self.offers.remove(connection)
        let session = PeerSession(
            connection: connection,
            path: path,
            nonce: .random(using: &self.generator),
            isMembers: attempt?.isMembers == true,
            window: TransferWindow(limits: self.configuration.windowRange, trial: self.configuration.trialWindow),
            at: now
        )
        self.peers.insert(session)
        let hello = Hello(
            session: self.session,
            nonce: session.localNonce,
            publicKey: self.authenticator.publicKey,
            capabilities: self.configuration.hasDirectLane ? Hello.directLane : 0,
            maximumRequests: self.configuration.servedRequests,
            maximumChunks: self.configuration.servedChunks,
            agent: self.configuration.agent
        )
        effects.append(.send(connection, ControlMessage(.hello(hello))))
    }

    mutating func received(
        _ message: ControlMessage,
        from connection: ConnectionID,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        guard let session = self.peers[connection], !session.isClosing else { return }
        self.heard(connection, at: now)
        switch session.phase {
        case .awaitingHello:
            guard case .hello(let hello) = message.body else {
                return self.disconnect(connection, reason: "it did not say hello first", into: &effects)
            }
            self.receivedHello(hello, from: session, into: &effects)
        case .awaitingProof(let hello, let transcript):
            guard case .helloProof(let signature) = message.body else {
                return self.disconnect(connection, reason: "it did not prove who it is", into: &effects)
            }
            self.receivedProof(signature, of: hello, transcript, from: session, at: now, into: &effects)
        case .open: self.receivedOpen(message, from: connection, at: now, into: &effects)
        }
    }

    private mutating func receivedHello(_ hello: Hello, from session: PeerSession, into effects: inout [MeshEffect]) {
        guard hello.version == WireLimits.protocolVersion else {
            let reason = "it speaks version \(hello.version) of the protocol, we speak \(WireLimits.protocolVersion)"
            return self.disconnect(session.connection, reason: reason, into: &effects)
        }
        guard hello.publicKey != self.authenticator.publicKey else {
            return self.disconnect(session.connection, reason: "it is this node itself", into: &effects)
        }
        let transcript = Transcript(path: session.path, localNonce: session.localNonce, remoteNonce: hello.nonce)
        let signature = self.authenticator.sign(transcript.helloMessage(signer: session.path.role))
        self.peers.update(session.connection) { $0.phase = .awaitingProof(hello, transcript) }
        effects.append(.send(session.connection, ControlMessage(.helloProof(signature: signature))))
    }

    private mutating func receivedProof(
        _ signature: [UInt8],
        of hello: Hello,
        _ transcript: Transcript,
        from session: PeerSession,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        let message = transcript.helloMessage(signer: session.path.role.opposite)
        guard self.authenticator.isValid(signature, of: message, by: hello.publicKey) else {
            return self.disconnect(session.connection, reason: "its proof does not fit its key", into: &effects)
        }
        let identity = PeerIdentity(
            nodeID: self.authenticator.nodeID(of: hello.publicKey),
            session: hello.session,
            agent: hello.agent,
            hasDirectLane: hello.capabilities & Hello.directLane != 0,
            maximumRequests: Int(hello.maximumRequests),
            maximumChunks: Int(hello.maximumChunks),
            transcript: transcript
        )
        guard !self.nodes.isBanned(identity.nodeID) else {
            return self.disconnect(session.connection, reason: "it is banned", into: &effects)
        }
        guard self.contacts.expected(on: session.connection) ?? identity.nodeID == identity.nodeID else {
            return self.disconnect(session.connection, reason: "it is not the node that was sought", into: &effects)
        }
        self.contacts.proved(session.connection)
        let record = self.nodes[identity.nodeID]
        let expected = self.expectedProofs(transcript, signer: session.path.role.opposite)
        self.peers.update(session.connection) { peer in
            peer.phase = .open(identity)
            peer.expectedProofs = expected
            if let record { peer.score = PeerScore(reliability: record.reliability) }
        }
        effects.append(.observe(.peerJoined(session.connection, identity.nodeID, agent: identity.agent)))
        for swarm in self.swarms.values { self.sendJoin(swarm, to: session.connection, transcript, into: &effects) }
        self.resolveDuplicates(of: session.connection, identity, into: &effects)
    }

    private func expectedProofs(_ transcript: Transcript, signer: PeerPath.Role) -> [Digest: SwarmHandle] {
        var proofs: [Digest: SwarmHandle] = [:]
        for swarm in self.swarms.values {
            proofs[self.joinProof(of: swarm, transcript, signer: signer)] = swarm.handle
        }
        return proofs
    }

    private func joinProof(of swarm: Swarm, _ transcript: Transcript, signer: PeerPath.Role) -> Digest {
        self.authenticator.authenticationCode(
            of: transcript.joinMessage(signer: signer),
            key: swarm.description.secret
        )
    }

    private func sendJoin(
        _ swarm: Swarm,
        to connection: ConnectionID,
        _ transcript: Transcript,
        into effects: inout [MeshEffect]
    ) {
        guard let role = self.peers[connection]?.path.role else { return }
        let proof = self.joinProof(of: swarm, transcript, signer: role)
        effects.append(.send(connection, ControlMessage(handle: swarm.handle.rawValue, .join(proof: proof))))
    }

    /// A swarm was added: peers that are there already hear of it.
    mutating func joinEverywhere(_ swarm: Swarm, into effects: inout [MeshEffect]) {
        for (connection, peer) in self.peers {
            guard let transcript = peer.identity?.transcript else { continue }
            let proof = self.joinProof(of: swarm, transcript, signer: peer.path.role.opposite)
            self.peers.update(connection) { $0.expectedProofs[proof] = swarm.handle }
            self.sendJoin(swarm, to: connection, transcript, into: &effects)
        }
    }

    /// Both sides find each other through several trackers and both offer, so that duplicates are normal. Only the lower
    /// node ID closes them, keeping the older; a newer start of the peer replaces the connections of the old one at once.
    private mutating func resolveDuplicates(
        of connection: ConnectionID,
        _ identity: PeerIdentity,
        into effects: inout [MeshEffect]
    ) {
        let others = self.peers.filter {
            $0.key != connection && !$0.value.isClosing && $0.value.identity?.nodeID == identity.nodeID
        }
        for (other, peer) in others {
            guard let session = peer.identity?.session else { continue }
            if session < identity.session {
                self.disconnect(other, reason: "the peer has started anew", into: &effects)
            } else if session > identity.session {
                self.disconnect(connection, reason: "an earlier start of the peer", into: &effects)
            } else if self.nodeID < identity.nodeID {
                let openedAt = self.peers[connection]?.openedAt ?? peer.openedAt
                let newer = (openedAt, connection) > (peer.openedAt, other) ? connection : other
                self.disconnect(newer, reason: "a second connection to the same peer", into: &effects)
            }
        }
    }

    /// The peer is gone, or is to go: what it owed is asked of others, what it had no longer counts.
    mutating func retire(_ connection: ConnectionID, into effects: inout [MeshEffect]) {
        self.uploads.remove(connection)
        self.gossip.closed(connection)
        guard let peer = self.peers[connection] else { return }
        self.peers.update(connection) { $0.swarms = SortedMap() }
        for (handle, shared) in peer.swarms {
            self.unshare(handle, shared, with: connection)
            self.requestManifest(handle, at: self.lastInput, into: &effects)
        }
        // Who shared no swarm is no loss: one whom we have banned, say, and who answers each of our announces.
        if !peer.swarms.isEmpty { self.seekPeers(at: self.lastInput, into: &effects) }
        self.needsFilling = true
        self.needsServing = true
    }

    /// The last word about a connection.
    mutating func closed(
        _ connection: ConnectionID,
        reason: String,
        at now: Instant,
        into effects: inout [MeshEffect]
    ) {
        self.attempts.removeValue(forKey: connection)
        self.offers.remove(connection)
        self.downloadLimiter.remove(connection)
        self.contacts.closed(
            connection,
            backoff: self.configuration.gossip.backoff,
            at: now,
            using: &self.generator
        )
        if self.peers[connection]?.isClosing == false { self.retire(connection, into: &effects) }
        guard let peer = self.peers.removeValue(forKey: connection) else { return }
        if let node = peer.identity?.nodeID {
            self.departed.insert(connection, node)
            self.nodes.update(node, at: now) { $0.reliability = peer.score.reliability }
        }
        effects.append(.observe(.peerLeft(connection, peer.identity?.nodeID, reason: reason)))
    }
}
