import ShoalCore

/// Takes a folder with safetensors files apart, as Hugging Face repositories have them: format `safetensors` of
/// `docs/protocol.md`.
///
/// The *model* is what `transformers` would load: `model.safetensors`, else the files that
/// `model.safetensors.index.json` names, else every safetensors file at the top of the folder. Its files must be sound,
/// and only they hold experts and are described. Whatever else lies in the folder is published as it is.
package enum SafetensorsAnatomy {
    /// What the file is called that holds all of a model.
    static let modelPath = "model.safetensors"
    static let indexPath = "model.safetensors.index.json"
    static let configurationPath = "config.json"

    /// 64 MiB: a file that holds no weights and is longer is no header either. The longest tokenizers have 35 MB.
    static let maximumCompanionSize = 64 * 1024 * 1024

    /// Endings of files with weights in other formats, which lie in many repositories.
    private static let weightEndings = [
        ".bin", ".ckpt", ".gguf", ".h5", ".msgpack", ".npy", ".npz", ".onnx", ".onnx_data", ".ot", ".pt", ".pth",
        ".safetensors", ".tflite",
    ]

    /// What `files` are. Reads headers, the index and the configuration, no weights.
    ///
    /// - Parameter tensorLimit: the most tensors of all files together.
    package static func of<Reader: SourceReader>(
        files: [SourceListing],
        reader: Reader,
        tensorLimit: Int = SafetensorsHeader.maximumTensorCount
    ) throws(SourceError<Reader.Failure>) -> SourceAnatomy {
        var survey = SafetensorsSurvey(files: files, reader: reader, tensorLimit: tensorLimit)
        return try survey.anatomy()
    }

    /// Whether files with `paths` are a model in this format before they are one in another: a repository may hold
    /// both.
    static func isModel(_ paths: some Sequence<String>) -> Bool {
        paths.contains { $0 == self.modelPath || $0 == self.indexPath }
    }

    /// Whether a file is in this format by its name.
    static func isSafetensors(_ path: String) -> Bool { path.hasSuffix(".safetensors") }

    /// A file that is not in this format: whole, and a header if it is what programs read before the weights.
    static func companion(_ file: SourceListing) -> LayoutOne.SourceFile {
        let isHeader =
            file.size <= self.maximumCompanionSize && !self.weightEndings.contains { file.path.hasSuffix($0) }
        guard isHeader, file.size > 0 else { return .plain(path: file.path, size: file.size) }
        return LayoutOne.SourceFile(
            path: file.path,
            size: file.size,
            regions: [LayoutOne.Region(.header, length: file.size)]
        )
    }
}

/// One look through a folder.
private struct SafetensorsSurvey<Reader: SourceReader> {
    private let files: [SourceListing]
    private let reader: Reader
    private let positions: [String: Int]
    private var notes: [String] = []
    /// How many tensors the files that were not read yet may have.
    private var tensorLimit: Int

    init(files: [SourceListing], reader: Reader, tensorLimit: Int) {
        self.tensorLimit = tensorLimit
        self.files = files
        self.reader = reader
        self.positions = Dictionary(files.enumerated().map { ($1.path, $0) }) { first, _ in first }
    }

    mutating func anatomy() throws(SourceError<Reader.Failure>) -> SourceAnatomy {
        let modelFiles = try self.modelFiles()
        let isOfModel = Set(modelFiles)
        let configuration = try self.configuration()
        var headers: [Int: SafetensorsHeader] = [:]
        for position in modelFiles { headers[position] = try self.header(position) }
        let model = modelFiles.compactMap { headers[$0] }
        let experts = ExpertCutting(model: model, configuration: configuration)
        self.notes += experts.notes
        for (position, file) in self.files.enumerated() where headers[position] == nil {
            if SafetensorsAnatomy.isSafetensors(file.path) { headers[position] = try self.headerIfSound(position) }
        }
        let files = self.files.enumerated().map { position, file in
            guard let header = headers[position] else { return SafetensorsAnatomy.companion(file) }
            let cutting = isOfModel.contains(position) ? experts : .none
            return LayoutOne.SourceFile(path: file.path, size: file.size, regions: cutting.regions(of: header))
        }
        return SourceAnatomy(
            format: .safetensors,
            files: files,
            expertsUsed: experts.used,
            model: SafetensorsSummary(model).model(configuration),
            notes: self.notes
        )
    }
}

// MARK: - What to read

extension SafetensorsSurvey {
    /// Positions of the files that are the model, ascending.
    private mutating func modelFiles() throws(SourceError<Reader.Failure>) -> [Int] {
        if let whole = self.positions[SafetensorsAnatomy.modelPath] { return [whole] }
        if let index = self.positions[SafetensorsAnatomy.indexPath] { return try self.indexedFiles(index) }
        let files = self.files.indices.filter { position in
            let path = self.files[position].path
            return SafetensorsAnatomy.isSafetensors(path) && !path.utf8.contains(UInt8(ascii: "/"))
        }
        if files.count > 1 {
            self.notes.append(
                "\(files.count) safetensors files were taken for one model: \(SafetensorsAnatomy.indexPath) is missing"
            )
        }
        return files
    }

    private func indexedFiles(_ position: Int) throws(SourceError<Reader.Failure>) -> [Int] {
        let bytes = try self.text(position, limit: SafetensorsIndex.maximumByteCount)
        return try self.checking { () throws(SourceProblem) in
            guard let bytes else {
                throw SourceProblem(path: SafetensorsAnatomy.indexPath, problem: "is longer than 100,000,000 bytes")
            }
            let index = try SafetensorsIndex(reading: bytes)
            var positions: [Int] = []
            for file in index.files {
                guard let position = self.positions[file] else { throw self.absence(of: file, among: index.files) }
                positions.append(position)
            }
            return positions.sorted()
        }
    }

    private func absence(of file: String, among files: [String]) -> SourceProblem {
        let missing = files.filter { self.positions[$0] == nil }.count
        let name = ManifestFields.printable(file, limit: PublishedPath.maximumComponentByteCount)
        let others = missing > 1 ? " and \(missing - 1) more" : ""
        return SourceProblem(
            path: SafetensorsAnatomy.indexPath,
            field: "weight_map",
            problem: "names \(name)\(others), not in the folder: get what is missing, or remove the index"
        )
    }

    /// Nil when there is none, or none that can be read, which costs no more than what it would have said.
    private mutating func configuration() throws(SourceError<Reader.Failure>) -> ModelConfiguration? {
        guard let position = self.positions[SafetensorsAnatomy.configurationPath] else { return nil }
        guard let bytes = try self.text(position, limit: ModelConfiguration.maximumByteCount) else {
            self.notes.append("config.json is longer than 16 MiB and was not read")
            return nil
        }
        do throws(JSONError) {
            return try ModelConfiguration(reading: bytes)
        } catch {
            self.notes.append("config.json cannot be read and was ignored: \(error)")
            return nil
        }
    }

    /// All bytes of a file; nil when there are more than `limit`.
    private func text(_ position: Int, limit: Int) throws(SourceError<Reader.Failure>) -> [UInt8]? {
        let size = self.files[position].size
        guard size <= limit else { return nil }
        return try self.bytes(position, at: 0, count: size)
    }

    private func bytes(_ position: Int, at offset: Int, count: Int) throws(SourceError<Reader.Failure>) -> [UInt8] {
        do throws(Reader.Failure) {
            return try self.reader.read(position, at: offset, count: count)
        } catch {
            throw .unreadable(error)
        }
    }

    /// The directory of a file that is not of the model: nil when it is broken, because then it is only a file.
    private mutating func headerIfSound(
        _ position: Int
    ) throws(SourceError<Reader.Failure>) -> SafetensorsHeader? {
        do throws(SourceError<Reader.Failure>) {
            return try self.header(position)
        } catch {
            guard case .wrong(let problem) = error else { throw error }
            self.notes.append("\(problem); it is not part of the model, and published as it is")
            return nil
        }
    }

    private mutating func header(_ position: Int) throws(SourceError<Reader.Failure>) -> SafetensorsHeader {
        let file = self.files[position]
        let prefix = try self.bytes(position, at: 0, count: SafetensorsHeader.prefixByteCount)
        let count = try self.checking { () throws(SourceProblem) in
            try SafetensorsHeader.jsonByteCount(prefix, of: file)
        }
        let json = try self.bytes(position, at: SafetensorsHeader.prefixByteCount, count: count)
        let limit = self.tensorLimit
        let header = try self.checking { () throws(SourceProblem) in
            guard json.count == count else {
                throw SourceProblem(path: file.path, problem: "became shorter while it was read; try again")
            }
            return try SafetensorsHeader(json: json, of: file, tensorLimit: limit)
        }
        self.tensorLimit -= header.tensors.count
        return header
    }

    /// Runs `body`, which looks at what was read.
    private func checking<Value>(
        _ body: () throws(SourceProblem) -> Value
    ) throws(SourceError<Reader.Failure>) -> Value {
        do throws(SourceProblem) { return try body() } catch { throw .wrong(error) }
    }
}
