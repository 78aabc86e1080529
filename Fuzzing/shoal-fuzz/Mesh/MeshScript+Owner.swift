import ShoalCore
import ShoalSwarm
import ShoalWire

extension MeshModel {
    /// Every digest and fingerprint: nothing is hashed here.
    static let digest = Digest(storage: 7)

    /// - Parameter shape: which of a few models it is.
    init(_ swarm: SwarmHandle, shape: Int) {
        let sizes = [[300_000, 1, 131_072, 131_073], [1], [2_000_000, 40_000, 600_000]]
        self.shardSizes = shape < 3 ? sizes[shape] : [Int](repeating: 262_145, count: 9)
        self.secret = Digest(storage: UInt8(swarm.rawValue))
        self.infoHash = Self.infoHash(number: UInt8(swarm.rawValue))
        self.manifest = [UInt8](repeating: UInt8(swarm.rawValue), count: shape % 2 == 0 ? 100 : 40_000)
        self.disk = self.shardSizes.map { Bitfield(count: Cutting.chunkCount(ofShardOf: $0)) }
        self.isKnown = false
    }

    static func infoHash(number: UInt8) -> InfoHash { InfoHash(storage: number) }

    /// What its store says of it.
    func content(hashLists: Bool) -> SwarmContent {
        var complete = Bitfield(count: self.shardSizes.count)
        var partial: [ShardIndex: Bitfield] = [:]
        for (shard, chunks) in self.disk.enumerated() {
            if chunks.isFull {
                complete[shard] = true
            } else if !chunks.isEmpty {
                partial[ShardIndex(shard)] = chunks
            }
        }
        return SwarmContent(
            manifest: self.manifest,
            shardSizes: self.shardSizes,
            complete: complete,
            partial: partial,
            hashLists: hashLists ? .full(count: self.shardSizes.count) : complete
        )
    }
}

extension FixedBytes {
    /// The value all of whose bytes are `byte`.
    fileprivate init(storage byte: UInt8) {
        guard let value = Self(bytes: [UInt8](repeating: byte, count: Self.byteCount)) else {
            preconditionFailure("a value is \(Self.byteCount) bytes")
        }
        self = value
    }
}

/// What the node's owner wants, and what the store finds out by itself.
extension MeshScript {
    /// One of the models, if there are any.
    mutating func aModel() -> (swarm: SwarmHandle, model: MeshModel)? {
        guard self.models.count > 0 else { return nil }
        let swarm = self.script.pick(self.models.keys)
        return self.models[swarm].map { (swarm, $0) }
    }

    mutating func ownerSpeaks() {
        let choice = self.script.number(upTo: 8)
        guard choice > 1, let (swarm, model) = self.aModel() else { return self.addSwarm() }
        switch choice {
        case 2:
            let fetches: Bool? = self.script.pick([nil, true, false])
            self.tell(.updateSwarm(swarm, fetches: fetches, trackers: self.someTrackers()))
        case 3:
            let selection = self.script.isRare(in: 4) ? nil : self.aField(model.shardSizes.count)
            self.tell(.select(swarm, selection))
        case 4...5:
            let priority = self.script.pick(Priority.allCases)
            self.tell(.demand(swarm, self.someShards(of: model), priority))
        case 6: self.tell(.endDemand(swarm, self.someShards(of: model)))
        default:
            if self.script.isRare(in: 16) { return self.stop() }
            // A node that stops leaves its swarms as they are: their handles do not become free.
            if !self.isStopping { self.models.removeValue(forKey: swarm) }
            self.tell(.removeSwarm(swarm))
        }
    }

    /// Goodbye, once; what is said after that is heard all the same.
    mutating func stop() {
        guard !self.isStopping else { return }
        self.tell(.stop)
        self.isStopping = true
    }

    /// A handle is free again when everything that was ordered for its last swarm has ended.
    private mutating func addSwarm() {
        let swarm = SwarmHandle(UInt16(1 + self.script.number(upTo: 3)))
        guard self.models[swarm] == nil, !self.work.contains(where: { $0.swarm == swarm }) else { return }
        let isOwed = self.links.values.contains { link in link.requests.contains { $0.swarm == swarm } }
        guard !isOwed else { return }
        var model = MeshModel(swarm, shape: self.script.number(upTo: 4))
        let knowledge = self.script.number(upTo: 4)
        model.isKnown = knowledge > 0
        for shard in model.disk.indices where model.isKnown {
            model.disk[shard] = knowledge == 1 ? model.disk[shard] : self.aField(model.disk[shard].count)
            if knowledge == 3 { model.disk[shard] = .full(count: model.disk[shard].count) }
        }
        self.add(
            model,
            as: swarm,
            hashLists: self.script.number(upTo: 2) == 0,
            fetches: !self.script.isRare(in: 4),
            selection: self.script.isRare(in: 8) ? self.aField(model.shardSizes.count) : nil,
            budget: self.script.isRare(in: 3) ? 1_000_000 : nil,
            trackers: self.someTrackers()
        )
    }

    mutating func add(
        _ model: MeshModel,
        as swarm: SwarmHandle,
        hashLists: Bool,
        fetches: Bool = true,
        selection: Bitfield? = nil,
        budget: Int? = nil,
        trackers: [TrackerIndex]
    ) {
        self.models[swarm] = model
        let description = SwarmDescription(
            handle: swarm,
            infoHash: model.infoHash,
            secret: model.secret,
            content: model.isKnown ? model.content(hashLists: hashLists) : nil,
            fetches: fetches,
            selection: selection,
            replicationBudget: budget,
            trackers: trackers
        )
        self.tell(.addSwarm(description))
    }

    private mutating func someTrackers() -> [TrackerIndex] {
        let chosen = self.script.number(upTo: 4)
        return (0..<self.trackers.count).filter { chosen >> $0 & 1 == 1 }.map(TrackerIndex.init)
    }

    // MARK: The store

    mutating func storeSpeaks() {
        guard let (swarm, model) = self.aModel() else { return }
        switch self.script.number(upTo: 4) {
        case 0 where model.isKnown:
            let shards = self.someShards(of: model)
            self.lose(shards, of: swarm)
            let isEviction = self.script.number(upTo: 2) == 0
            self.tell(isEviction ? .shardsEvicted(swarm, shards) : .shardsLost(swarm, shards, reason: "changed"))
        case 1 where model.isKnown:
            let shard = ShardIndex(self.script.number(upTo: model.shardSizes.count))
            let chunks = self.aField(model.disk[shard.position].count)
            self.models.update(swarm) { $0.disk[shard.position].formUnion(chunks) }
            self.tell(.chunksFound(swarm, shard, chunks))
        case 2 where self.script.isRare(in: 4): self.tell(.storeFailed(swarm, reason: "the disk is full"))
        default: break
        }
    }

    mutating func lose(_ shards: [ShardIndex], of swarm: SwarmHandle) {
        self.models.update(swarm) { model in
            for shard in shards { model.disk[shard.position] = Bitfield(count: model.disk[shard.position].count) }
        }
    }

    // MARK: Choices

    /// Up to four shards, some of them twice.
    private mutating func someShards(of model: MeshModel) -> [ShardIndex] {
        (0...self.script.number(upTo: 4)).map { _ in ShardIndex(self.script.number(upTo: model.shardSizes.count)) }
    }

    /// A field of so many bits, as the script has them.
    mutating func aField(_ count: Int) -> Bitfield {
        var field = Bitfield(count: count)
        let bytes = self.script.take(min(2, (count + 7) / 8))
        for (position, byte) in bytes.enumerated() {
            for bit in 0..<8 where byte >> bit & 1 == 1 && position * 8 + bit < count {
                field[position * 8 + bit] = true
            }
        }
        return field
    }
}
