package import ShoalCore

/// What nodes tell each other about nodes that they are not connected to: who holds what, and who has left.
/// `docs/protocol.md`, section "Gossip".
package enum Gossip: Hashable, Sendable {
    /// All that a node can serve.
    case inventory(InventoryStamp, Bitfield)
    /// What became different in a node's inventory since an earlier version of it.
    case delta(InventoryStamp, InventoryChange)
    /// Which version of whose inventory the sender has.
    case digest(InventoryDigest)
    /// Inventories that the sender wants, each with the version that it has; sequence 0 is none.
    case wants([InventoryVersion])
    /// A node goes.
    case leave(Departure)
}

/// Who says it, how new it is, and proof: what a full inventory and a delta have in common. Everything but ``age`` and
/// ``isNeighbour`` is signed.
package struct InventoryStamp: Hashable, Sendable {
    package var publicKey: PublicKey
    /// Grows with every version: the larger of the last one + 1 and Unix time in milliseconds.
    package var sequence: UInt64
    /// Milliseconds for which it counts, 1 to 120,000.
    package var timeToLive: UInt32
    /// Milliseconds since its node signed it, as far as those who relayed it know; below ``timeToLive``.
    package var age: UInt32
    /// The sender is connected to that node, or is it: it can pass a ``Signal`` on.
    package var isNeighbour: Bool
    /// Ed25519, 64 bytes, over the whole inventory of this version, also in a delta.
    package var signature: [UInt8]

    package init(
        publicKey: PublicKey,
        sequence: UInt64,
        timeToLive: UInt32,
        age: UInt32,
        isNeighbour: Bool,
        signature: [UInt8]
    ) {
        self.publicKey = publicKey
        self.sequence = sequence
        self.timeToLive = timeToLive
        self.age = age
        self.isNeighbour = isNeighbour
        self.signature = signature
    }
}

/// Shards that differ between the version `base` of an inventory and a later one. Who has `base` or any version after it
/// can apply it.
package struct InventoryChange: Hashable, Sendable {
    package var base: UInt64
    /// Ascending, as is ``cleared``; no shard is in both.
    package var set: [ShardIndex]
    package var cleared: [ShardIndex]

    package init(base: UInt64, set: [ShardIndex], cleared: [ShardIndex]) {
        self.base = base
        self.set = set
        self.cleared = cleared
    }
}

/// All that the sender knows of the nodes whose prefix lies in a range.
package struct InventoryDigest: Hashable, Sendable {
    package struct Item: Hashable, Sendable {
        package var version: InventoryVersion
        /// As in ``InventoryStamp/isNeighbour``.
        package var isNeighbour: Bool

        package init(version: InventoryVersion, isNeighbour: Bool) {
            self.version = version
            self.isNeighbour = isNeighbour
        }
    }

    package var range: ClosedRange<NodePrefix>
    /// Ascending by prefix.
    package var items: [Item]

    package init(range: ClosedRange<NodePrefix>, items: [Item]) {
        self.range = range
        self.items = items
    }
}

package struct InventoryVersion: Hashable, Sendable {
    package var node: NodePrefix
    package var sequence: UInt64

    package init(node: NodePrefix, sequence: UInt64) {
        self.node = node
        self.sequence = sequence
    }
}

/// A node's word that it goes: whatever it said with a smaller sequence no longer counts.
package struct Departure: Hashable, Sendable {
    package var publicKey: PublicKey
    package var sequence: UInt64
    /// Ed25519, 64 bytes.
    package var signature: [UInt8]

    package init(publicKey: PublicKey, sequence: UInt64, signature: [UInt8]) {
        self.publicKey = publicKey
        self.sequence = sequence
        self.signature = signature
    }
}
