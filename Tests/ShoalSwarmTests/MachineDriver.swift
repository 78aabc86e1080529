import ShoalCore
import ShoalSwarm
import ShoalWire

/// One machine, and a test that plays the rest of the world.
struct MachineDriver {
    static let secret = Digest(bytes: [UInt8](repeating: 7, count: 32))!
    static let infoHash = InfoHash(bytes: [UInt8](repeating: 9, count: 20))!
    static let swarm = SwarmHandle(1)

    private(set) var machine: MeshMachine
    private(set) var now: Instant
    let authenticator: FakeAuthenticator

    init(
        number: UInt8 = 100,
        trackers: Int = 0,
        configuration: MeshConfiguration = .trusting,
        session: UInt64 = 5
    ) {
        self.authenticator = FakeAuthenticator(number: number)
        self.now = Instant(nanoseconds: 1_000_000_000_000)
        self.machine = MeshMachine(
            configuration: configuration,
            authenticator: self.authenticator,
            session: session,
            trackers: trackers,
            seed: 1,
            at: self.now
        )
    }

    mutating func feed(_ inputs: MeshInput...) -> [MeshEffect] {
        var effects: [MeshEffect] = []
        for input in inputs { self.machine.handle(input, at: self.now, into: &effects) }
        if let deadline = self.machine.nextDeadline, deadline <= self.now {
            self.machine.handle(.deadline, at: self.now, into: &effects)
        }
        return effects
    }

    /// Lets time pass, waking the machine whenever it wants to be.
    mutating func pass(_ duration: Duration) -> [MeshEffect] {
        let end = self.now + duration
        var effects: [MeshEffect] = []
        while let deadline = self.machine.nextDeadline, deadline <= end {
            self.now = max(self.now, deadline)
            self.machine.handle(.deadline, at: self.now, into: &effects)
        }
        self.now = end
        return effects
    }

    /// Lets time pass without waking the machine, as a machine that sleeps does; then wakes it.
    mutating func oversleep(_ duration: Duration) -> [MeshEffect] {
        self.now = self.now + duration
        var effects: [MeshEffect] = []
        self.machine.handle(.deadline, at: self.now, into: &effects)
        return effects
    }

    /// Adds the swarm; a seeder has every shard.
    mutating func addSwarm(
        shardSizes: [Int],
        isSeeder: Bool,
        trackers: Int = 0,
        hashLists: Bool = true
    ) -> [MeshEffect] {
        let count = shardSizes.count
        let content = SwarmContent(
            manifest: Array(repeating: 1, count: 100),
            shardSizes: shardSizes,
            complete: isSeeder ? .full(count: count) : Bitfield(count: count),
            partial: [:],
            hashLists: hashLists ? .full(count: count) : Bitfield(count: count)
        )
        return self.feed(
            .addSwarm(
                SwarmDescription(
                    handle: Self.swarm,
                    infoHash: Self.infoHash,
                    secret: Self.secret,
                    content: content,
                    trackers: (0..<trackers).map(TrackerIndex.init)
                )
            )
        )
    }
}

extension MeshConfiguration {
    /// Newcomers are asked for as much as others.
    static var trusting: MeshConfiguration {
        var configuration = MeshConfiguration()
        configuration.trialWindow = 8
        return configuration
    }
}

/// A peer that the test plays: it can prove who it is, and lie.
struct PlayedPeer {
    static let nonce = Nonce(bytes: [UInt8](repeating: 3, count: 32))!

    let authenticator: FakeAuthenticator
    let connection: ConnectionID
    let path: PeerPath
    var session: UInt64 = 1
    var capabilities: UInt32 = 0

    init(number: UInt8, connection: UInt64, role: PeerPath.Role = .responder) {
        self.authenticator = FakeAuthenticator(number: number)
        self.connection = ConnectionID(connection)
        self.path = PeerPath(
            role: role,
            localFingerprint: Digest(bytes: [UInt8](repeating: 1, count: 32))!,
            remoteFingerprint: Digest(bytes: [UInt8](repeating: 2, count: 32))!
        )
    }

    var node: NodeID { self.authenticator.nodeID(of: self.authenticator.publicKey) }

    var hello: ControlMessage {
        ControlMessage(
            .hello(
                Hello(
                    session: self.session,
                    nonce: Self.nonce,
                    publicKey: self.authenticator.publicKey,
                    capabilities: self.capabilities,
                    maximumRequests: 16,
                    maximumChunks: 16,
                    agent: "played"
                )
            )
        )
    }

    /// Opens the connection to the machine and goes through the handshake. Returns what the machine did after our proof.
    @discardableResult
    func connect(to driver: inout MachineDriver) -> [MeshEffect] {
        let transcript = self.open(on: &driver)
        return driver.feed(.received(self.connection, self.proof(transcript)))
    }

    /// Opens the connection and says `hello`; the transcript is what both sides know then.
    func open(on driver: inout MachineDriver) -> Transcript {
        let effects = driver.feed(.opened(self.connection, self.path))
        guard case .send(self.connection, let message) = effects.last, case .hello(let theirs) = message.body else {
            preconditionFailure("the machine did not say hello: \(effects)")
        }
        _ = driver.feed(.received(self.connection, self.hello))
        return self.transcript(theirs.nonce)
    }

    private func transcript(_ machineNonce: Nonce) -> Transcript {
        let machineInitiates = self.path.role == .initiator
        return Transcript(
            initiatorNonce: machineInitiates ? machineNonce : Self.nonce,
            responderNonce: machineInitiates ? Self.nonce : machineNonce,
            initiatorFingerprint: machineInitiates ? self.path.localFingerprint : self.path.remoteFingerprint,
            responderFingerprint: machineInitiates ? self.path.remoteFingerprint : self.path.localFingerprint
        )
    }

    func proof(_ transcript: Transcript) -> ControlMessage {
        let message = transcript.helloMessage(signer: self.path.role.opposite)
        return ControlMessage(.helloProof(signature: self.authenticator.sign(message)))
    }

    func join(_ transcript: Transcript, handle: UInt16 = 9, secret: Digest = MachineDriver.secret) -> ControlMessage {
        let code = self.authenticator.authenticationCode(
            of: transcript.joinMessage(signer: self.path.role.opposite),
            key: secret
        )
        return ControlMessage(handle: handle, .join(proof: code))
    }

    /// The whole way into the swarm. Returns what the machine did after our `join`.
    @discardableResult
    func enter(_ driver: inout MachineDriver) -> [MeshEffect] {
        let transcript = self.open(on: &driver)
        _ = driver.feed(.received(self.connection, self.proof(transcript)))
        return driver.feed(.received(self.connection, self.join(transcript)))
    }

    func say(_ body: ControlMessage.Body, handle: UInt16 = 9) -> MeshInput {
        .received(self.connection, ControlMessage(handle: handle, body))
    }
}

extension [MeshEffect] {
    /// Why the machine closed this connection, if it did.
    func closing(_ connection: ConnectionID) -> String? {
        for case .disconnect(connection, let reason) in self { return reason }
        return nil
    }

    /// The messages that went to this connection.
    func sent(to connection: ConnectionID) -> [ControlMessage.Body] {
        self.compactMap { effect in
            guard case .send(connection, let message) = effect else { return nil }
            return message.body
        }
    }

    var observations: [MeshObservation] {
        self.compactMap { effect in
            guard case .observe(let observation) = effect else { return nil }
            return observation
        }
    }
}

extension [MeshEffect] {
    /// Chunks that somebody is asked for.
    var asked: [(connection: ConnectionID, request: ChunkRequest)] {
        self.compactMap { effect in
            guard case .request(let connection, _, let request) = effect else { return nil }
            return (connection, request)
        }
    }
}

extension Instant {
    var seconds: Double { Double(self.nanoseconds) / 1e9 }
}
