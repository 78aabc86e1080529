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
        /// Where that socket comes from.
        var address: TrackerAddress
        /// It has everything.
        var isComplete: Bool
        var lastSeen: Instant
    }

    private(set) var peers = IndexedTable<PeerID, Peer>()
    /// The same peers by where they come from.
    private var addresses = IndexedTable<TrackerAddress, IndexedTable<PeerID, Void>>()
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
        let address = self.addresses.position(of: peer.address) ?? self.addresses.append(peer.address, IndexedTable())
        self.addresses.modify(address) { _ = $0.append(peerID, ()) }
        if peer.isComplete { self.complete += 1 }
        guard hasJustCompleted, known?.isComplete != true else { return false }
        self.downloaded += 1
        return true
    }

    @discardableResult
    mutating func remove(_ peerID: PeerID) -> Peer? {
        guard let peer = self.peers.remove(peerID) else { return nil }
        if let address = self.addresses.position(of: peer.address) {
            let isLast = self.addresses.modify(address) { peers in
                peers.remove(peerID)
                return peers.isEmpty
            }
            if isLast { self.addresses.remove(peer.address) }
        }
        if peer.isComplete { self.complete -= 1 }
        return peer
    }

    /// Who was not heard of since `limit`.
    func silent(since limit: Instant) -> [PeerID] {
        self.peers.keys.indices.filter { self.peers[$0].lastSeen <= limit }.map { self.peers.keys[$0] }
    }

    /// Who makes room for another: of the address that has the most peers here the one that was not heard of for longest,
    /// so that whoever invents peers crowds out nobody else. The first in order of position when there are several.
    var mostExpendable: PeerID? {
        let most = self.addresses.keys.indices.map { self.addresses[$0].count }.max()
        return self.peers.keys.indices
            .filter { self.peerCount(at: self.peers[$0].address) == most }
            .min { self.peers[$0].lastSeen < self.peers[$1].lastSeen }
            .map { self.peers.keys[$0] }
    }

    private func peerCount(at address: TrackerAddress) -> Int {
        self.addresses.position(of: address).map { self.addresses[$0].count } ?? 0
    }

    /// Up to `count` different peers other than `peerID`, drawn at random.
    ///
    /// One in four is drawn by its address, each address as likely as any other: peers cost nothing to invent, addresses
    /// do. All the others are as likely as any other peer, so that one that is alone at its address is not overrun.
    func drawn(
        _ count: Int,
        otherThan peerID: PeerID,
        using generator: inout SeededGenerator
    ) -> [(peerID: PeerID, socket: SocketID)] {
        var positions = Array(self.peers.keys.indices)
        if let own = self.peers.position(of: peerID) { positions.remove(at: own) }
        let drawn = min(count, positions.count)
        for index in 0..<drawn {
            var chosen = Int.random(in: index..<positions.count, using: &generator)
            if Int.random(in: 0..<4, using: &generator) == 0 {
                let peerID = self.drawnByAddress(using: &generator)
                let position = self.peers.position(of: peerID)
                // One that was drawn already, or is the one that asks, is not drawn again.
                if let found = positions[index...].firstIndex(where: { $0 == position }) { chosen = found }
            }
            positions.swapAt(index, chosen)
        }
        return positions[..<drawn].map { (self.peers.keys[$0], self.peers[$0].socket) }
    }

    /// A random peer of a random address; there are peers.
    private func drawnByAddress(using generator: inout SeededGenerator) -> PeerID {
        let peers = self.addresses[Int.random(in: 0..<self.addresses.count, using: &generator)]
        return peers.keys[Int.random(in: 0..<peers.count, using: &generator)]
    }
}
