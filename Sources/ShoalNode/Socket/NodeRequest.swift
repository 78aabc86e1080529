/// What a command asks the node of its home (`docs/node-socket.md`).
package enum NodeRequest: Hashable, Sendable {
    /// What the node is doing: one `status`.
    case status
    /// Its connections: one `peer` for each.
    case peers
    /// Get a model: `progress` until it is here, then `fetched`. Ends when the connection does.
    case fetch(FetchOrder)
    /// Serve a model until the node ends: `progress` while a path is hashed, then `seeding`.
    case seed(SeedOrder)
    /// What is in a model: `progress`, then its canonical bytes in parts.
    case manifest(ManifestOrder)
    /// End.
    case stop

    /// Whether it is answered at once.
    var isBrief: Bool {
        switch self {
        case .status, .peers, .stop: true
        case .fetch, .seed, .manifest: false
        }
    }
}

/// A model to get.
package struct FetchOrder: Hashable, Codable, Sendable {
    package var link: String
    /// Where to announce the swarm, besides the link's own.
    package var trackers: [String]
    /// Where a copy is wanted: an absolute path.
    package var output: String?
    /// Patterns of the files to get and of those to leave; missing: every file.
    package var include: [String]?
    package var exclude: [String]?

    package init(
        link: String,
        trackers: [String],
        output: String?,
        include: [String]? = nil,
        exclude: [String]? = nil
    ) {
        self.link = link
        self.trackers = trackers
        self.output = output
        self.include = include
        self.exclude = exclude
    }
}

/// A model to serve.
package struct SeedOrder: Hashable, Codable, Sendable {
    /// A link, or the absolute path of a file or folder, which is published first.
    package var source: String
    /// What people call it; nil: as the link or the file does.
    package var name: String?
    package var trackers: [String]

    package init(source: String, name: String?, trackers: [String]) {
        self.source = source
        self.name = name
        self.trackers = trackers
    }
}

/// A model to look into.
package struct ManifestOrder: Hashable, Codable, Sendable {
    /// A link, or the absolute path of a file or folder, which is published first.
    package var source: String
    package var trackers: [String]

    package init(source: String, trackers: [String]) {
        self.source = source
        self.trackers = trackers
    }
}
