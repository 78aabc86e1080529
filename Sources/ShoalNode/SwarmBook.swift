import ShoalCore
import ShoalFormats
import ShoalSwarm

/// The swarms that a node takes part in, and what they were called when they were added. A swarm stays until the node
/// ends.
struct SwarmBook: Sendable {
    struct Entry: Sendable {
        let handle: SwarmHandle
        let link: MagnetLink
    }

    /// In the order in which they were added.
    private(set) var entries: [Entry] = []

    subscript(infoHash: InfoHash) -> Entry? { self.entries.first { $0.link.infoHash == infoHash } }

    /// The swarm of a link, and whether it is new; nil when there is no handle left for a new one.
    mutating func enter(_ link: MagnetLink) -> (handle: SwarmHandle, isNew: Bool)? {
        if let entry = self[link.infoHash] { return (entry.handle, false) }
        guard self.entries.count < SwarmHandle.most else { return nil }
        let handle = SwarmHandle(UInt16(self.entries.count + 1))
        self.entries.append(Entry(handle: handle, link: link))
        return (handle, true)
    }
}

/// A swarm of a node, for whoever asks what it is doing.
struct NodeSwarm: Sendable {
    let handle: SwarmHandle
    let link: MagnetLink
    let status: SwarmStatus
}
