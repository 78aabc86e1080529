import ShoalCore
import ShoalWire

/// The inventories of other nodes of a swarm, connected or not, as gossip told them.
///
/// Bounded, whatever is told: when it is full, the neighbour who brought most of it loses the entry that expires first,
/// so that who floods the table floods only its own part of it. An entry lives as long as its node said, less the time
/// that it was under way; nothing but a later version makes it live longer. What has expired or left is remembered by
/// its sequence, so that a recording of it does not come back to life.
struct InventoryTable: Sendable {
    /// 255: with our own inventory a digest holds them all. At 16 KiB for the largest model, 4 MiB.
    static let limit = 255
    /// 512 nodes that are gone; the one that went first is forgotten.
    static let departedLimit = 512

    struct Entry: Sendable {
        /// 8 and 4: more neighbours than that need not be known by what they said.
        static let heardLimit = 8
        static let relayLimit = 4

        var inventory: Inventory
        let expiresAt: Instant
        /// Which neighbour brought it.
        let source: NodeID
        /// Neighbours that have this version.
        private(set) var heardFrom: [ConnectionID]
        /// Neighbours that say they are connected to the node.
        private(set) var relays: [ConnectionID]
        /// It was not passed on yet.
        var isNews = true

        init(
            _ inventory: Inventory,
            expiresAt: Instant,
            source: NodeID,
            heardFrom: ConnectionID,
            relays: [ConnectionID]
        ) {
            self.inventory = inventory
            self.expiresAt = expiresAt
            self.source = source
            self.heardFrom = [heardFrom]
            self.relays = relays
        }

        /// How long ago its node signed it, as far as we know.
        func age(at now: Instant) -> Duration { self.inventory.timeToLive - (self.expiresAt - now) }

        mutating func heard(from connection: ConnectionID) {
            if !self.heardFrom.contains(connection), self.heardFrom.count < Self.heardLimit {
                self.heardFrom.append(connection)
            }
        }

        mutating func setRelay(_ connection: ConnectionID, _ isRelay: Bool) {
            let position = self.relays.firstIndex(of: connection)
            if let position, !isRelay { self.relays.remove(at: position) }
            if position == nil, isRelay, self.relays.count < Self.relayLimit { self.relays.append(connection) }
        }
    }

    private(set) var entries = SortedMap<NodePrefix, Entry>()
    private var departed = SortedMap<NodePrefix, (sequence: UInt64, until: Instant)>()
    /// Nothing expires earlier.
    private(set) var nextExpiry: Instant?

    subscript(prefix: NodePrefix) -> Entry? { self.entries[prefix] }

    /// The latest version of a node's inventory that is known or was; nil for a node never heard of.
    func latestSequence(of prefix: NodePrefix) -> UInt64? {
        [self.entries[prefix]?.inventory.sequence, self.departed[prefix]?.sequence].compactMap { $0 }.max()
    }

    /// The nodes whose latest versions were not passed on yet, the freshest first.
    func news(at now: Instant) -> [NodePrefix] {
        var news: [(age: Duration, prefix: NodePrefix)] = []
        self.entries.forEachValue { prefix, entry in
            if entry.isNews { news.append((entry.age(at: now), prefix)) }
        }
        news.sort { $0 < $1 }
        return news.map(\.prefix)
    }

    /// Changes what is said about an entry, not what it says.
    mutating func update(_ prefix: NodePrefix, _ change: (inout Entry) -> Void) { self.entries.update(prefix, change) }

    /// Enters a version that is later than ``latestSequence(of:)``, and has not expired.
    mutating func insert(_ entry: Entry) {
        let prefix = entry.inventory.node.prefix
        if self.entries[prefix] == nil, self.entries.count >= Self.limit { self.makeRoom(for: entry.source) }
        self.entries[prefix] = entry
        self.nextExpiry = min(self.nextExpiry ?? entry.expiresAt, entry.expiresAt)
    }

    /// A node says that it goes.
    mutating func depart(_ prefix: NodePrefix, sequence: UInt64, at now: Instant) {
        self.entries.removeValue(forKey: prefix)
        self.remember(prefix, sequence: sequence, at: now)
    }

    mutating func expire(at now: Instant) {
        guard let nextExpiry, nextExpiry <= now else { return }
        var expired: [(prefix: NodePrefix, sequence: UInt64)] = []
        var next: Instant?
        self.entries.forEachValue { prefix, entry in
            if entry.expiresAt <= now {
                expired.append((prefix, entry.inventory.sequence))
            } else {
                next = min(next ?? entry.expiresAt, entry.expiresAt)
            }
        }
        for (prefix, sequence) in expired { self.depart(prefix, sequence: sequence, at: now) }
        self.nextExpiry = next
    }

    /// A neighbour is one no longer.
    mutating func forget(_ connection: ConnectionID) {
        self.entries.updateAll { _, entry in entry.setRelay(connection, false) }
    }

    private mutating func makeRoom(for source: NodeID) {
        var shares = SortedMap<NodeID, Int>()
        shares[source] = 1
        for entry in self.entries.values where shares.update(entry.source, { $0 += 1 }) == nil {
            shares[entry.source] = 1
        }
        let most = shares.values.max()
        guard let largest = shares.first(where: { $0.value == most })?.key else { return }
        let victim = self.entries.filter { $0.value.source == largest }
            .min { ($0.value.expiresAt, $0.key) < ($1.value.expiresAt, $1.key) }
        if let victim { self.entries.removeValue(forKey: victim.key) }
    }

    private mutating func remember(_ prefix: NodePrefix, sequence: UInt64, at now: Instant) {
        if self.departed[prefix] == nil, self.departed.count >= Self.departedLimit {
            let oldest = self.departed.min { ($0.value.until, $0.key) < ($1.value.until, $1.key) }
            if let oldest { self.departed.removeValue(forKey: oldest.key) }
        }
        self.departed[prefix] = (sequence, now + SequenceClock.memory)
    }
}
