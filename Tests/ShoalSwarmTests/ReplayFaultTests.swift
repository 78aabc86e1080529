import ShoalCore
import ShoalSwarm
import ShoalWire
import Testing

/// Recordings that somebody has made up: what no node is made of, and what none is told, ends a replay with an error and
/// never with a crash.
@Suite struct ReplayFaultTests {
    private static let swarm = MachineDriver.swarm
    private static let connection = ConnectionID(7)

    private func start(_ change: (inout MeshConfiguration) -> Void = { _ in }) -> RecordingStart {
        var configuration = MeshConfiguration()
        change(&configuration)
        return RecordingStart(
            configuration: configuration,
            session: 5,
            trackers: 1,
            seed: 7,
            at: Instant(nanoseconds: 1_000),
            publicKey: FakeAuthenticator(number: 100).publicKey
        )
    }

    /// What is wrong with a recording; nil when it runs to its end.
    private func problem(_ start: RecordingStart, _ inputs: [[MeshInput]], from nanoseconds: UInt64 = 2_000) -> String?
    {
        do {
            let batches = inputs.enumerated().map { number, inputs in
                RecordingEntry.batch(
                    RecordedBatch(
                        at: Instant(nanoseconds: nanoseconds + UInt64(number)),
                        inputs: inputs,
                        effects: 0,
                        digest: MachineDriver.secret
                    )
                )
            }
            var replay = try Replay(try RecordingTests.file([.start(start)] + batches))
            while try replay.next() != nil {}
            return nil
        } catch {
            return (error as? RecordingError)?.problem ?? "\(error)"
        }
    }

    private func addSwarm(_ content: SwarmContent?, budget: Int? = nil) -> MeshInput {
        .addSwarm(
            SwarmDescription(
                handle: Self.swarm,
                infoHash: MachineDriver.infoHash,
                secret: MachineDriver.secret,
                content: content,
                replicationBudget: budget,
                trackers: [TrackerIndex(0)]
            )
        )
    }

    private static let content = SwarmContent(
        manifest: [1],
        shardSizes: [Cutting.chunkSize, 3 * Cutting.chunkSize],
        complete: Bitfield(count: 2),
        partial: [:],
        hashLists: .full(count: 2)
    )

    @Test func `a plain recording runs`() {
        #expect(self.problem(self.start(), [[self.addSwarm(Self.content, budget: 0)], [.deadline], [.stop]]) == nil)
    }

    @Test(
        arguments: [
            { $0.limits.upload.total = 0 }, { $0.windowRange = 0...4 }, { $0.announceInterval = .seconds(-1) },
            { $0.replicationInterval = .seconds(86_401) }, { $0.chunkDeadlineRange = .zero ... .seconds(1 << 60) },
            { $0.room = -1 }, { $0.maximumConnections = .max }, { $0.chunksPerRequest = 65_536 },
            { $0.agent = String(repeating: "a", count: 65) }, { $0.gossip.ownRate = 0 }, { $0.gossip.burst = .max },
            { $0.gossip.signalTotalBurst = 0 }, { $0.gossip.ignoredPerFault = 0 }, { $0.gossip.digestItems = 257 },
            { $0.gossip.timeToLive = .seconds(121) }, { $0.gossip.timeToLive = .zero },
            { $0.gossip.meshRound = .seconds(-1) }, { $0.gossip.contactsAtOnce = -1 },
        ] as [@Sendable (inout MeshConfiguration) -> Void]
    )
    func `a configuration that no node can have is refused`(change: @Sendable (inout MeshConfiguration) -> Void) {
        #expect(self.problem(self.start(change), [])?.hasPrefix("a configuration with ") == true)
    }

    @Test(
        arguments: [
            { $0.limits.upload.total = 1 }, { $0.windowRange = 1...1 }, { $0.announceInterval = .zero },
            { $0.room = 0 }, { $0.replicationInterval = .seconds(86_400) },
            { $0.agent = String(repeating: "a", count: 64) }, { $0.gossip.ownRate = 1 },
            { $0.gossip.digestItems = 256 },
        ] as [@Sendable (inout MeshConfiguration) -> Void]
    )
    func `a configuration at its bounds runs`(change: @Sendable (inout MeshConfiguration) -> Void) {
        #expect(self.problem(self.start(change), [[self.addSwarm(Self.content)], [.deadline]]) == nil)
    }

    @Test func `time does not go back, and no clock says centuries`() {
        #expect(self.problem(self.start(), [[.deadline]], from: 999)?.hasPrefix("a batch out of its time") == true)
        #expect(self.problem(self.start(), [[.deadline]], from: 1_000) == nil)
        #expect(self.problem(self.start(), [[.deadline]], from: 1 << 62) == nil)
        #expect(self.problem(self.start(), [[.deadline], [.deadline]], from: 1 << 62) != nil)
        var late = self.start()
        late.nanoseconds = 1 << 62 + 1
        #expect(self.problem(late, [])?.hasPrefix("a start ") == true)
    }

    @Test func `a handle is used once`() {
        let problem = self.problem(self.start(), [[self.addSwarm(nil)], [self.addSwarm(nil)]])
        #expect(problem == "an input that no node has: the handle 1 a second time")
        #expect(self.problem(self.start(), [[self.addSwarm(nil, budget: -1)]]) != nil)
    }

    @Test(
        arguments: [
            { $0.shardSizes = [] }, { $0.shardSizes[0] = 0 }, { $0.shardSizes[0] = -1 },
            { $0.shardSizes[0] = Cutting.maximumShardSize + 1 }, { $0.complete = Bitfield(count: 3) },
            { $0.hashLists = Bitfield(count: 1) }, { $0.partial = [ShardIndex(2): Bitfield(count: 1)] },
            { $0.partial = [ShardIndex(1): Bitfield(count: 4)] },
            { $0.shardSizes = [Int](repeating: 1, count: Cutting.maximumShardCount + 1) },
        ] as [@Sendable (inout SwarmContent) -> Void]
    )
    func `content that contradicts itself is refused`(change: @Sendable (inout SwarmContent) -> Void) {
        var content = Self.content
        change(&content)
        #expect(self.problem(self.start(), [[self.addSwarm(content)]]) != nil)
        #expect(self.problem(self.start(), [[self.addSwarm(nil), .manifestAccepted(Self.swarm, content)]]) != nil)
    }

    @Test func `shards and chunks that there are not are refused`() {
        func receipt(_ shard: Int, _ chunk: Int) -> ChunkReceipt {
            ChunkReceipt(
                connection: Self.connection,
                request: 1,
                swarm: Self.swarm,
                shard: ShardIndex(shard),
                chunk: ChunkIndex(chunk)
            )
        }
        for input in [
            MeshInput.chunkVerified(receipt(2, 0)), .chunkVerified(receipt(1, 3)), .chunkCorrupt(receipt(0, 1)),
            .chunkDropped(receipt(9, 9)), .hashesAccepted(Self.swarm, ShardIndex(2)),
            .shardsLost(Self.swarm, [ShardIndex(0), ShardIndex(2)], reason: ""),
        ] {
            let problem = self.problem(self.start(), [[self.addSwarm(Self.content)], [input]])
            #expect(problem?.hasPrefix("an input that no node has: ") == true, "\(input)")
        }
        for input in [
            MeshInput.chunkVerified(receipt(1, 2)), .hashesAccepted(Self.swarm, ShardIndex(1)),
            .shardsLost(Self.swarm, [ShardIndex(1)], reason: ""),
            .chunkServed(Self.connection, request: 1, chunk: ChunkIndex(9)),
            .endDemand(Self.swarm, [ShardIndex(9)]), .demand(Self.swarm, [ShardIndex(9)], .critical),
        ] {
            #expect(
                self.problem(self.start(), [[self.addSwarm(Self.content)], [input], [.deadline]]) == nil,
                "\(input)"
            )
        }
    }
}
