import ShoalCore
import ShoalFormats
import ShoalSignaling
import ShoalSwarm
import ShoalTransport

// From what the mesh and the transport know to what clients are told.

extension StatusReport.Tracker {
    init(_ url: TrackerURL, _ status: TrackerStatus) {
        var retrySeconds: Double?
        let state: State
        switch status.state {
        case .connected: state = .connected
        case .connecting: state = .connecting
        case .idle: state = .idle
        case .waiting(let retryIn):
            state = .waiting
            retrySeconds = retryIn.inSeconds
        }
        self.init(url: url.description, state: state, retrySeconds: retrySeconds, counted: status.counted)
    }
}

extension StatusReport.Swarm {
    /// 255 bytes: as long as the name of a file.
    private static let nameLimit = 255

    /// The beginning of a name that may be of any length.
    static func shortened(_ name: String) -> String {
        String(decoding: name.utf8.prefix(self.nameLimit), as: UTF8.self)
    }

    init(_ swarm: NodeSwarm) {
        let status = swarm.status
        self.init(
            name: swarm.link.name.map(Self.shortened),
            manifest: swarm.link.manifestID.hex,
            state: State(status),
            verifiedBytes: status.verifiedBytes,
            totalBytes: status.totalBytes,
            peers: status.peers,
            downBytesPerSecond: status.downRate,
            upBytesPerSecond: status.upRate,
            receivedBytes: status.receivedBytes
        )
    }
}

extension StatusReport.Swarm.State {
    init(_ status: SwarmStatus) {
        if status.hasFailed {
            self = .failed
        } else if let total = status.totalBytes {
            let isMissing = status.selected.map { $0.verifiedBytes < $0.totalBytes } ?? true
            self = status.verifiedBytes == total ? .seeding : status.fetches && isMissing ? .fetching : .serving
        } else {
            self = .looking
        }
    }
}

extension PeerReport {
    /// - Parameter manifests: the manifest ID of each swarm.
    init(_ peer: NodePeer, manifests: [SwarmHandle: String]) {
        let (status, figures) = (peer.status, peer.figures)
        self.init(
            node: status.node?.hex,
            agent: status.agent,
            state: State(status.state),
            role: status.role == .initiator ? .initiator : .responder,
            openSeconds: status.age.inSeconds,
            swarms: status.swarms.compactMap { manifests[$0] },
            score: Score(
                total: status.score.total,
                throughput: status.score.throughput,
                latency: status.score.latency,
                reliability: status.score.reliability
            ),
            // SCTP's own counts what waits behind bulk.
            roundTripSeconds: (status.roundTrip ?? figures?.roundTrip)?.inSeconds,
            downBytesPerSecond: status.downRate,
            upBytesPerSecond: status.upRate,
            receivedBytes: status.receivedBytes,
            sentBytes: status.sentBytes,
            window: status.window,
            inFlight: status.inFlight.compactMap { owed in
                manifests[owed.swarm].map {
                    Chunk(manifest: $0, shard: owed.shard.rawValue, chunk: owed.chunk.rawValue)
                }
            },
            queuedRequests: status.queuedRequests,
            lane: peer.lane,
            path: figures.flatMap(Path.init)
        )
    }
}

extension PeerReport.State {
    fileprivate init(_ state: PeerStatus.State) {
        switch state {
        case .handshake: self = .handshake
        case .open: self = .open
        case .quiet: self = .quiet
        case .suspect: self = .suspect
        case .closing: self = .closing
        }
    }
}

extension PeerReport.Path {
    fileprivate init?(_ figures: RTCStatistics) {
        guard let local = Candidate(sdp: figures.localCandidate), let remote = Candidate(sdp: figures.remoteCandidate)
        else { return nil }
        self.init(local: local, remote: remote, isRelayed: figures.isRelayed)
    }
}
