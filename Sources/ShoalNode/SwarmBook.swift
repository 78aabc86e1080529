import ShoalCore
import ShoalFormats
import ShoalSwarm

/// The swarms that a node takes part in, and what they were called when they were added. A swarm stays until the node
/// ends.
struct SwarmBook: Sendable {
    struct Entry: Sendable {
        let handle: SwarmHandle
        let link: MagnetLink
        /// What the mesh was told last: whether what is missing is asked for.
        fileprivate(set) var isFetched: Bool
    }

    /// In the order in which they were added.
    private(set) var entries: [Entry] = []

    subscript(infoHash: InfoHash) -> Entry? { self.entries.first { $0.link.infoHash == infoHash } }

    /// The swarm of a link, and whether it is new; nil when there is no handle left for a new one. To fetch is added to
    /// what it does, never taken away.
    mutating func enter(_ link: MagnetLink, fetches: Bool) -> (handle: SwarmHandle, isNew: Bool)? {
        if let entry = self[link.infoHash] {
            if fetches { self.setFetched(entry.handle, true) }
            return (entry.handle, false)
        }
        guard self.entries.count < SwarmHandle.most else { return nil }
        let handle = SwarmHandle(UInt16(self.entries.count + 1))
        self.entries.append(Entry(handle: handle, link: link, isFetched: fetches))
        return (handle, true)
    }

    mutating func setFetched(_ handle: SwarmHandle, _ isFetched: Bool) {
        guard let position = self.entries.firstIndex(where: { $0.handle == handle }) else { return }
        self.entries[position].isFetched = isFetched
    }
}

/// A swarm of a node, for whoever asks what it is doing.
struct NodeSwarm: Sendable {
    let handle: SwarmHandle
    let link: MagnetLink
    let status: SwarmStatus
}
