/// One thing that is measured: the name under which Prometheus knows it, and what it means.
///
/// Labels have few values: models of the home, trackers, lanes, states. Peers are no label: a swarm has thousands.
package struct Metric: Hashable, Sendable {
    package enum Kind: String, Sendable {
        /// Only grows, until the process ends.
        case counter
        case gauge
        /// How often something took how long, in seconds.
        case histogram
    }

    package let name: String
    package let kind: Kind
    package let labels: [String]
    package let meaning: String

    private init(_ kind: Kind, _ name: String, _ labels: [String] = [], _ meaning: String) {
        self.name = name
        self.kind = kind
        self.labels = labels
        self.meaning = meaning
    }
}

// MARK: Counted as it happens

extension Metric {
    static let receivedBytes = Metric(
        .counter,
        "shoal_received_bytes_total",
        ["lane"],
        "Bytes of chunks from peers, before they are verified."
    )
    static let sentBytes = Metric(.counter, "shoal_sent_bytes_total", ["lane"], "Bytes of chunks to peers.")
    static let receivedChunks = Metric(
        .counter,
        "shoal_received_chunks_total",
        ["result"],
        "Chunks that were asked for: verified and stored; corrupt; dropped (second copies, and what did not come)."
    )
    static let servedChunks = Metric(
        .counter,
        "shoal_served_chunks_total",
        ["result"],
        "Chunks that peers asked for: sent; failed (unreadable, or the peer went away)."
    )
    static let verification = Metric(
        .histogram,
        "shoal_chunk_verification_seconds",
        [],
        "From the last frame of a chunk until it is hashed and stored, or refused; its wait for a disk thread included."
    )
    static let reading = Metric(
        .histogram,
        "shoal_chunk_read_seconds",
        [],
        "From the order to serve a chunk until it is read; its wait for a disk thread included."
    )
    static let controlMessages = Metric(
        .counter,
        "shoal_control_messages_total",
        ["direction"],
        "Control messages, received and sent."
    )
    static let controlBytes = Metric(
        .counter,
        "shoal_control_bytes_total",
        ["direction"],
        "Bytes of control messages, received and sent."
    )
    static let joinedPeers = Metric(.counter, "shoal_peers_joined_total", [], "Peers that proved who they are.")
    static let leftPeers = Metric(.counter, "shoal_peers_left_total", [], "Connections to peers that ended.")
    static let suspectedPeers = Metric(
        .counter,
        "shoal_peers_suspected_total",
        [],
        "Peers that owed chunks and fell silent: their work moved to others."
    )
    static let bannedPeers = Metric(.counter, "shoal_peers_banned_total", [], "Peers that were banned.")
    static let completedShards = Metric(.counter, "shoal_shards_completed_total", [], "Shards that became whole.")
    static let lostShards = Metric(
        .counter,
        "shoal_shards_lost_total",
        [],
        "Shards that were here and are not right any more."
    )
    static let evictedShards = Metric(.counter, "shoal_shards_evicted_total", [], "Shards that made way for others.")
    static let announces = Metric(
        .counter,
        "shoal_tracker_announces_total",
        [],
        "Announces that trackers answered."
    )
    static let trackerLosses = Metric(
        .counter,
        "shoal_tracker_losses_total",
        [],
        "Connections to trackers that failed or ended."
    )
    static let demands = Metric(
        .counter,
        "shoal_demands_total",
        ["result"],
        "What engines asked for: hit (it was here); fetched (it came); failed (it did not, or nobody waited any longer)."
    )
    static let demandWait = Metric(
        .histogram,
        "shoal_demand_wait_seconds",
        [],
        "How long engines waited for what came."
    )
    static let loopInputs = Metric(
        .counter,
        "shoal_loop_inputs_total",
        [],
        "What the mesh was told: messages, frames, verdicts, deadlines."
    )
    static let loopTurn = Metric(
        .histogram,
        "shoal_loop_turn_seconds",
        [],
        "How long the loop took to handle what had come and to carry out what followed."
    )
}

// MARK: Looked at when somebody asks

extension Metric {
    static let build = Metric(.gauge, "shoal_build_info", ["version"], "1, for the version that runs.")
    static let connections = Metric(
        .gauge,
        "shoal_connections",
        ["state"],
        "Connections to peers: handshake, open, quiet, suspect or closing."
    )
    static let connectionsUsed = Metric(
        .gauge,
        "shoal_connections_used",
        [],
        "Connections that are open or being made, which count against the budget."
    )
    static let connectionBudget = Metric(.gauge, "shoal_connections_maximum", [], "The budget of connections.")
    static let paths = Metric(
        .gauge,
        "shoal_connection_paths",
        ["lane", "candidate"],
        "Connections by lane and by the kind of our ICE candidate: host, srflx, prflx or relay."
    )
    static let score = Metric(
        .gauge,
        "shoal_peer_score",
        ["part", "statistic"],
        "Scores of peers, 0 to 1000: total, throughput, latency, reliability; least, median and most of them."
    )
    static let roundTrip = Metric(
        .gauge,
        "shoal_peer_round_trip_seconds",
        ["statistic"],
        "Round-trip times to peers: least, median and most of them."
    )
    static let chunksInFlight = Metric(
        .gauge,
        "shoal_chunks_in_flight",
        [],
        "Chunks that were asked of peers and have not come."
    )
    static let window = Metric(
        .gauge,
        "shoal_window_chunks",
        [],
        "Chunks that may be in flight from all peers together."
    )
    static let freeRoom = Metric(.gauge, "shoal_room_free_chunks", [], "Chunks that there is memory left for.")
    static let queuedRequests = Metric(
        .gauge,
        "shoal_upload_queued_requests",
        [],
        "Requests of peers that wait or are being served."
    )
    static let activeUploads = Metric(
        .gauge,
        "shoal_upload_active_chunks",
        [],
        "Chunks that are being read for peers, or are in line to be sent."
    )
    static let laneBuffer = Metric(
        .gauge,
        "shoal_lane_buffered_bytes",
        ["lane"],
        "Bytes that wait in the transport's send buffers."
    )
    static let laneChunks = Metric(
        .gauge,
        "shoal_lane_queued_chunks",
        ["lane"],
        "Chunks in line at the transport, those under way included."
    )
    static let waitingInputs = Metric(
        .gauge,
        "shoal_loop_waiting_inputs",
        [],
        "What the mesh has not been told yet."
    )
    static let diskJobs = Metric(
        .gauge,
        "shoal_disk_jobs",
        ["pool"],
        "Jobs that wait for a disk thread or have one: transfers, chores (other commands), eviction."
    )
    static let waitingDemands = Metric(
        .gauge,
        "shoal_demands_waiting",
        [],
        "Callers that wait for shards."
    )
    static let rateLimit = Metric(
        .gauge,
        "shoal_limit_bytes_per_second",
        ["direction", "scope"],
        "Limits of rates, up and down, in all and for each peer; missing where there is none."
    )
    static let trackerConnected = Metric(
        .gauge,
        "shoal_tracker_connected",
        ["tracker"],
        "1 while a tracker is connected, else 0; trackers that no swarm is announced at are missing."
    )
    static let modelInfo = Metric(
        .gauge,
        "shoal_model_info",
        ["model", "name", "state"],
        "1, for the name and the state of a model: looking, fetching, seeding, serving or failed."
    )
    static let modelBytes = Metric(
        .gauge,
        "shoal_model_bytes",
        ["model"],
        "The size of a model; missing until its manifest is here."
    )
    static let modelVerified = Metric(
        .gauge,
        "shoal_model_verified_bytes",
        ["model"],
        "Bytes of a model that are here."
    )
    static let modelPeers = Metric(.gauge, "shoal_model_peers", ["model"], "Peers that share a model now.")
    static let modelReceived = Metric(
        .counter,
        "shoal_model_received_bytes_total",
        ["model"],
        "Verified bytes of a model from peers, second copies not counted."
    )
    static let cacheBudget = Metric(
        .gauge,
        "shoal_cache_budget_bytes",
        [],
        "What models may take of the disk; missing when they may take all of it."
    )
    static let cacheBytes = Metric(
        .gauge,
        "shoal_cache_bytes",
        ["kind"],
        "What models take of the disk: resident; of that pinned, held, evictable; reserved for what is about to come."
    )
    static let startTime = Metric(
        .gauge,
        "process_start_time_seconds",
        [],
        "When the process began, in Unix time."
    )
    static let cpuTime = Metric(.counter, "process_cpu_seconds_total", [], "Processor time, user and system.")
    static let residentMemory = Metric(.gauge, "process_resident_memory_bytes", [], "Resident memory.")
    static let openFiles = Metric(.gauge, "process_open_fds", [], "Open file descriptors.")
    static let fileLimit = Metric(.gauge, "process_max_fds", [], "How many file descriptors may be open.")

    /// Everything that a node measures.
    package static let all = [
        receivedBytes, sentBytes, receivedChunks, servedChunks, verification, reading, controlMessages, controlBytes,
        joinedPeers, leftPeers, suspectedPeers, bannedPeers, completedShards, lostShards, evictedShards, announces,
        trackerLosses, demands, demandWait, loopInputs, loopTurn, build, connections, connectionsUsed,
        connectionBudget, paths, score, roundTrip, chunksInFlight, window, freeRoom, queuedRequests, activeUploads,
        laneBuffer, laneChunks, waitingInputs, diskJobs, waitingDemands, rateLimit, trackerConnected, modelInfo,
        modelBytes, modelVerified, modelPeers, modelReceived, cacheBudget, cacheBytes, startTime, cpuTime,
        residentMemory, openFiles, fileLimit,
    ]
}
