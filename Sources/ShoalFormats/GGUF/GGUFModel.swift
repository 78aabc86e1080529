/// One model: a GGUF file, or all parts of one that was split.
struct GGUFModel {
    struct Part {
        /// Position in the list of files.
        let file: Int
        let path: String
        let header: GGUFHeader
    }

    /// At least one; a split model's in the order of their numbers. The first has the metadata.
    let parts: [Part]

    /// What the model is called in messages.
    var path: String { self.parts[0].path }
    var metadata: GGUFMetadata { self.parts[0].header.metadata }

    /// Whether this is what its folder is about: not a projector, an adapter or an importance matrix beside it.
    var isMain: Bool {
        (self.metadata.text("general.type") ?? "model") == "model" && self.metadata.architecture != "clip"
    }

    /// Puts parts together, in the order of the first file of each model.
    static func models(of files: [Part]) throws(SourceProblem) -> [GGUFModel] {
        var models: [GGUFModel] = []
        var places: [SplitName.Stem: Int] = [:]
        var splits: [[Int: Part]] = []
        for file in files {
            guard let name = try SplitName(of: file) else {
                models.append(GGUFModel(parts: [file]))
                continue
            }
            let place = places[name.stem] ?? splits.count
            if place == splits.count {
                places[name.stem] = place
                splits.append([:])
            }
            splits[place][name.number] = file
        }
        for (stem, place) in places { models.append(try self.whole(stem, splits[place])) }
        return models.sorted { $0.parts[0].file < $1.parts[0].file }
    }

    private static func whole(_ stem: SplitName.Stem, _ parts: [Int: Part]) throws(SourceProblem) -> GGUFModel {
        let numbers = 1...stem.count
        guard let anchor = parts.min(by: { $0.key < $1.key })?.value else {
            preconditionFailure("a split model has a part that told of it")
        }
        let missing = numbers.filter { parts[$0] == nil }
        guard missing.isEmpty else {
            let names = missing.prefix(3).map { stem.path(of: $0) }.joined(separator: ", ")
            throw SourceProblem(
                path: anchor.path,
                field: "split.count",
                problem: "is \(stem.count), but \(missing.count) parts are not here (\(names)"
                    + (missing.count > 3 ? ", …" : "") + "): get them, or leave the others out"
            )
        }
        let model = GGUFModel(parts: numbers.compactMap { parts[$0] })
        try model.checkTensors()
        return model
    }

    /// Checks that the parts' directories are of one model.
    private func checkTensors() throws(SourceProblem) {
        var seen: Set<[UInt8]> = []
        for part in self.parts {
            for tensor in part.header.tensors where !seen.insert(Array(tensor.name.utf8)).inserted {
                throw SourceProblem(
                    path: part.path,
                    field: "tensors",
                    problem: "have \(ManifestFields.printable(tensor.name)), which another part has too: it is of "
                        + "another model, get the right one"
                )
            }
        }
        if let count = self.metadata.integer("split.tensors.count"), count != seen.count {
            throw SourceProblem(
                path: self.path,
                field: "split.tensors.count",
                problem: "is \(count), but the parts have \(seen.count): one is of another model, get the right ones"
            )
        }
    }
}

/// What a part of a split model is called: `<stem>-00002-of-00003.gguf`, as llama.cpp writes and looks for it.
private struct SplitName {
    /// What the parts of one model have in common.
    struct Stem: Hashable {
        let bytes: [UInt8]
        let count: Int

        func path(of number: Int) -> String {
            String(decoding: self.bytes, as: UTF8.self) + SplitName.suffix(number, of: self.count)
        }
    }

    let stem: Stem
    /// From 1.
    let number: Int

    /// Nil for a file that is a whole model. What it says of itself must agree with its name.
    init?(of file: GGUFModel.Part) throws(SourceProblem) {
        let metadata = file.header.metadata
        guard let value = metadata["split.count"], value != .integer(0), value != .integer(1) else { return nil }
        guard case .integer(let count) = value, (2...Manifest.maximumFileCount).contains(count) else {
            throw SourceProblem(
                path: file.path,
                field: "split.count",
                problem: "is not 1 to \(Manifest.maximumFileCount)"
            )
        }
        guard let position = metadata.integer("split.no"), (0..<count).contains(position) else {
            throw SourceProblem(path: file.path, field: "split.no", problem: "is not 0 to \(count - 1)")
        }
        let suffix = Self.suffix(position + 1, of: count)
        let path = Array(file.path.utf8)
        guard path.count > suffix.utf8.count, path.suffix(suffix.utf8.count).elementsEqual(suffix.utf8) else {
            throw SourceProblem(
                path: file.path,
                field: "split.no",
                problem: "says that this is part \(position + 1) of \(count): publish the folder of all parts, "
                    + "where this one is called …\(suffix)"
            )
        }
        self.stem = Stem(bytes: Array(path.dropLast(suffix.utf8.count)), count: count)
        self.number = position + 1
    }

    private static func suffix(_ number: Int, of count: Int) -> String {
        func padded(_ number: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, 5 - digits.utf8.count)) + digits
        }
        return "-\(padded(number))-of-\(padded(count)).gguf"
    }
}
