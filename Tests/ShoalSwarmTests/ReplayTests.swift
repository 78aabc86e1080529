import ShoalCore
import ShoalSwarm
import ShoalWire
import Testing

/// A machine whose life is written down, as a node's is, and lived again.
struct ReplayTests {
    /// What a node's loop and recorder do, without their threads.
    private struct RecordedRun {
        private(set) var entries: [RecordingEntry]
        private var machine: MeshMachine
        private var digest = EffectDigest()
        private(set) var effects: [[MeshEffect]] = []

        init(_ authenticator: FakeAuthenticator, answers: [RecordedAnswer]) {
            let start = RecordingStart(
                configuration: MeshConfiguration(),
                session: 5,
                trackers: 1,
                seed: 7,
                at: .zero,
                publicKey: authenticator.publicKey
            )
            self.entries = [.start(start), .answers(answers)]
            self.machine = start.machine(authenticator)
        }

        mutating func tell(_ inputs: MeshInput..., at now: Instant) throws {
            var effects: [MeshEffect] = []
            for input in inputs { self.machine.handle(input, at: now, into: &effects) }
            try self.digest.add(effects)
            self.effects.append(effects)
            self.entries.append(
                .batch(RecordedBatch(at: now, inputs: inputs, effects: effects.count, digest: self.digest.value))
            )
        }
    }

    private static let authenticator = FakeAuthenticator(number: 100)
    private static let second = Instant(nanoseconds: 1_000_000_000)

    /// A tracker, an offer, a peer that says hello and another that lies.
    private func run() throws -> RecordedRun {
        let own = Self.authenticator.publicKey
        var run = RecordedRun(
            Self.authenticator,
            answers: [RecordedAnswer(nodeID: Self.authenticator.nodeID(of: own), of: own)]
        )
        let swarm = SwarmDescription(
            handle: MachineDriver.swarm,
            infoHash: MachineDriver.infoHash,
            secret: MachineDriver.secret,
            content: RecordingSamples.content,
            trackers: [TrackerIndex(0)]
        )
        try run.tell(.addSwarm(swarm), at: .zero)
        try run.tell(.trackerConnected(TrackerIndex(0)), .described(ConnectionID(1), sdp: "v=0"), at: Self.second)
        try run.tell(.deadline, at: Self.second + .seconds(1))
        let peer = PlayedPeer(number: 1, connection: 2)
        try run.tell(.opened(peer.connection, peer.path), at: Self.second + .seconds(2))
        try run.tell(.stop, at: Self.second + .seconds(3))
        return run
    }

    private func steps(_ file: [UInt8]) throws -> (steps: [Replay.Step], ending: Replay.Ending) {
        var replay = try Replay(file)
        var steps: [Replay.Step] = []
        while let step = try replay.next() { steps.append(step) }
        return (steps, replay.ending)
    }

    @Test
    func `a replay orders what was ordered, without the private key`() throws {
        let run = try self.run()
        let (steps, ending) = try self.steps(try RecordingTests.file(run.entries + [.end(.stopped)]))
        #expect(steps.map(\.effects) == run.effects)
        #expect(steps.allSatisfy { $0.isEqual })
        #expect(steps.map(\.number) == Array(1...5))
        #expect(run.effects.contains { $0.contains { if case .sendToTracker = $0 { true } else { false } } })
        #expect(ending == .recorded(.stopped))
    }

    @Test
    func `another input shows from its batch on`() throws {
        var entries = try self.run().entries
        guard case .batch(var batch) = entries[4] else {
            Issue.record("the third batch is elsewhere")
            return
        }
        batch.inputs = [.stop]
        entries[4] = .batch(batch)
        let steps = try self.steps(try RecordingTests.file(entries)).steps
        #expect(steps.map(\.isEqual) == [true, true, false, false, false])
    }

    @Test
    func `the recording of a killed node runs to its end and says so`() throws {
        let run = try self.run()
        let file = try RecordingTests.file(run.entries)
        let whole = try RecordingTests.file(run.entries.dropLast()).count
        let (steps, ending) = try self.steps(file.dropLast(3))
        #expect(steps.count == 4)
        #expect(ending == .cutShort(offset: whole))
        #expect(try self.steps(file).ending == .cutShort(offset: file.count))
    }

    @Test
    func `what is no beginning, or begins twice, is refused`() throws {
        let run = try self.run()
        let headless = try RecordingTests.file(Array(run.entries.dropFirst()))
        #expect(throws: RecordingError.self) { try Replay(headless) }
        let twice = try RecordingTests.file(run.entries + [run.entries[0]])
        #expect(throws: RecordingError.self) { try self.steps(twice) }
    }

    @Test
    func `figures count each chunk once and what came in vain`() throws {
        var figures = ReplayFigures(
            RecordingStart(
                configuration: MeshConfiguration(),
                session: 1,
                trackers: 0,
                seed: 1,
                at: .zero,
                publicKey: Self.authenticator.publicKey
            )
        )
        let receipt = ChunkReceipt(
            connection: ConnectionID(1),
            request: 1,
            swarm: MachineDriver.swarm,
            shard: ShardIndex(0),
            chunk: ChunkIndex(0)
        )
        let frame = MeshInput.frameArrived(ConnectionID(1), request: 1, chunk: ChunkIndex(0), completesChunk: false)
        let inputs: [MeshInput] =
            [.manifestAccepted(MachineDriver.swarm, RecordingSamples.content)]
            + [frame, frame, frame, frame, .chunkVerified(receipt), frame, .lateFrame(ConnectionID(2))]
            + [
                .chunkVerified(receipt), .chunkCorrupt(receipt),
                .chunkServed(ConnectionID(1), request: 1, chunk: .init(0)),
            ]
        figures.add(
            Replay.Step(number: 1, instant: Self.second, inputs: inputs, effects: [], recordedEffects: 0, isEqual: true)
        )
        #expect(figures.chunks == 1)
        #expect(figures.bytes == 131_072)
        #expect(figures.bytesInVain == 2 * WireLimits.framePayload)
        #expect(figures.corrupt == 1)
        #expect(figures.served == 1)
        #expect(figures.duration == .seconds(1))
    }
}
