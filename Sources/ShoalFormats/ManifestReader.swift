package import ShoalCore

/// Turns bytes into a manifest, or says which field is wrong.
///
/// A manifest that is returned has exactly these bytes as its canonical form and has passed ``Manifest/check()``.
package enum ManifestReader {
    /// 32 MiB: 131,072 shards with a few extents each; what a peer may make us keep before we can check it.
    package static let maximumByteCount = 32 * 1024 * 1024

    /// Reads `bytes` if they are the manifest that `id` names.
    package static func read(_ bytes: [UInt8], expecting id: ManifestID) throws(ManifestError) -> Manifest {
        try self.checkSize(bytes)
        guard ManifestID(ofManifestBytes: bytes) == id else {
            throw ManifestError(field: "", problem: "the bytes do not hash to \(id.hex); get them from elsewhere")
        }
        return try self.read(bytes)
    }

    /// Reads `bytes`, whatever their ID.
    package static func read(_ bytes: [UInt8]) throws(ManifestError) -> Manifest {
        try self.checkSize(bytes)
        let top = try TopLevel(of: bytes)
        // The version first: of another version nothing else can be said.
        try top.require(Manifest.version, at: "shoal", name: "version")
        try top.require(Manifest.layout, at: "layout", name: "layout")
        try top.require(Cutting.chunkSize, at: "chunkSize", name: "chunk size")
        try top.checkKeys()
        var fields = try top.fields("format")
        let name = try fields.string("format")
        guard let format = Manifest.Format(rawValue: name) else {
            throw ManifestError(field: "format", problem: "is not gguf, safetensors, rdrr or files")
        }
        let manifest = Manifest(
            format: format,
            files: try self.files(top),
            shards: try self.shards(top),
            experts: try self.experts(top),
            model: try self.model(top)
        )
        try manifest.check()
        return manifest
    }

    /// Checks the length of a manifest.
    static func checkSize(_ bytes: [UInt8]) throws(ManifestError) {
        guard bytes.count <= self.maximumByteCount else {
            throw ManifestError(field: "", problem: "is \(bytes.count) bytes long; at most 32 MiB are allowed")
        }
    }

    private static func files(_ top: TopLevel) throws(ManifestError) -> [Manifest.File] {
        var fields = try top.fields("files")
        var files: [Manifest.File] = []
        try fields.enterArray("files")
        while try fields.nextElement("files") {
            let index = files.count
            try fields.enterObject("files[\(index)]")
            try fields.key("path", of: "files[\(index)]")
            let path = try fields.string("files[\(index)].path")
            try fields.key("sha256", of: "files[\(index)]")
            let sha256 = try fields.digest("files[\(index)].sha256")
            try fields.key("size", of: "files[\(index)]")
            let size = try fields.integer("files[\(index)].size")
            try fields.leaveObject("files[\(index)]")
            files.append(Manifest.File(path: path, size: size, sha256: sha256))
        }
        return files
    }

    private static func shards(_ top: TopLevel) throws(ManifestError) -> [Manifest.Shard] {
        var fields = try top.fields("shards")
        var shards: [Manifest.Shard] = []
        try fields.enterArray("shards")
        while try fields.nextElement("shards") {
            let index = shards.count
            try fields.enterObject("shards[\(index)]")
            try fields.key("extents", of: "shards[\(index)]")
            try fields.enterArray("shards[\(index)].extents")
            var extents: [Manifest.Extent] = []
            while try fields.nextElement("shards[\(index)].extents") {
                let (file, offset, length) = try fields.triple("shards[\(index)].extents[\(extents.count)]")
                extents.append(Manifest.Extent(file: file, offset: offset, length: length))
            }
            try fields.key("kind", of: "shards[\(index)]")
            guard let kind = Manifest.Shard.Kind(rawValue: try fields.string("shards[\(index)].kind")) else {
                throw ManifestError(field: "shards[\(index)].kind", problem: "is not header, dense or expert")
            }
            try fields.key("root", of: "shards[\(index)]")
            let root = try fields.digest("shards[\(index)].root")
            try fields.key("size", of: "shards[\(index)]")
            let size = try fields.integer("shards[\(index)].size")
            try fields.leaveObject("shards[\(index)]")
            shards.append(Manifest.Shard(root: root, size: size, extents: extents, kind: kind))
        }
        return shards
    }

    private static func experts(_ top: TopLevel) throws(ManifestError) -> Manifest.Experts? {
        guard top.has("experts") else { return nil }
        var fields = try top.fields("experts")
        try fields.enterObject("experts")
        try fields.key("layers", of: "experts")
        let layers = try fields.integer("experts.layers")
        try fields.key("map", of: "experts")
        try fields.enterObject("experts.map")
        var map: [ExpertID: [Manifest.Slice]] = [:]
        while let key = try fields.nextKey("experts.map") {
            let field = "experts.map." + ManifestFields.printable(key)
            guard let expert = ExpertID(manifestKey: key) else {
                throw ManifestError(field: field, problem: "the key is not <layer>.<expert>, both decimal")
            }
            var slices: [Manifest.Slice] = []
            try fields.enterArray(field)
            while try fields.nextElement(field) {
                let (shard, offset, length) = try fields.triple("\(field)[\(slices.count)]")
                guard (0..<Cutting.maximumShardCount).contains(shard) else {
                    throw ManifestError(field: "\(field)[\(slices.count)]", problem: "there is no shard \(shard)")
                }
                slices.append(Manifest.Slice(shard: ShardIndex(shard), offset: offset, length: length))
            }
            map[expert] = slices
        }
        try fields.key("perLayer", of: "experts")
        let perLayer = try fields.integer("experts.perLayer")
        try fields.key("used", of: "experts")
        let used = try fields.integer("experts.used")
        try fields.leaveObject("experts")
        return Manifest.Experts(layers: layers, perLayer: perLayer, used: used, map: map)
    }

    private static func model(_ top: TopLevel) throws(ManifestError) -> Manifest.Model {
        var model = Manifest.Model()
        guard top.has("model") else { return model }
        var fields = try top.fields("model")
        try fields.enterObject("model")
        while let key = try fields.nextKey("model") {
            switch key {
            case "architecture": model.architecture = try fields.string("model.architecture")
            case "contextLength": model.contextLength = try fields.integer("model.contextLength")
            case "parameters": model.parameters = try fields.integer("model.parameters")
            case "quantization": model.quantization = try fields.string("model.quantization")
            default: throw ManifestFields.unknownKey(key, of: "model")
            }
        }
        guard !model.isEmpty else {
            throw ManifestError(field: "model", problem: "is empty; it is absent when nothing is known")
        }
        return model
    }
}

/// Where the members of the document are, once its text is known to be canonical.
private struct TopLevel {
    private static let keys: Set = ["chunkSize", "experts", "files", "format", "layout", "model", "shards", "shoal"]

    private let bytes: [UInt8]
    private var offsets: [String: Int] = [:]
    private var unknownKey: String?

    init(of bytes: [UInt8]) throws(ManifestError) {
        self.bytes = bytes
        do throws(CanonicalJSONError) {
            var json = CanonicalJSONReader(bytes)
            try json.enterObject()
            while let key = try json.nextKey() {
                if Self.keys.contains(key) {
                    self.offsets[key] = json.offset
                } else if self.unknownKey == nil {
                    self.unknownKey = key
                }
                try json.skipValue()
            }
            try json.finish()
        } catch {
            throw ManifestError(field: "", problem: "is not canonical JSON; \(error)")
        }
    }

    func has(_ key: String) -> Bool { self.offsets[key] != nil }

    /// A reader that stands before the value of `key`.
    func fields(_ key: String) throws(ManifestError) -> ManifestFields {
        guard let offset = self.offsets[key] else { throw ManifestError(field: key, problem: "is missing") }
        return ManifestFields(json: CanonicalJSONReader(self.bytes, at: offset))
    }

    func require(_ value: Int, at key: String, name: String) throws(ManifestError) {
        var fields = try self.fields(key)
        let found = try fields.integer(key)
        guard found == value else {
            throw ManifestError(field: key, problem: "\(name) \(found) is not known to this program; update it")
        }
    }

    func checkKeys() throws(ManifestError) {
        if let unknownKey { throw ManifestFields.unknownKey(unknownKey, of: "") }
    }
}

extension ExpertID {
    /// The expert whose ``description`` is `key`; nil when there is none.
    fileprivate init?(manifestKey key: String) {
        let halves = key.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard halves.count == 2, let layer = Int(String(halves[0]) ?? ""), let index = Int(String(halves[1]) ?? "")
        else {
            return nil
        }
        self.init(layer: layer, index: index)
        // Refuses +1, 01 and -0.
        guard self.description.utf8.elementsEqual(key.utf8) else { return nil }
    }
}
