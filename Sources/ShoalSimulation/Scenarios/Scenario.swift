import ShoalCore
package import ShoalSwarm

/// A swarm and what befalls it: read from a file (``init(reading:)``), run by a ``Simulation`` under a seed.
package struct Scenario: Hashable, Sendable {
    /// In bytes, by shard.
    package internal(set) var shardSizes: [Int] = []
    package internal(set) var manifestSize = 20 * 1024
    package internal(set) var groups: [Group] = []
    package internal(set) var trackers = Trackers()
    /// Ordered by time.
    package internal(set) var faults: [Fault] = []
    /// When the run ends at the latest.
    package internal(set) var limit = Duration.seconds(120)
    package internal(set) var expectations = Expectations()

    /// Nodes that are alike.
    package struct Group: Hashable, Sendable {
        package var name: String
        package var count: Int
        /// Whether `--nodes` changes the count.
        package var scales = true
        /// Bytes a second; nil is unlimited.
        package var up: Int?
        package var down: Int?
        /// What its owner allows; a node that starts again has it again.
        package var limits = TransferLimits()
        /// From a node to the middle of the network; between two nodes it is the sum of both. Each node draws its own.
        package var latency = Duration.milliseconds(10)...Duration.milliseconds(10)
        /// The most by which a message is later than the latency says.
        package var jitter = Duration.zero
        /// How many of a million messages are lost and sent again.
        package var loss = 0
        package var holds = Holdings.none
        /// Bytes of shards that fit; nil is unlimited.
        package var disk: Int?
        package var conduct = Conduct.honest
        /// When the nodes start; each draws its moment.
        package var start = Duration.zero...Duration.seconds(1)

        package init(name: String, count: Int) {
            self.name = name
            self.count = count
        }
    }

    /// What a node has when it first starts.
    package enum Holdings: Hashable, Sendable {
        case all
        /// Only the link.
        case none
        /// So many of a million shards, drawn for each node.
        case some(Int)
    }

    package struct Trackers: Hashable, Sendable {
        /// Every node knows all of them.
        package var count = 1
        package var interval = Duration.seconds(30)
        package var latency = Duration.milliseconds(20)
        /// How many of a million of a tracker's messages arrive twice.
        package var duplication = 0
    }

    /// What the run must show, beyond what always holds.
    package struct Expectations: Hashable, Sendable {
        /// Every honest node that runs at the end is complete so long after the last of them first started.
        package var completion: Duration?
        /// Bytes of frames that became no verified chunk, of a million that came.
        package var waste: Int?
        /// Bytes of chunks that were wrong, likewise.
        package var wrong: Int?
        /// Bytes of control messages that a node sends in a second, on average.
        package var control: Int?
        /// Honest nodes without room on their disk end with an error, and only they.
        package var failures = 0
    }

    /// How many nodes there are.
    package var nodeCount: Int { self.groups.reduce(0) { $0 + $1.count } }

    package var modelSize: Int { self.shardSizes.reduce(0, +) }

    /// The same with about `count` nodes: groups that scale keep their proportions, and none disappears.
    package func scaled(to count: Int) -> Scenario {
        let fixed = self.groups.filter { !$0.scales }.reduce(0) { $0 + $1.count }
        let scaling = self.nodeCount - fixed
        guard scaling > 0 else { return self }
        var scenario = self
        for position in scenario.groups.indices where scenario.groups[position].scales {
            scenario.groups[position].count =
                max(1, scenario.groups[position].count * max(count - fixed, 0) / scaling)
        }
        return scenario
    }

    /// The same without some of its faults.
    package func keeping(faults: [Fault]) -> Scenario {
        var scenario = self
        scenario.faults = faults
        return scenario
    }
}

/// How a node behaves where a real one has a disk and a channel. Its machine is always the one that ships.
package enum Conduct: Hashable, Sendable {
    case honest
    /// So many of a million chunks that it sends are wrong; hash lists as well, if so.
    case poisoning(share: Int, hashLists: Bool)
    /// It says that it has every shard.
    case boasting
    /// It says that it has no shard.
    case hiding
    /// It sends messages and offers as fast as it can.
    case flooding
    /// It answers pings, takes requests, and sends no chunk.
    case withholding
    /// It opens connections and never says anything.
    case mute

    package var isHonest: Bool { self == .honest }
}

/// Something that befalls the swarm at a moment.
package struct Fault: Hashable, Sendable {
    package var at: Duration
    package var kind: Kind
    /// Of the scenario's file, for reports.
    package var line: Int

    package enum Kind: Hashable, Sendable {
        /// The process is gone, and nobody is told: peers notice when their channel gives up.
        case kill(Target, Return?)
        /// The node says goodbye.
        case stop(Target, Return?)
        /// The process gets no time: what comes queues up and is there all at once when it wakes.
        case sleep(Target, for: Duration)
        /// The uplink has this rate, in bytes a second.
        case throttle(Target, to: Int, for: Duration)
        /// Its owner allows this from now on.
        case limit(Target, TransferLimits)
        /// Groups of one part do not reach those of another; groups that are in no part reach all.
        case partition([[String]], for: Duration)
        /// Nil: all trackers.
        case outage(tracker: Int?, for: Duration)
        /// A shard on disk is no longer what was verified.
        case rot(Target)
        /// All connections of a node end.
        case cut(Target)
    }

    /// Some nodes of a group, drawn when the fault happens.
    package struct Target: Hashable, Sendable {
        package var group: String
        /// Nil: all of them.
        package var count: Int?
    }

    /// A node that ended starts again.
    package struct Return: Hashable, Sendable {
        package var after: Duration
        package var keepsDisk: Bool
    }
}
