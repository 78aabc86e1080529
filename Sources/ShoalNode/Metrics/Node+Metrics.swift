import ShoalCore
import ShoalFormats
import ShoalSignaling
import ShoalStore
import ShoalSwarm
import ShoalTransport

/// What a node measures when somebody asks for its metrics.
extension Node {
    /// Sets all that is not counted as it happens to what holds now. To be called before metrics are read.
    package func updateMetrics() async {
        var readings = await self.meshReadings() + self.queueReadings() + self.limitReadings()
        for swarm in await self.swarms() { readings += swarm.readings }
        readings += Self.readings(of: await self.trackerStatuses())
        readings += await self.cacheReadings()
        readings += ProcessFigures.now.readings
        readings.append(Reading(.build, 1, [self.agent]))
        self.board.show(readings)
    }

    private func meshReadings() async -> [Reading] {
        let budget = await self.connectionBudget()
        let peers = await self.peers()
        return [Reading(.connectionsUsed, budget.used), Reading(.connectionBudget, budget.maximum)]
            + Self.readings(of: peers.map(\.status)) + Self.readings(of: peers)
            + self.laneReadings(peers.compactMap(\.figures))
    }

    static func readings(of peers: [PeerStatus]) -> [Reading] {
        let states = PeerStatus.State.allCases.map { state in
            Reading(.connections, peers.count { $0.state == state }, [state.rawValue])
        }
        let parts: [(String, (PeerScore.Report) -> Int)] = [
            ("total", \.total), ("throughput", \.throughput), ("latency", \.latency), ("reliability", \.reliability),
        ]
        let scores = parts.flatMap { name, part in
            Statistics(peers.map { Double(part($0.score)) }).readings(.score, [name])
        }
        return states + scores
            + Statistics(peers.compactMap { $0.roundTrip?.inSeconds }).readings(.roundTrip, [])
            + [
                Reading(.chunksInFlight, peers.reduce(0) { $0 + $1.inFlight.count }),
                Reading(.window, peers.reduce(0) { $0 + $1.window }),
                Reading(.queuedRequests, peers.reduce(0) { $0 + $1.queuedRequests }),
            ]
    }

    static func readings(of peers: [NodePeer]) -> [Reading] {
        PeerReport.Lane.allCases.flatMap { lane in
            let kinds = peers.filter { $0.lane == lane }
                .map { Candidate(sdp: $0.figures?.localCandidate ?? "")?.kind ?? "" }
            return ["host", "srflx", "prflx", "relay"].map { kind in
                Reading(.paths, kinds.count { $0 == kind }, [lane.rawValue, kind])
            }
        }
    }

    private func laneReadings(_ webrtc: [RTCStatistics]) -> [Reading] {
        let direct = self.runner.lanes.load
        return [
            Reading(.laneBuffer, webrtc.reduce(0) { $0 + $1.bulkBuffered }, ["webrtc"]),
            Reading(.laneChunks, webrtc.reduce(0) { $0 + $1.queuedChunks }, ["webrtc"]),
            Reading(.laneBuffer, direct.bytes, ["direct"]),
            Reading(.laneChunks, direct.chunks, ["direct"]),
        ]
    }

    /// Trackers are called by host and port: what stands behind may be a secret.
    private static func readings(of trackers: [(url: TrackerURL, status: TrackerStatus)]) -> [Reading] {
        let used = trackers.filter { $0.status.state != .idle }
        let names = Dictionary(grouping: used) { $0.url.authority.description }
        return names.map { name, trackers in
            Reading(.trackerConnected, trackers.contains { $0.status.state == .connected } ? 1 : 0, [name])
        }
    }

    private func queueReadings() -> [Reading] {
        [
            Reading(.freeRoom, self.runner.slab.freeSlots),
            Reading(.activeUploads, self.runner.uploads.count),
            Reading(.waitingInputs, self.loop.mailbox.count),
            Reading(.waitingDemands, self.runner.demands.count),
            Reading(.diskJobs, self.disk.jobs, ["transfers"]),
            Reading(.diskJobs, self.chores.jobs, ["chores"]),
            Reading(.diskJobs, self.sweeper.jobs, ["eviction"]),
        ]
    }

    private func limitReadings() -> [Reading] {
        let limits = self.limits
        let all = [
            (["upload", "total"], limits.upload.total), (["upload", "peer"], limits.upload.perPeer),
            (["download", "total"], limits.download.total), (["download", "peer"], limits.download.perPeer),
        ]
        return all.compactMap { labels, limit in limit.map { Reading(.rateLimit, $0, labels) } }
    }

    /// Empty when the store cannot say; ``health()`` does then.
    private func cacheReadings() async -> [Reading] {
        let store = self.runner.store
        guard let use = await self.looks.run({ try? store.cacheUse() }) else { return [] }
        let kinds = [
            ("resident", use.resident), ("reserved", use.reserved), ("pinned", use.pinned), ("held", use.held),
            ("evictable", use.evictable),
        ]
        let budget = store.cacheBudget.map { [Reading(.cacheBudget, $0.limit)] } ?? []
        return budget + kinds.map { Reading(.cacheBytes, $1, [$0]) }
    }
}

extension NodeSwarm {
    fileprivate var readings: [Reading] {
        // 16 digits tell the models of a home apart, and fit a legend. The swarms of one model, a public one and private
        // ones, are told apart by what follows.
        let id = self.link.manifestID.hex.prefix(16)
        let model = self.link.swarmKey == nil ? "\(id)" : "\(id)-\(self.handle.rawValue)"
        let report = StatusReport.Swarm(self)
        let size = self.status.totalBytes.map { [Reading(.modelBytes, $0, [model])] } ?? []
        return size + [
            Reading(.modelInfo, 1, [model, report.name ?? "", report.state.rawValue]),
            Reading(.modelVerified, self.status.verifiedBytes, [model]),
            Reading(.modelPeers, self.status.peers, [model]),
            Reading(.modelReceived, self.status.receivedBytes, [model]),
        ]
    }
}

/// The least, the median and the most of some values; nothing of none.
private struct Statistics {
    private let values: [Double]

    init(_ values: [Double]) { self.values = values.sorted() }

    func readings(_ metric: Metric, _ labels: [String]) -> [Reading] {
        guard let least = self.values.first, let most = self.values.last else { return [] }
        let median = self.values[self.values.count / 2]
        return [("min", least), ("median", median), ("max", most)].map { Reading(metric, $1, labels + [$0]) }
    }
}
