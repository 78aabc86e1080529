/// What a node is doing; `shoal status --json` prints it as it is.
package struct StatusReport: Hashable, Codable, Sendable {
    /// The node's ID.
    package var node: String
    package var agent: String
    package var process: Int32
    package var uptimeSeconds: Double
    /// The absolute path of its home.
    package var home: String
    /// Where Prometheus finds its metrics; missing: nowhere.
    package var metrics: String?
    package var connections: Connections
    /// Missing: there are none.
    package var limits: LimitReport?
    package var trackers: [Tracker]
    package var swarms: [Swarm]

    package struct Connections: Hashable, Codable, Sendable {
        /// Open, and being made.
        package var used: Int
        package var maximum: Int
    }

    package struct Tracker: Hashable, Codable, Sendable {
        package enum State: String, Codable, Sendable {
            case connected
            case connecting
            /// It was lost, or could not be reached.
            case waiting
            /// No swarm is announced there.
            case idle
        }

        package var url: String
        package var state: State
        /// While waiting.
        package var retrySeconds: Double?
        /// Peers that it counted last in the largest swarm that we announce there, this node included.
        package var counted: Int?
    }

    package struct Swarm: Hashable, Codable, Sendable {
        package enum State: String, Codable, Sendable {
            /// Peers that have the manifest are looked for.
            case looking
            case fetching
            /// All of it is here and served.
            case seeding
            /// What is here is served, nothing is asked for.
            case serving
            /// The store gave up: a full disk, say.
            case failed
        }

        /// At most 255 bytes of it; missing when the link has none.
        package var name: String?
        package var manifest: String
        package var state: State
        package var verifiedBytes: Int
        /// Missing until the manifest is here.
        package var totalBytes: Int?
        package var peers: Int
        package var downBytesPerSecond: Int
        package var upBytesPerSecond: Int
        /// Verified bytes from peers since the node began.
        package var receivedBytes: Int
    }
}
