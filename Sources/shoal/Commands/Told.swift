import ShoalNode
import ShoalSwarm
import Synchronization

/// What people have been told already: the same bad news again and again is noise.
final class Told: Sendable {
    private struct State {
        /// Why each tracker was lost last.
        var losses: [TrackerIndex: String] = [:]
        /// Why shards were lost, each reason once.
        var reasons: Set<String> = []
    }

    /// 1,000 reasons: a model of as many files whose every file changed.
    private static let limit = 1_000

    private let state = Mutex(State())

    /// Whether the event says what has not been said before.
    func isNews(_ event: NodeEvent) -> Bool {
        self.state.withLock { state in
            switch event {
            case .observed(.trackerLost(let index, let reason, _)):
                return state.losses.updateValue(reason, forKey: index) != reason
            case .observed(.trackerConnected(let index)): return state.losses.removeValue(forKey: index) != nil
            case .observed(.shardsLost(_, _, let reason)):
                return state.reasons.count < Self.limit && state.reasons.insert(reason).inserted
            default: return true
            }
        }
    }
}
