import ShoalCore
import ShoalSwarm
import ShoalWire

/// The invariants. The first that breaks ends the run.
extension Simulation {
    mutating func violate(_ rule: Violation.Rule, of node: Int?) {
        guard self.violation == nil else { return }
        self.violation = Violation(rule: rule, node: node, time: self.now, event: self.events)
    }

    // MARK: With every event

    mutating func checkRequest(_ request: ChunkRequest, _ swarm: SwarmHandle, by node: Int) {
        let free = self.nodes[node].freeSlots.count
        guard Int(request.count) <= free else {
            return self.violate(.noRoom(asked: Int(request.count), free: free), of: node)
        }
        for position in 0..<Int(request.count) {
            let chunk = ChunkIndex(request.first.position + position)
            guard chunk.position < self.model.chunkCount(of: request.shard.position) else {
                return self.violate(.asksForWhatIsNot(request.shard, chunk), of: node)
            }
            if self.nodes[node].machine?.hasVerified(chunk, of: request.shard, in: swarm) == true {
                self.violate(.asksForWhatIsHeld(request.shard, chunk), of: node)
            }
        }
    }

    /// Who mistakes an honest node for another. A node whose disk rots sends wrong bytes, and may be banned for it.
    mutating func checkBan(of nodeID: NodeID, reason: String, by node: Int) {
        guard let banned = self.numbers[nodeID], self.nodes[node].conduct.isHonest else { return }
        guard self.nodes[banned].conduct.isHonest, !self.nodes[banned].record.hadRot else { return }
        self.violate(.bannedHonest(node: banned, reason: reason), of: node)
    }

    mutating func checkCompletion(of node: Int) {
        let disk = self.nodes[node].disk
        let isThere = disk.chunks.indices.allSatisfy { disk.chunks[$0].isFull || disk.hasLost(ShardIndex($0)) }
        if !isThere { self.violate(.completedTooEarly, of: node) }
    }

    /// 16 deadlines in a row, each past when the one before has been handled: nothing but spinning.
    mutating func checkDeadline(of node: Int) {
        if self.nodes[node].lateDeadlines > 16 { self.violate(.busyLoop, of: node) }
    }

    // MARK: Now and then

    mutating func checkEverything() {
        for node in self.nodes.indices where self.violation == nil && self.nodes[node].isUp {
            if let text = self.nodes[node].machine?.contradiction { self.violate(.contradiction(text), of: node) }
            self.checkHoldings(of: node)
        }
    }

    /// What the machine holds to be verified is on disk.
    private mutating func checkHoldings(of node: Int) {
        guard let machine = self.nodes[node].machine, case .up = self.nodes[node].state else { return }
        let disk = self.nodes[node].disk
        for shard in disk.chunks.indices where !disk.chunks[shard].isFull && !disk.hasLost(ShardIndex(shard)) {
            for chunk in disk.chunks[shard].clearBits
            where machine.hasVerified(ChunkIndex(chunk), of: ShardIndex(shard), in: Self.swarm) {
                return self.violate(.holdsWhatIsMissing(ShardIndex(shard), ChunkIndex(chunk)), of: node)
            }
        }
    }

    // MARK: At the end

    mutating func checkEnd() {
        for node in self.nodes.indices where self.nodes[node].isMissing {
            let chunks = self.nodes[node].disk.chunks
            self.violate(.incomplete(shards: chunks.count { $0.isFull }, of: chunks.count), of: node)
        }
        guard self.violation == nil else { return }
        for node in self.nodes.indices where self.nodes[node].conduct.isHonest { self.checkRest(of: node) }
        self.checkExpectations()
    }

    /// Everything that was taken has been given back.
    private mutating func checkRest(of node: Int) {
        guard case .up = self.nodes[node].state, let machine = self.nodes[node].machine else { return }
        let room = MeshConfiguration().room
        if machine.unsettledChunks != 0 { self.violate(.requestsKept(chunks: machine.unsettledChunks), of: node) }
        let kept = max(room - machine.freeRoom, room - self.nodes[node].freeSlots.count)
        if kept != 0 { self.violate(.roomKept(chunks: kept), of: node) }
    }

    private mutating func checkExpectations() {
        let report = self.report
        let expected = self.scenario.expectations
        if let limit = expected.completion, let slowest = report.completion.last, slowest > limit {
            self.violate(.late(slowest, limit: limit), of: nil)
        }
        if let limit = expected.waste, report.wastedParts > limit {
            self.violate(.waste(parts: report.wastedParts, limit: limit), of: nil)
        }
        if let limit = expected.wrong, report.wrongParts > limit {
            self.violate(.wrong(parts: report.wrongParts, limit: limit), of: nil)
        }
        if let limit = expected.control, report.controlRate > limit {
            self.violate(.control(report.controlRate, limit: limit), of: nil)
        }
        if report.failures != expected.failures {
            self.violate(.failures(report.failures, expected: expected.failures), of: nil)
        }
    }
}
