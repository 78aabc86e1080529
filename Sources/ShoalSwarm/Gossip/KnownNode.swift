package import ShoalCore

/// A node of a swarm that gossip has told of, connected or not; for people and tests.
package struct KnownNode: Hashable, Sendable {
    package let node: NodeID
    package let sequence: UInt64
    /// What it can serve, as it has signed.
    package let holdings: Bitfield
}

extension MeshMachine {
    /// At most 255, in the order of their IDs.
    package func knownNodes(of handle: SwarmHandle) -> [KnownNode] {
        self.gossip.sessions[handle]?.table.entries.values.map { entry in
            KnownNode(
                node: entry.inventory.node,
                sequence: entry.inventory.sequence,
                holdings: entry.inventory.holdings
            )
        } ?? []
    }
}
