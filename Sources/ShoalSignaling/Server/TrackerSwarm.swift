import ShoalCore
import ShoalSwarm

/// One connection of the tracker, from its accept to its end. Never reused.
package struct SocketID: Hashable, Comparable, Sendable {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package static func < (left: SocketID, right: SocketID) -> Bool { left.rawValue < right.rawValue }
}

/// The peers that announced one info hash.
struct TrackerSwarm: Sendable {
    struct Peer: Hashable, Sendable {
        /// Who speaks for the peer: the newest socket that announced it.
        var socket: SocketID
        /// It has everything.
        var isComplete: Bool
        var lastSeen: Instant
    }

    private(set) var peers = IndexedTable<PeerID, Peer>()
    /// How many of them have everything; kept, not counted.
    private(set) var complete = 0
    /// How many became complete while they were here.
    private(set) var downloaded = 0

    var counts: TrackerCounts {
        TrackerCounts(
            complete: self.complete,
            incomplete: self.peers.count - self.complete,
            downloaded: self.downloaded
        )
    }

    /// Adds the peer, or takes over what is known of it. Returns whether it counts as a download.
    mutating func update(_ peerID: PeerID, _ peer: Peer, hasJustCompleted: Bool) -> Bool {
        let known = self.remove(peerID)
        self.peers.append(peerID, peer)
        if peer.isComplete { self.complete += 1 }
        guard hasJustCompleted, known?.isComplete != true else { return false }
        self.downloaded += 1
        return true
    }

    @discardableResult
    mutating func remove(_ peerID: PeerID) -> Peer? {
        guard let peer = self.peers.remove(peerID) else { return nil }
        if peer.isComplete { self.complete -= 1 }
        return peer
    }

    /// Who was not heard of since `limit`.
    func silent(since limit: Instant) -> [PeerID] {
        self.peers.keys.indices.filter { self.peers[$0].lastSeen <= limit }.map { self.peers.keys[$0] }
    }

    /// Who was not heard of for longest; the first in order of position when there are several.
    var mostSilent: PeerID? {
        self.peers.keys.indices.min { self.peers[$0].lastSeen < self.peers[$1].lastSeen }.map { self.peers.keys[$0] }
    }

    /// Up to `count` different peers other than `peerID`, drawn at random, each as likely as any other.
    func drawn(
        _ count: Int,
        otherThan peerID: PeerID,
        using generator: inout SeededGenerator
    ) -> [(peerID: PeerID, socket: SocketID)] {
        var positions = Array(self.peers.keys.indices)
        if let own = self.peers.position(of: peerID) { positions.remove(at: own) }
        let drawn = min(count, positions.count)
        for index in 0..<drawn {
            positions.swapAt(index, Int.random(in: index..<positions.count, using: &generator))
        }
        return positions[..<drawn].map { (self.peers.keys[$0], self.peers[$0].socket) }
    }
}
