import ShoalCore
import ShoalFormats
import ShoalSwarm

/// The swarms that a node takes part in, and what they were called when they were added. A swarm stays until the node
/// leaves it or ends.
struct SwarmBook: Sendable {
    struct Entry: Sendable {
        let handle: SwarmHandle
        let link: MagnetLink
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
    /// Models whose swarms the node is leaving: nobody can enter one until that is done.
    private var leaving: Set<ManifestID> = []

    subscript(infoHash: InfoHash) -> Entry? { self.entries.first { $0.link.infoHash == infoHash } }

    /// The swarms of a model: the public one, and private ones.
    func entries(of model: ManifestID) -> [Entry] { self.entries.filter { $0.link.manifestID == model } }

    mutating func enter(_ link: MagnetLink) -> Entrance {
        if self.leaving.contains(link.manifestID) { return .leaving }
        if let entry = self[link.infoHash] { return .known(entry.handle) }
        guard self.entries.count < SwarmHandle.most else { return .full }
        // Each in turn, so that a handle rests as long as can be before it means something else.
        repeat {
            self.last = self.last % UInt16(SwarmHandle.most) + 1
        } while self.entries.contains { $0.handle.rawValue == self.last }
        let handle = SwarmHandle(self.last)
        self.entries.append(Entry(handle: handle, link: link))
        return .new(handle)
    }

    /// The swarms of a model are being left from now on: which these are. Nil when they are being left already.
    mutating func beginLeaving(_ model: ManifestID) -> [SwarmHandle]? {
        guard self.leaving.insert(model).inserted else { return nil }
        return self.entries(of: model).map(\.handle)
    }

    /// They are left.
    mutating func endLeaving(_ model: ManifestID) {
        self.leaving.remove(model)
        self.entries.removeAll { $0.link.manifestID == model }
    }
}

/// A swarm of a node, for whoever asks what it is doing.
struct NodeSwarm: Sendable {
    let handle: SwarmHandle
    let link: MagnetLink
    let status: SwarmStatus
}
