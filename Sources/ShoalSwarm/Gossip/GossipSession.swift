import ShoalCore
import ShoalWire

/// The gossip of one swarm: our own inventory, those of others, and when whom of our neighbours is told what.
struct GossipSession: Sendable {
    /// A connected node of the swarm.
    struct Neighbour: Sendable {
        let node: NodeID
        /// The version of our inventory that it was sent last.
        var ownSequence: UInt64?
        /// It is to be told what we know as soon as we know something: it or we are new.
        var wantsDigest = true
    }

    /// 64 inventories that were asked for may be under way; others wait for the next digest.
    static let askedLimit = 64
    /// 16 of them of one neighbour: who invents nodes does not keep us from asking others.
    static let askedOfOne = 16
    /// 2 s: then an inventory may be asked for again.
    static let askedPatience = Duration.seconds(2)
    /// 32 nodes that have left and of whom others were not told yet.
    static let departureLimit = 32

    var neighbours = SortedMap<ConnectionID, Neighbour>()
    /// Nil until the manifest is here.
    var own: Inventory?
    /// When our inventory was signed last.
    var ownSignedAt: Instant?
    var table = InventoryTable()
    /// Nodes that have left, to be passed on, and who has told us.
    var departures: [(departure: Departure, heardFrom: ConnectionID)] = []
    private var asked = SortedMap<NodePrefix, (of: ConnectionID, at: Instant)>()

    /// When our own changes go out, and those of others.
    private(set) var ownDue: Instant?
    private(set) var newsDue: Instant?
    private(set) var digestDue: Instant?
    /// Whose turn it was.
    var lastDigest: ConnectionID?

    var nextDeadline: Instant? {
        [self.ownDue, self.newsDue, self.digestDue, self.table.nextExpiry].compactMap { $0 }.min()
    }

    func isNeighbour(_ node: NodeID) -> Bool { self.neighbours.values.contains { $0.node == node } }

    // MARK: When

    mutating func scheduleOwn(at moment: Instant) { self.ownDue = min(self.ownDue ?? moment, moment) }
    mutating func scheduleNews(at moment: Instant) { self.newsDue = min(self.newsDue ?? moment, moment) }
    mutating func scheduleDigest(at moment: Instant) { self.digestDue = min(self.digestDue ?? moment, moment) }

    /// Whether our own inventory is due, which is then no longer so; likewise the others.
    mutating func takeOwnDue(at now: Instant) -> Bool { Self.take(&self.ownDue, at: now) }
    mutating func takeNewsDue(at now: Instant) -> Bool { Self.take(&self.newsDue, at: now) }
    mutating func takeDigestDue(at now: Instant) -> Bool { Self.take(&self.digestDue, at: now) }

    private static func take(_ due: inout Instant?, at now: Instant) -> Bool {
        guard let moment = due, now >= moment else { return false }
        due = nil
        return true
    }

    // MARK: What is asked for

    /// Whether an inventory may be asked for now; then it counts as asked for.
    mutating func mayAsk(_ connection: ConnectionID, for prefix: NodePrefix, at now: Instant) -> Bool {
        for (prefix, asked) in self.asked where now - asked.at >= Self.askedPatience {
            self.asked.removeValue(forKey: prefix)
        }
        guard self.asked[prefix] == nil, self.asked.count < Self.askedLimit else { return false }
        guard self.asked.values.count(where: { $0.of == connection }) < Self.askedOfOne else { return false }
        self.asked[prefix] = (connection, now)
        return true
    }

    mutating func arrived(_ prefix: NodePrefix) { self.asked.removeValue(forKey: prefix) }

    // MARK: Digests

    /// What we know of, our own inventory included: all of it, or up to `limit` nodes that follow each other, each with
    /// the same chance.
    func digest(limit: Int, using generator: inout SeededGenerator) -> InventoryDigest {
        let whole = NodePrefix(0)...NodePrefix(.max)
        var items = self.table.entries.values.map { self.item($0.inventory) }
        if let own { items.append(self.item(own)) }
        items.sort { $0.version.node < $1.version.node }
        guard items.count > limit else { return InventoryDigest(range: whole, items: items) }
        // From before the first on, or the first would have their turn more seldom than others.
        let start = Int.random(in: 1 - limit..<items.count, using: &generator)
        let chosen = items[max(0, start)..<min(items.count, start + limit)]
        // To the ends of the numbers, when no node known to us lies between.
        let first = start <= 0 ? whole.lowerBound : items[chosen.startIndex].version.node
        let last = chosen.endIndex == items.count ? whole.upperBound : items[chosen.endIndex - 1].version.node
        return InventoryDigest(range: first...last, items: Array(chosen))
    }

    private func item(_ inventory: Inventory) -> InventoryDigest.Item {
        let isNeighbour = inventory.node == self.own?.node || self.isNeighbour(inventory.node)
        return InventoryDigest.Item(version: inventory.version, isNeighbour: isNeighbour)
    }

    /// The neighbour that is told next: one that is new, or each in turn.
    func nextDigested() -> ConnectionID? {
        if let new = self.neighbours.first(where: { $0.value.wantsDigest }) { return new.key }
        let keys = self.neighbours.keys
        guard let last = self.lastDigest else { return keys.first }
        return keys.first { $0 > last } ?? keys.first
    }

    /// What somebody who says `digest` lacks, the freshest first; `connection` is who says it.
    func missing(in digest: InventoryDigest, of connection: ConnectionID) -> [NodePrefix] {
        var theirs = SortedMap<NodePrefix, UInt64>()
        for item in digest.items { theirs[item.version.node] = item.version.sequence }
        let listener = self.neighbours[connection]?.node.prefix
        return self.table.entries
            .filter { digest.range.contains($0.key) && $0.key != listener }
            .filter { ($0.value.inventory.sequence) > theirs[$0.key] ?? 0 }
            .sorted { ($0.value.inventory.sequence, $0.key) > ($1.value.inventory.sequence, $1.key) }
            .map(\.key)
    }
}
