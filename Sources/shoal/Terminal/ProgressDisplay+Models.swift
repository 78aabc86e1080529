import ShoalNode

extension ProgressDisplay {
    /// Shows how far a model is, whoever works on it.
    func show(_ progress: ModelProgress) {
        let isSwarm = progress.stage == .looking || progress.stage == .fetching
        self.show(
            Snapshot(
                label: Self.label(of: progress.stage),
                done: progress.done,
                total: progress.total,
                note: isSwarm ? Figures.peers(progress.peers) : ""
            )
        )
    }

    private static func label(of stage: ModelProgress.Stage) -> String {
        switch stage {
        case .examining: "checking what is here"
        case .hashing: "hashing"
        case .looking: "looking for peers"
        case .fetching: "fetching"
        case .checking: "checking"
        case .copying: "copying"
        case .removing: "removing"
        }
    }
}
