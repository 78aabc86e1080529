import ShoalCore
import ShoalSwarm

/// One node: the machine that ships, and the edges that it would have.
struct SimulatedNode {
    enum State {
        /// Not started, killed, or stopped.
        case down
        case up
        /// Its process gets no time until then.
        case asleep(until: Instant)
    }

    /// How far a connection of the machine's is.
    enum Connection {
        /// An offer of ours, or our answer to one; the other side's, once it is known.
        case described
        /// Both descriptions are known: ICE runs.
        case connecting
        /// Open, at this end of a link.
        case open(end: Int)
    }

    let number: Int
    let group: Int
    let conduct: Conduct
    let latency: Duration
    let jitter: Duration
    let loss: Int
    let groupRate: Int?
    let downRate: Int?

    /// How often it has started.
    var life = 0
    var state = State.down
    var machine: MeshMachine?
    var disk: SimulatedDisk
    var uplink: Uplink
    var downlinkFree = Instant.zero
    var connections = SortedMap<ConnectionID, Connection>()
    /// Of its own, so that what one adversary does is not changed by others.
    var dice: SeededGenerator
    /// By tracker: the socket that is open.
    var sockets: [TrackerSocket?]

    /// Room for chunks: whether the bytes in each slot are wrong.
    var slots: [Bool]
    var freeSlots: [Int]

    /// What came while it was asleep.
    var inbox: [MeshInput] = []
    /// When its timer is set to.
    var timer: Instant?
    /// The instant at which it last had an input.
    var touched: Instant?
    /// Deadlines in a row after which the next one was already past.
    var lateDeadlines = 0
    /// It is to become complete and is not: the run waits for it.
    var isMissing = false

    var record = NodeRecord()

    var isUp: Bool {
        if case .down = self.state { false } else { true }
    }

    var current: NodeLife { NodeLife(node: self.number, life: self.life) }
}

/// What is known of a node when the run is over.
package struct NodeRecord: Hashable, Sendable {
    package internal(set) var firstStart: Duration?
    /// When everything was verified for the first time since the latest start without it.
    package internal(set) var completed: Duration?
    /// The error that it ended with.
    package internal(set) var failure: String?
    /// Whether a fault made wrong bytes of its right ones.
    package internal(set) var hadRot = false
    package internal(set) var controlBytes = 0
    package internal(set) var bulkBytes = 0
    /// Bytes of frames that came.
    package internal(set) var receivedBytes = 0
    /// Bytes of chunks that were wrong.
    package internal(set) var wrongBytes = 0
    /// Bytes of frames that nobody waited for any more.
    package internal(set) var lateBytes = 0
    /// Bytes of chunks that were stored for the first time.
    package internal(set) var storedBytes = 0
    package internal(set) var connectionsOpened = 0
}
