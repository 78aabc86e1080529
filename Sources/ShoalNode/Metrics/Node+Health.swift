import ShoalCore
import ShoalFormats
import ShoalStore
import ShoalSwarm

/// Whether the node is well.
extension Node {
    /// 2 s: a loop that is busier than that misses the deadlines of its peers.
    static let healthPatience = Duration.seconds(2)

    /// Fails when the node's loop does not answer, or when the store gave up on all that is fetched. Warns of one model that
    /// the store gave up, of trackers none of which is connected, and of a cache that cannot be looked at.
    package func health() async -> HealthReport {
        await self.health(within: Self.healthPatience)
    }

    func health(within patience: Duration) async -> HealthReport {
        var checks: [String: HealthReport.Check] = [:]
        let start = ContinuousClock.now
        let found = await TimeLimit.first(within: patience) {
            (await self.swarms(), await self.trackerStatuses().map(\.status))
        }
        if let (swarms, trackers) = found {
            let milliseconds = (ContinuousClock.now - start).inSeconds * 1_000
            checks["loop"] = HealthReport.Check(status: .pass, observedValue: milliseconds, observedUnit: "ms")
            checks["models"] = Self.check(swarms)
            checks["trackers"] = Self.check(trackers)
        } else {
            let problem = "the node has not answered within \(patience): start it anew, and report it"
            checks["loop"] = HealthReport.Check(status: .fail, output: problem)
        }
        checks["cache"] = await TimeLimit.first(within: patience) { await self.checkCache() } ?? .pass
        return HealthReport(releaseId: self.agent, serviceId: self.id.hex, checks: checks)
    }

    private static func check(_ swarms: [NodeSwarm]) -> HealthReport.Check {
        let failed = swarms.filter(\.status.hasFailed)
        guard !failed.isEmpty else { return .pass }
        let names = failed.map { StatusReport.Swarm($0).name ?? String($0.link.manifestID.hex.prefix(16)) }
        return HealthReport.Check(
            status: failed.count == swarms.count ? .fail : .warn,
            output: "the store gave up \(names.sorted().joined(separator: ", ")): look at the log, mend the disk, and "
                + "fetch again"
        )
    }

    static func check(_ trackers: [TrackerStatus]) -> HealthReport.Check {
        let used = trackers.filter { $0.state != .idle }
        guard !used.isEmpty, !used.contains(where: { $0.state == .connected }) else { return .pass }
        return HealthReport.Check(
            status: .warn,
            output: "no tracker is connected: only peers that are known already are found (`shoal status` shows them)"
        )
    }

    /// Disks that are busy are not sick: who waits for one too long says nothing here.
    private func checkCache() async -> HealthReport.Check {
        let store = self.runner.store
        let result = await self.looks.run { () -> Result<CacheUse, StoreError> in
            Result { () throws(StoreError) in try store.cacheUse() }
        }
        guard case .failure(let error) = result else { return .pass }
        return HealthReport.Check(status: .warn, output: error.message)
    }
}
