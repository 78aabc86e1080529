package import ShoalCore

/// What must never happen, and did.
package struct Violation: Hashable, Sendable, CustomStringConvertible {
    package enum Rule: Hashable, Sendable {
        /// More chunks are asked for than the node has room for.
        case noRoom(asked: Int, free: Int)
        /// A chunk behind the end of its shard is asked for.
        case asksForWhatIsNot(ShardIndex, ChunkIndex)
        /// A chunk that is there is asked for.
        case asksForWhatIsHeld(ShardIndex, ChunkIndex)
        /// A chunk that is not there is to be served.
        case servesWhatIsMissing(ShardIndex, ChunkIndex)
        /// A chunk counts as verified and is not on the disk.
        case holdsWhatIsMissing(ShardIndex, ChunkIndex)
        /// The machine's parts do not agree (``MeshMachine/contradiction``).
        case contradiction(String)
        case bannedHonest(node: Int, reason: String)
        /// The next deadline stays in the past: a node would spin.
        case busyLoop
        /// It said that it is complete, and is not.
        case completedTooEarly
        /// Neither complete nor failed when the time was up.
        case incomplete(shards: Int, of: Int)
        /// All is quiet, and room is still taken.
        case roomKept(chunks: Int)
        case requestsKept(chunks: Int)
        case late(Duration, limit: Duration)
        case waste(parts: Int, limit: Int)
        case wrong(parts: Int, limit: Int)
        case control(Int, limit: Int)
        case failures(Int, expected: Int)

        /// Whether it is about the run as a whole: then no part of the run shows it.
        package var isOfWholeRun: Bool {
            switch self {
            case .incomplete, .roomKept, .requestsKept, .late, .waste, .wrong, .control, .failures: true
            default: false
            }
        }
    }

    package let rule: Rule
    /// Nil when it is about all.
    package let node: Int?
    package let time: Instant
    /// How many events had happened.
    package let event: Int

    package var description: String {
        let who = self.node.map { "node \($0)" } ?? "the swarm"
        return "\(self.time), event \(self.event), \(who): \(self.rule.text)"
    }
}

extension Violation.Rule {
    fileprivate var text: String {
        switch self {
        case .noRoom(let asked, let free): "asks for \(asked) chunks and has room for \(free)"
        case .asksForWhatIsNot(let shard, let chunk): "asks for \(chunk) of \(shard), which is shorter"
        case .asksForWhatIsHeld(let shard, let chunk): "asks for \(chunk) of \(shard), which it has"
        case .servesWhatIsMissing(let shard, let chunk): "serves \(chunk) of \(shard), which it does not have"
        case .holdsWhatIsMissing(let shard, let chunk): "counts \(chunk) of \(shard) as verified; it is not on disk"
        case .contradiction(let text): text
        case .bannedHonest(let node, let reason): "banned node \(node), which is honest: \(reason)"
        case .busyLoop: "its next deadline stays in the past"
        case .completedTooEarly: "says that it is complete, and chunks are missing"
        case .incomplete(let shards, let all): "has \(shards) of \(all) shards and no error when the time is up"
        case .roomKept(let chunks): "keeps room for \(chunks) chunks when all is quiet"
        case .requestsKept(let chunks): "waits for \(chunks) chunks when all is quiet"
        case .late(let time, let limit): "took \(time) to complete, expected \(limit) at most"
        case .waste(let parts, let limit): "wasted \(parts) of a million bytes, expected \(limit) at most"
        case .wrong(let parts, let limit): "had \(parts) wrong of a million bytes, expected \(limit) at most"
        case .control(let rate, let limit): "sent \(rate) B/s of control messages a node, expected \(limit) at most"
        case .failures(let count, let expected): "\(count) honest nodes ended with an error, expected \(expected)"
        }
    }
}
