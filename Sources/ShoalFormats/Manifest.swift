package import ShoalCore

/// A description of a model: its files, the shards they are cut into, and which shards hold which expert.
///
/// A pure function of the files' bytes and relative paths, so that two people who publish the same weights land in the
/// same swarm without knowing of each other. A value of this type has passed every check of ``ManifestReader``: extents
/// partition the files, sizes add up, paths are safe to create.
package struct Manifest: Hashable, Sendable {
    /// The version of the format: `shoal` in the document.
    package static let version = 1

    /// The algorithm that cut the shards, ``LayoutOne``; another algorithm is another number.
    package static let layout = 1

    /// 65,536: the most files. The largest repositories of weights have some hundred.
    package static let maximumFileCount = 65_536

    /// What the model's files are; content decides, not names.
    package enum Format: String, Hashable, Sendable {
        case gguf
        case safetensors
        case rdrr
        case files
    }

    /// One file of the model, as it is when it is complete.
    package struct File: Hashable, Sendable {
        /// Relative, `/`-separated, NFC when published; compared as bytes.
        package let path: String
        /// In bytes.
        package let size: Int
        package let sha256: Digest

        package init(path: String, size: Int, sha256: Digest) {
            self.path = path
            self.size = size
            self.sha256 = sha256
        }
    }

    /// A run of bytes of one file.
    package struct Extent: Hashable, Sendable {
        /// Position in ``Manifest/files``.
        package let file: Int
        package let offset: Int
        package let length: Int

        package init(file: Int, offset: Int, length: Int) {
            self.file = file
            self.offset = offset
            self.length = length
        }
    }

    /// The unit of caching: what one entry of an inventory's bitfield stands for.
    package struct Shard: Hashable, Sendable {
        /// What the bytes are, which is how soon they are needed: a header to open the file, dense weights for every
        /// token, an expert when the router picks it.
        package enum Kind: String, Hashable, Sendable {
            case header
            case dense
            case expert
        }

        package let root: Digest
        /// In bytes; the sum of the extents' lengths.
        package let size: Int
        /// In the order in which their bytes make up the shard.
        package let extents: [Extent]
        package let kind: Kind

        package init(root: Digest, size: Int, extents: [Extent], kind: Kind) {
            self.root = root
            self.size = size
            self.extents = extents
            self.kind = kind
        }

        package var id: ShardID { ShardID(size: self.size, root: self.root) }
        package var chunkCount: Int { Cutting.chunkCount(ofShardOf: self.size) }
    }

    /// A run of bytes of one shard.
    package struct Slice: Hashable, Sendable {
        package let shard: ShardIndex
        package let offset: Int
        package let length: Int

        package init(shard: ShardIndex, offset: Int, length: Int) {
            self.shard = shard
            self.offset = offset
            self.length = length
        }
    }

    /// The expert registry of a mixture-of-experts model.
    package struct Experts: Hashable, Sendable {
        /// One more than the highest layer that has an expert. Layers in between may have none.
        package let layers: Int
        /// One more than the highest index of an expert.
        package let perLayer: Int
        /// How many experts the router picks for a token.
        package let used: Int
        /// Where each expert's bytes are.
        package let map: [ExpertID: [Slice]]

        package init(layers: Int, perLayer: Int, used: Int, map: [ExpertID: [Slice]]) {
            self.layers = layers
            self.perLayer = perLayer
            self.used = used
            self.map = map
        }
    }

    /// What the model says of itself; each is absent when unknown.
    package struct Model: Hashable, Sendable {
        package var architecture: String?
        package var contextLength: Int?
        package var parameters: Int?
        package var quantization: String?

        /// 255: the longest text, in bytes of UTF-8.
        static let maximumTextByteCount = 255

        package init(
            architecture: String? = nil,
            contextLength: Int? = nil,
            parameters: Int? = nil,
            quantization: String? = nil
        ) {
            self.architecture = architecture
            self.contextLength = contextLength
            self.parameters = parameters
            self.quantization = quantization
        }

        package var isEmpty: Bool { self == Model() }
    }

    package let format: Format
    package let files: [File]
    package let shards: [Shard]
    /// Nil when the model has no experts.
    package let experts: Experts?
    package let model: Model

    /// For the reader and the publisher, who have checked the parts.
    init(format: Format, files: [File], shards: [Shard], experts: Experts?, model: Model) {
        self.format = format
        self.files = files
        self.shards = shards
        self.experts = experts
        self.model = model
    }

    /// Bytes of all files together.
    package var totalSize: Int { self.files.reduce(0) { $0 + $1.size } }
}
