import ShoalCore

/// Prints a manifest's canonical bytes, the only ones that have its ID.
package enum ManifestWriter {
    package static func bytes(of manifest: Manifest) -> [UInt8] {
        var json = CanonicalJSONWriter()
        json.beginObject()
        json.key("chunkSize")
        json.value(Cutting.chunkSize)
        if let experts = manifest.experts {
            json.key("experts")
            self.write(experts, to: &json)
        }
        json.key("files")
        json.beginArray()
        for file in manifest.files { self.write(file, to: &json) }
        json.end()
        json.key("format")
        json.value(manifest.format.rawValue)
        json.key("layout")
        json.value(Manifest.layout)
        if !manifest.model.isEmpty {
            json.key("model")
            self.write(manifest.model, to: &json)
        }
        json.key("shards")
        json.beginArray()
        for shard in manifest.shards { self.write(shard, to: &json) }
        json.end()
        json.key("shoal")
        json.value(Manifest.version)
        json.end()
        return json.bytes
    }

    private static func write(_ file: Manifest.File, to json: inout CanonicalJSONWriter) {
        json.beginObject()
        json.key("path")
        json.value(file.path)
        json.key("sha256")
        json.value(file.sha256.hex)
        json.key("size")
        json.value(file.size)
        json.end()
    }

    private static func write(_ shard: Manifest.Shard, to json: inout CanonicalJSONWriter) {
        json.beginObject()
        json.key("extents")
        json.beginArray()
        for extent in shard.extents { self.write([extent.file, extent.offset, extent.length], to: &json) }
        json.end()
        json.key("kind")
        json.value(shard.kind.rawValue)
        json.key("root")
        json.value(shard.root.hex)
        json.key("size")
        json.value(shard.size)
        json.end()
    }

    private static func write(_ experts: Manifest.Experts, to json: inout CanonicalJSONWriter) {
        json.beginObject()
        json.key("layers")
        json.value(experts.layers)
        json.key("map")
        json.beginObject()
        // By text, as canonical JSON wants it: 0.10 before 0.2. The keys are ASCII.
        let members = experts.map.map { (key: $0.key.description, slices: $0.value) }
        for (key, slices) in members.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            json.key(key)
            json.beginArray()
            for slice in slices { self.write([slice.shard.position, slice.offset, slice.length], to: &json) }
            json.end()
        }
        json.end()
        json.key("perLayer")
        json.value(experts.perLayer)
        json.key("used")
        json.value(experts.used)
        json.end()
    }

    private static func write(_ model: Manifest.Model, to json: inout CanonicalJSONWriter) {
        json.beginObject()
        if let architecture = model.architecture {
            json.key("architecture")
            json.value(architecture)
        }
        if let contextLength = model.contextLength {
            json.key("contextLength")
            json.value(contextLength)
        }
        if let parameters = model.parameters {
            json.key("parameters")
            json.value(parameters)
        }
        if let quantization = model.quantization {
            json.key("quantization")
            json.value(quantization)
        }
        json.end()
    }

    private static func write(_ integers: [Int], to json: inout CanonicalJSONWriter) {
        json.beginArray()
        for integer in integers { json.value(integer) }
        json.end()
    }
}
