/// A model of the home; `shoal list --json` prints it as it is.
package struct ModelReport: Hashable, Codable, Sendable {
    package enum State: String, Codable, Sendable {
        /// No node takes part in its swarm.
        case idle
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

    /// At most 255 bytes of it; missing when nobody has said.
    package var name: String?
    package var manifest: String
    /// Missing when the manifest cannot be read.
    package var format: String?
    package var files: Int?
    package var totalBytes: Int?
    /// Verified bytes that are here; missing when the model has to be hashed to tell.
    package var residentBytes: Int?
    /// Of the shards that are pinned, here or not; missing when the manifest cannot be read.
    package var pinnedBytes: Int?
    /// Files of the user's that are served in place.
    package var externalFiles: Int
    /// Unix time in seconds; missing when nothing is known of it.
    package var lastUsed: Int?
    package var state: State
}

/// What a look through a model found.
package struct VerifyReport: Hashable, Codable, Sendable {
    package var name: String?
    package var manifest: String
    /// Verified bytes that are here now.
    package var residentBytes: Int
    /// Of the whole model.
    package var totalBytes: Int
    /// Shards that were said to be here and were wrong or gone, and their bytes.
    package var wrongShards: Int
    package var wrongBytes: Int
    /// How many of these have been fetched again.
    package var repairedShards: Int

    package var isRight: Bool { self.repairedShards == self.wrongShards }
}

/// What a model left when it went.
package struct RemoveReport: Hashable, Codable, Sendable {
    package var name: String?
    package var manifest: String
    /// Bytes of the disk that are free again.
    package var freedBytes: Int
    /// Paths of files of the user's that were served; they are where they were. At most 100.
    package var externalPaths: [String]
    /// How many of them there are.
    package var externalFiles: Int
}

/// What of the user's files belongs to a model.
package struct AdoptReport: Hashable, Codable, Sendable {
    package var manifest: String
    /// Files that are served where they are from now on, and their bytes.
    package var files: Int
    package var inPlaceBytes: Int
    /// Bytes that were copied into the home, out of files that are not whole.
    package var copiedBytes: Int
    /// Bytes that were looked at and are not of the model, or cannot be told to be.
    package var unknownBytes: Int
    /// Verified bytes of the model that are here now.
    package var residentBytes: Int
    package var totalBytes: Int
}
