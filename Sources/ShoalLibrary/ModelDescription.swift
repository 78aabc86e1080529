import ShoalFormats

/// What a model consists of, as its manifest says.
public struct ModelDescription: Hashable, Sendable {
    /// One of the model's files.
    public struct File: Hashable, Sendable {
        /// Relative, separated by `/`.
        public let path: String
        /// In bytes.
        public let size: Int
    }

    /// The experts of a mixture-of-experts model.
    public struct Experts: Hashable, Sendable {
        /// One more than the highest layer that has an expert. Layers in between may have none.
        public let layers: Int
        /// One more than the highest index of an expert.
        public let perLayer: Int
        /// How many of them the router picks for a token.
        public let used: Int
    }

    /// The SHA-256 of the manifest, in hexadecimal: the model's name, whoever publishes it.
    public let id: String
    /// Its files, in the manifest's order.
    public let files: [File]
    /// The size of each shard in bytes, by index.
    public let shardSizes: [Int]
    /// Nil when the model has none.
    public let experts: Experts?

    init(id: String, _ manifest: Manifest) {
        self.id = id
        self.files = manifest.files.map { File(path: $0.path, size: $0.size) }
        self.shardSizes = manifest.shards.map(\.size)
        self.experts = manifest.experts.map {
            Experts(layers: $0.layers, perLayer: $0.perLayer, used: $0.used)
        }
    }
}

/// How much of a model is here.
public struct LoadProgress: Hashable, Sendable {
    /// Bytes that are here and verified.
    public let verifiedBytes: Int
    /// Bytes of the whole model.
    public let totalBytes: Int
    /// Peers of the swarm that are connected.
    public let peers: Int
}
