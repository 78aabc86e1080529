package import Foundation

/// What a node answers: any number of these, the last of which is ``done`` or ``error(_:)``.
package enum NodeAnswer: Hashable, Sendable {
    case status(StatusReport)
    case peer(PeerReport)
    case progress(ModelProgress)
    /// Something that people should know, in a sentence.
    case note(String)
    case fetched(FetchReport)
    case seeding(SeedReport)
    case model(ModelReport)
    case verified(VerifyReport)
    case removed(RemoveReport)
    case adopted(AdoptReport)
    case cache(CacheReport)
    case pinned(PinReport)
    case limits(LimitReport)
    /// The next bytes of a manifest.
    case manifestPart(Data)
    case done
    case error(NodeFailure)
}

/// How far a model is.
package struct ModelProgress: Hashable, Codable, Sendable {
    package enum Stage: String, Codable, Sendable {
        /// What is on the disk already is being hashed.
        case examining
        /// A file or folder of the user's is being hashed.
        case hashing
        /// No manifest yet.
        case looking
        case fetching
        /// Every chunk is verified; the files are compared with the manifest.
        case checking
        /// The copy that was asked for is being made.
        case copying
        /// The swarm is being left, then the model deleted.
        case removing
    }

    package var stage: Stage
    /// Bytes; ``total`` is missing while it is not known.
    package var done: Int
    package var total: Int?
    package var peers: Int
    package var connectedTrackers: Int
}

/// The figures of a fetch.
package struct FetchReport: Hashable, Codable, Sendable {
    /// The ID.
    package var manifest: String
    /// Of its first file.
    package var path: String
    package var bytes: Int
    /// Verified bytes that peers sent for this request, and how many peers have sent some since the node began.
    package var bytesFromPeers: Int
    package var peers: Int
    /// Why the manifest's expert registry is not what the model's headers say, if it is not.
    package var registryProblem: String?

    package init(
        manifest: String,
        path: String,
        bytes: Int,
        bytesFromPeers: Int,
        peers: Int,
        registryProblem: String?
    ) {
        self.manifest = manifest
        self.path = path
        self.bytes = bytes
        self.bytesFromPeers = bytesFromPeers
        self.peers = peers
        self.registryProblem = registryProblem
    }
}

/// What is served.
package struct SeedReport: Hashable, Codable, Sendable {
    package var link: String
    package var manifest: String
    package var verifiedBytes: Int
    package var totalBytes: Int
    package var shards: Int
}
