import Foundation
import ShoalCore
import ShoalSwarm
import ShoalWire
import Synchronization

/// A node's life as its recording tells it: what it had and when, who owed it what.
struct NodeLife: Sendable {
    let node: NodeID
    private(set) var figures: ReplayFigures
    /// When each chunk was verified here for the first time.
    private(set) var verified: [ReplayFigures.Place: Instant] = [:]
    private(set) var shardSizes: [Int] = []
    /// How often a peer's connection ended, and why.
    private(set) var losses: [String] = []
    private var joined: [ConnectionID: NodeID] = [:]
    private var asked: [Ask] = []
    /// The last asks of each chunk of a request, by where they stand in `asked`.
    private var open: [ChunkReceipt: Int] = [:]

    /// A chunk that was asked for, until it ended.
    private struct Ask: Sendable {
        let receipt: ChunkReceipt
        let node: NodeID?
        let since: Instant
        var until: Instant?
    }

    /// Many recordings at once, on all cores.
    static func all(_ paths: [String]) throws -> [NodeLife] {
        let lives = Mutex<[Int: Result<NodeLife, any Error>]>([:])
        DispatchQueue.concurrentPerform(iterations: paths.count) { index in
            let life = Result { try NodeLife(path: paths[index]) }
            lives.withLock { $0[index] = life }
        }
        return try lives.withLock { $0 }.sorted { $0.key < $1.key }.map { try $0.value.get() }
    }

    /// Runs the recording again; every effect must be as it was.
    private init(path: String) throws {
        do {
            var replay = try Replay([UInt8](try Data(contentsOf: URL(filePath: path))))
            self.node = replay.nodeID
            self.figures = ReplayFigures(replay.start)
            while let step = try replay.next() {
                guard step.isEqual else {
                    throw BenchmarkError("\(path) does not replay: batch \(step.number) has other effects")
                }
                self.add(step)
            }
        } catch let error as RecordingError {
            throw BenchmarkError("\(path): \(error)")
        }
    }

    private mutating func add(_ step: Replay.Step) {
        self.figures.add(step)
        for input in step.inputs {
            switch input {
            case .addSwarm(let description): self.shardSizes = description.content?.shardSizes ?? self.shardSizes
            case .manifestAccepted(_, let content): self.shardSizes = content.shardSizes
            case .chunkVerified(let receipt):
                let place = ReplayFigures.Place(receipt)
                if self.verified[place] == nil { self.verified[place] = step.instant }
                self.end(receipt, at: step.instant)
            case .chunkDropped(let receipt), .chunkCorrupt(let receipt): self.end(receipt, at: step.instant)
            default: break
            }
        }
        for effect in step.effects {
            switch effect {
            case .observe(.peerJoined(let connection, let node, _)): self.joined[connection] = node
            case .observe(.peerLeft(_, .some, let reason)): self.losses.append(reason)
            case .request(let connection, let swarm, let request):
                for position in 0..<Int(request.count) {
                    let receipt = ChunkReceipt(
                        connection: connection,
                        request: request.id,
                        swarm: swarm,
                        shard: request.shard,
                        chunk: ChunkIndex(request.first.position + position)
                    )
                    self.open[receipt] = self.asked.count
                    self.asked.append(Ask(receipt: receipt, node: self.joined[connection], since: step.instant))
                }
            default: break
            }
        }
    }

    private mutating func end(_ receipt: ChunkReceipt, at now: Instant) {
        guard let position = self.open.removeValue(forKey: receipt) else { return }
        self.asked[position].until = now
    }

    /// What `victims` owed at `moment` and what became of it: how long until each of these chunks was verified from
    /// somebody else. Chunks that were all here by then, verified from the victim's last bytes, were not owed any more;
    /// nil stands for one that never came.
    func healing(from victims: Set<NodeID>, at moment: Instant) -> [Duration?] {
        var owed: Set<ReplayFigures.Place> = []
        for ask in self.asked where ask.since <= moment && ask.until.map({ $0 > moment }) ?? true {
            guard let node = ask.node, victims.contains(node) else { continue }
            owed.insert(ReplayFigures.Place(ask.receipt))
        }
        let fromVictims = self.lastWords(of: victims, after: moment)
        return owed.compactMap { place -> Duration?? in
            guard let when = self.verified[place] else { return .some(nil) }
            guard when > moment, fromVictims[place] != when else { return nil }
            return .some(when - moment)
        }
    }

    /// Chunks of the victims that ended after their death, and when: their frames were on their way.
    private func lastWords(of victims: Set<NodeID>, after moment: Instant) -> [ReplayFigures.Place: Instant] {
        var ends: [ReplayFigures.Place: Instant] = [:]
        for ask in self.asked {
            guard let node = ask.node, victims.contains(node), let until = ask.until, until > moment else { continue }
            if self.verified[ReplayFigures.Place(ask.receipt)] == until { ends[.init(ask.receipt)] = until }
        }
        return ends
    }

    /// What was verified here by `moment`.
    func places(at moment: Instant) -> Set<ReplayFigures.Place> {
        Set(self.verified.filter { $0.value <= moment }.keys)
    }

    /// When the last chunk was verified.
    var completed: Instant? { self.verified.values.max() }
}
