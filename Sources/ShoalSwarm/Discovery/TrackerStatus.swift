package import ShoalCore

/// How one tracker stands, for people.
package struct TrackerStatus: Hashable, Sendable {
    package enum State: Hashable, Sendable {
        case connected
        case connecting
        case waiting(retryIn: Duration)
        /// No swarm is announced there.
        case idle
    }

    package var index: TrackerIndex
    package var state: State
    /// Peers that it counted last in the largest of our swarms there, us included; nil before its first answer.
    package var counted: Int?

    package init(index: TrackerIndex, state: State, counted: Int?) {
        self.index = index
        self.state = state
        self.counted = counted
    }
}

extension MeshMachine {
    package func trackerStatuses(at now: Instant) -> [TrackerStatus] {
        self.trackers.values.map { tracker in
            let state: TrackerStatus.State
            switch tracker.state {
            case .connected: state = .connected
            case .connecting: state = .connecting
            case .closing: state = .idle
            case .waiting where tracker.announcements.isEmpty: state = .idle
            case .waiting(let until): state = .waiting(retryIn: max(.zero, until - now))
            }
            let counted = tracker.announcements.values.compactMap(\.swarmSize).max()
            return TrackerStatus(index: tracker.index, state: state, counted: counted)
        }
    }
}
