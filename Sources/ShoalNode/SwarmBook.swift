import ShoalCore
import ShoalFormats
import ShoalSwarm

/// The swarms that a node takes part in, and what they were called when they were added. A swarm stays until the node
/// leaves it or ends.
struct SwarmBook: Sendable {
    struct Entry: Sendable {
        let handle: SwarmHandle
        let link: MagnetLink
        /// The node is about to be out of it: nobody can enter it until then.
        var isLeaving = false
    }

    /// What became of the wish to enter a swarm.
    enum Entrance: Sendable {
        case new(SwarmHandle)
        case known(SwarmHandle)
        /// It is being left at this moment.
        case leaving
        /// There is no handle left.
        case full
    }

    /// In the order in which they were added.
    private(set) var entries: [Entry] = []
    /// The number of the handle that was given last.
    private var last: UInt16 = 0

    subscript(infoHash: InfoHash) -> Entry? { self.entries.first { $0.link.infoHash == infoHash } }

    /// The swarms of a model: the public one, and private ones.
    func entries(of model: ManifestID) -> [Entry] { self.entries.filter { $0.link.manifestID == model } }

    mutating func enter(_ link: MagnetLink) -> Entrance {
        if let entry = self[link.infoHash] { return entry.isLeaving ? .leaving : .known(entry.handle) }
        guard self.entries.count < SwarmHandle.most else { return .full }
        // Each in turn, so that a handle rests as long as can be before it means something else.
        repeat {
            self.last = self.last % UInt16(SwarmHandle.most) + 1
        } while self.entries.contains { $0.handle.rawValue == self.last }
        let handle = SwarmHandle(self.last)
        self.entries.append(Entry(handle: handle, link: link))
        return .new(handle)
    }

    /// The swarm is being left from now on. False when it was already, or is not there.
    mutating func beginLeaving(_ handle: SwarmHandle) -> Bool {
        guard let position = self.entries.firstIndex(where: { $0.handle == handle }) else { return false }
        defer { self.entries[position].isLeaving = true }
        return !self.entries[position].isLeaving
    }

    mutating func remove(_ handle: SwarmHandle) { self.entries.removeAll { $0.handle == handle } }
}

/// A swarm of a node, for whoever asks what it is doing.
struct NodeSwarm: Sendable {
    let handle: SwarmHandle
    let link: MagnetLink
    let status: SwarmStatus
}
