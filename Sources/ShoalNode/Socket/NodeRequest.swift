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
    /// What the home holds: a `model` for each.
    case list
    /// Is what the home holds right? `progress`, then a `verified` for each model.
    case verify(VerifyOrder)
    /// Leave a model's swarm and remove it from the home: `removed`.
    case remove(RemoveOrder)
    /// Take in files that the user has already: `progress`, then `adopted`.
    case adopt(AdoptOrder)
    /// How much the home's models take and may take, and what would go next: one `cache`.
    case cache(CacheOrder)
    /// Keep shards whatever happens, or no longer: one `pinned`.
    case pin(PinOrder)
    /// How quickly shard bytes may move, from now on if that is to change: one `limits`.
    case limit(LimitOrder)
    /// End.
    case stop

    /// Whether it is answered at once.
    var isBrief: Bool {
        switch self {
        case .status, .peers, .list, .cache, .limit, .stop: true
        case .fetch, .seed, .manifest, .verify, .remove, .adopt, .pin: false
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

/// Models to look through.
package struct VerifyOrder: Hashable, Codable, Sendable {
    /// Links, or beginnings of manifest IDs; none: every model of the home.
    package var models: [String]
    /// Whether what is wrong is fetched again.
    package var repairs: Bool
    package var trackers: [String]
    /// How many seconds may pass without a byte before the repair of a model is given up.
    package var patience: Double

    package init(models: [String], repairs: Bool, trackers: [String], patience: Double) {
        self.models = models
        self.repairs = repairs
        self.trackers = trackers
        self.patience = patience
    }
}

/// A model to be rid of.
package struct RemoveOrder: Hashable, Codable, Sendable {
    /// A link, or the beginning of a manifest ID.
    package var model: String

    package init(model: String) { self.model = model }
}

/// Files to take in.
package struct AdoptOrder: Hashable, Codable, Sendable {
    package var link: String
    /// The absolute path of a file or folder.
    package var path: String
    package var trackers: [String]
    /// How many seconds the manifest may take, when it has to come from the swarm.
    package var patience: Double

    package init(link: String, path: String, trackers: [String], patience: Double) {
        self.link = link
        self.path = path
        self.trackers = trackers
        self.patience = patience
    }
}
