import HostilePeers
import ShoalFormats
import ShoalSwarm
import ShoalWire
import Synchronization
import TestSupport

/// A member of the swarm who asks for everything and never wants it.
final class Canceller: Besieger {
    private let ground: Siege.Ground
    private let peer: HostilePeer
    private let rounds = Mutex(0)
    private let work = Mutex<Task<Void, any Error>?>(nil)

    init(_ ground: Siege.Ground) throws {
        self.ground = ground
        self.peer = try HostilePeer(home: ground.strangersHome, conduct: Conduct(), model: nil)
    }

    func begin() async throws {
        try await self.peer.connect(at: self.ground.tracker, infoHash: self.ground.link.infoHash)
        try await self.peer.join(self.ground.link.joinKey)
        self.work.withLock { work in
            work = Task {
                while true {
                    try await Task.sleep(for: .milliseconds(20))
                    self.round()
                }
            }
        }
    }

    private func round() {
        let number = self.rounds.withLock { rounds in
            rounds += 1
            return rounds
        }
        let ids = UInt32(8 * number)..<UInt32(8 * number + 8)
        for id in ids { self.peer.request(id, count: 64) }
        for id in ids { self.peer.send(.cancel(id: id), handle: HostilePeer.handle) }
    }

    func end() async {
        self.work.withLock { $0 }?.cancel()
        await self.peer.leave()
    }

    var deeds: String {
        let rounds = self.rounds.withLock { $0 }
        return "\(8 * rounds) requests, \(self.peer.frames.entries.count) frames came, "
            + (self.peer.ends.entries.isEmpty ? "still a member" : "shown out")
    }
}
