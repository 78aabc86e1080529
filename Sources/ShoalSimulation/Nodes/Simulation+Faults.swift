import ShoalCore
import ShoalSwarm

/// What befalls the swarm.
extension Simulation {
    mutating func strike(_ fault: Fault) {
        self.pendingFaults -= 1
        self.trace?("\(self.now) fault of line \(fault.line): \(fault.kind)")
        switch fault.kind {
        case .kill(let target, let comeback):
            for node in self.victims(of: target) {
                self.end(node)
                self.plan(comeback, of: node)
            }
        case .stop(let target, let comeback):
            for node in self.victims(of: target) {
                self.give(.stop, to: node)
                self.plan(comeback, of: node)
            }
        case .sleep(let target, let duration):
            for node in self.victims(of: target) { self.sleep(node, until: self.now + duration) }
        case .throttle(let target, let rate, let duration):
            for node in self.victims(of: target) {
                self.nodes[node].uplink.rate = rate
                self.pendingFaults += 1
                self.queue.push(.restoreUplink(node: node), at: self.now + duration)
            }
        case .limit(let target, let limits):
            for node in self.victims(of: target) { self.give(.limit(limits), to: node) }
        case .partition(let parts, let duration): self.partition(parts, for: duration)
        case .outage(let tracker, let duration):
            for position in tracker.map({ $0...$0 }) ?? 0...(self.trackers.count - 1) {
                self.strikeTracker(position, for: duration)
            }
        case .rot(let target):
            for node in self.victims(of: target) { self.rot(node) }
        case .cut(let target):
            for node in self.victims(of: target) { self.cut(node) }
        }
    }

    /// So many nodes of the group that run, drawn.
    private mutating func victims(of target: Fault.Target) -> [Int] {
        let running = self.nodes.indices.filter {
            self.scenario.groups[self.nodes[$0].group].name == target.group && self.nodes[$0].isUp
        }
        guard let count = target.count, count < running.count else { return running }
        return running.shuffled(using: &self.faultDice).prefix(count).sorted()
    }

    private mutating func plan(_ comeback: Fault.Return?, of node: Int) {
        guard let comeback else { return }
        self.pendingFaults += 1
        self.queue.push(.start(node: node, keepsDisk: comeback.keepsDisk), at: self.now + comeback.after)
    }

    private mutating func partition(_ parts: [[String]], for duration: Duration) {
        let partOfGroup = self.scenario.groups.map { group in parts.firstIndex { $0.contains(group.name) } }
        self.pendingFaults += 1
        self.queue.push(.heal(partition: self.partitions.count), at: self.now + duration)
        self.partitions.append(partOfGroup)
    }

    /// A chunk of a shard that the node has is no longer what was verified; it has not noticed.
    private mutating func rot(_ node: Int) {
        let shards = self.model.shardSizes.indices.filter {
            self.nodes[node].disk.chunks[$0].isFull && !self.nodes[node].disk.hasRot(ShardIndex($0))
        }
        guard let shard = shards.randomElement(using: &self.faultDice) else { return }
        let chunk = Int(self.faultDice.next() % UInt64(self.model.chunkCount(of: shard)))
        self.nodes[node].disk.rot(ShardIndex(shard), at: ChunkIndex(chunk))
        self.nodes[node].record.hadRot = true
    }

    private mutating func cut(_ node: Int) {
        for (_, connection) in self.nodes[node].connections {
            guard case .open(let end) = connection else { continue }
            self.close(end, reason: "the network went away")
            self.close(end ^ 1, reason: "the network went away")
        }
    }
}
