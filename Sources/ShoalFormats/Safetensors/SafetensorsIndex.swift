import ShoalCore

/// `model.safetensors.index.json`: in which files a model's tensors lie.
struct SafetensorsIndex: Equatable {
    /// 100,000,000 bytes: the longest file that is read, as for the directories that it sums up.
    static let maximumByteCount = SafetensorsHeader.maximumByteCount

    /// The files that it names, each once, by the bytes of their names.
    let files: [String]

    /// Reads the `weight_map` of `bytes`, the text of the file.
    init(reading bytes: [UInt8]) throws(SourceProblem) {
        let path = SafetensorsAnatomy.indexPath
        var files: Set<String>?
        do throws(JSONError) {
            var json = JSONReader(bytes)
            try json.enterObject()
            while let name = try json.nextName() {
                if name == "weight_map" { files = try Self.files(&json) } else { try json.skipValue() }
            }
            try json.finish()
        } catch {
            throw SourceProblem(path: path, problem: "cannot be read: \(error); get it again")
        }
        guard let files, !files.isEmpty else {
            throw SourceProblem(
                path: path,
                field: "weight_map",
                problem: "is missing or empty; remove the file if the model does not need it"
            )
        }
        self.files = files.sorted(by: PublishedPath.precedes)
    }

    private static func files(_ json: inout JSONReader) throws(JSONError) -> Set<String> {
        var files: Set<String> = []
        try json.enterObject()
        while try json.nextName() != nil { files.insert(try json.readString()) }
        return files
    }
}
