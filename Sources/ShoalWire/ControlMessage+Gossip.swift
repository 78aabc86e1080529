import ShoalCore

/// First byte of what a `gossip` holds.
private enum GossipKind: UInt8 {
    case inventory = 1
    case delta = 2
    case digest = 3
    case wants = 4
    case leave = 5
}

// MARK: Writing

extension WireWriter {
    mutating func put(_ gossip: Gossip) {
        switch gossip {
        case .inventory(let stamp, let field):
            self.put(GossipKind.inventory.rawValue)
            self.put(stamp)
            self.put(field)
        case .delta(let stamp, let change):
            self.put(GossipKind.delta.rawValue)
            self.put(stamp)
            self.put(change.base)
            self.put(UInt16(change.set.count))
            self.put(UInt16(change.cleared.count))
            for shard in change.set + change.cleared { self.put(shard.rawValue) }
        case .digest(let digest):
            self.put(GossipKind.digest.rawValue)
            self.put(digest.range.lowerBound.rawValue)
            self.put(digest.range.upperBound.rawValue)
            for item in digest.items {
                self.put(item.version)
                self.put(UInt8(item.isNeighbour ? 1 : 0))
            }
        case .wants(let versions):
            self.put(GossipKind.wants.rawValue)
            for version in versions { self.put(version) }
        case .leave(let departure):
            self.put(GossipKind.leave.rawValue)
            self.put(departure.publicKey)
            self.put(departure.sequence)
            self.put(departure.signature)
        }
    }

    mutating func put(_ signal: Signal) {
        self.put(signal.kind.rawValue)
        self.put(signal.hops)
        self.put(signal.from)
        self.put(signal.to)
        self.put(signal.offerID)
        self.put(signal.sentAt)
        self.put(signal.signature)
        self.put(Array(signal.sdp.utf8))
    }

    private mutating func put(_ stamp: InventoryStamp) {
        self.put(UInt8(stamp.isNeighbour ? 1 : 0))
        self.put(stamp.publicKey)
        self.put(stamp.sequence)
        self.put(stamp.timeToLive)
        self.put(stamp.age)
        self.put(stamp.signature)
    }

    private mutating func put(_ version: InventoryVersion) {
        self.put(version.node.rawValue)
        self.put(version.sequence)
    }
}

// MARK: Reading

extension WireReader {
    mutating func gossip() throws(WireError) -> Gossip {
        guard let kind = GossipKind(rawValue: try self.u8()) else { throw .invalid(field: "kind") }
        switch kind {
        case .inventory: return .inventory(try self.stamp(), try self.bitfield(limit: WireLimits.bitfieldBits))
        case .delta:
            let stamp = try self.stamp()
            return .delta(stamp, try self.change(before: stamp.sequence))
        case .digest: return .digest(try self.inventoryDigest())
        case .wants: return .wants(try self.wants())
        case .leave:
            let departure = Departure(
                publicKey: try self.fixed(),
                sequence: try self.u64(),
                signature: try self.bytes(WireLimits.signature)
            )
            guard departure.sequence >= 1 else { throw .invalid(field: "sequence") }
            return .leave(departure)
        }
    }

    mutating func signal() throws(WireError) -> Signal {
        guard let kind = Signal.Kind(rawValue: try self.u8()) else { throw .invalid(field: "kind") }
        let hops = try self.u8()
        guard hops <= WireLimits.signalHops else { throw .invalid(field: "hops") }
        var signal = Signal(
            kind: kind,
            hops: hops,
            from: try self.fixed(),
            to: try self.fixed(),
            offerID: try self.fixed(),
            sentAt: try self.u64(),
            signature: try self.bytes(WireLimits.signature),
            sdp: ""
        )
        let text = try self.rest()
        guard (1...WireLimits.signalText).contains(text.count), let sdp = String(validating: text, as: UTF8.self)
        else { throw .invalid(field: "SDP") }
        signal.sdp = sdp
        return signal
    }

    private mutating func flag() throws(WireError) -> Bool {
        let flags = try self.u8()
        guard flags <= 1 else { throw .invalid(field: "flags") }
        return flags == 1
    }

    private mutating func stamp() throws(WireError) -> InventoryStamp {
        let isNeighbour = try self.flag()
        let stamp = InventoryStamp(
            publicKey: try self.fixed(),
            sequence: try self.u64(),
            timeToLive: try self.u32(),
            age: try self.u32(),
            isNeighbour: isNeighbour,
            signature: try self.bytes(WireLimits.signature)
        )
        guard stamp.sequence >= 1 else { throw .invalid(field: "sequence") }
        guard WireLimits.timeToLive.contains(stamp.timeToLive) else { throw .invalid(field: "time to live") }
        guard stamp.age < stamp.timeToLive else { throw .invalid(field: "age") }
        return stamp
    }

    private mutating func change(before sequence: UInt64) throws(WireError) -> InventoryChange {
        let base = try self.u64()
        guard (1..<sequence).contains(base) else { throw .invalid(field: "base") }
        let setCount = Int(try self.u16())
        let clearedCount = Int(try self.u16())
        guard setCount <= WireLimits.shardsInNotice, clearedCount <= WireLimits.shardsInNotice else {
            throw .invalid(field: "shards")
        }
        let change = InventoryChange(
            base: base,
            set: try self.ascendingShards(setCount),
            cleared: try self.ascendingShards(clearedCount)
        )
        guard Set(change.set).isDisjoint(with: change.cleared) else { throw .invalid(field: "shards") }
        return change
    }

    private mutating func ascendingShards(_ count: Int) throws(WireError) -> [ShardIndex] {
        var shards: [ShardIndex] = []
        shards.reserveCapacity(count)
        for _ in 0..<count {
            let shard = ShardIndex(try self.u32())
            if let last = shards.last, shard <= last { throw .invalid(field: "shards") }
            shards.append(shard)
        }
        return shards
    }

    private mutating func inventoryDigest() throws(WireError) -> InventoryDigest {
        let first = NodePrefix(try self.u64())
        let last = NodePrefix(try self.u64())
        guard first <= last else { throw .invalid(field: "range") }
        guard self.remaining / 17 <= WireLimits.digestItems else { throw .invalid(field: "versions") }
        var items: [InventoryDigest.Item] = []
        while self.remaining > 0 {
            let version = try self.version(after: items.last?.version)
            guard (first...last).contains(version.node) else { throw .invalid(field: "versions") }
            guard version.sequence >= 1 else { throw .invalid(field: "sequence") }
            items.append(InventoryDigest.Item(version: version, isNeighbour: try self.flag()))
        }
        return InventoryDigest(range: first...last, items: items)
    }

    private mutating func wants() throws(WireError) -> [InventoryVersion] {
        guard (1...WireLimits.wants).contains(self.remaining / 16) else { throw .invalid(field: "versions") }
        var versions: [InventoryVersion] = []
        while self.remaining > 0 { versions.append(try self.version(after: versions.last)) }
        return versions
    }

    private mutating func version(after last: InventoryVersion?) throws(WireError) -> InventoryVersion {
        let version = InventoryVersion(node: NodePrefix(try self.u64()), sequence: try self.u64())
        if let last, version.node <= last.node { throw .invalid(field: "versions") }
        return version
    }
}
