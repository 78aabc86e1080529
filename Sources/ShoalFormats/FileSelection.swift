package import ShoalCore

/// Some of a model's files: one quantisation of a folder that has many, say.
package struct FileSelection: Hashable, Sendable {
    /// 64 patterns of each kind: more than anybody types, and few enough for any number of files.
    package static let maximumGlobCount = 64

    /// Files that match one of these; every file when there is none.
    package let include: [Glob]
    /// But for those that match one of these.
    package let exclude: [Glob]

    /// Every file.
    package static let everything = FileSelection()

    private init() { (self.include, self.exclude) = ([], []) }

    /// From patterns as they are written.
    package init(include: [String], exclude: [String]) throws(SelectionError) {
        self.include = try Self.globs(include)
        self.exclude = try Self.globs(exclude)
    }

    private static func globs(_ texts: [String]) throws(SelectionError) -> [Glob] {
        guard texts.count <= self.maximumGlobCount else {
            throw SelectionError("there are \(texts.count) patterns, and at most \(self.maximumGlobCount) are taken")
        }
        var globs: [Glob] = []
        for text in texts {
            guard let glob = Glob(text) else {
                throw SelectionError("a pattern has 1 to \(Glob.maximumByteCount) bytes")
            }
            globs.append(glob)
        }
        return globs
    }

    package var isEverything: Bool { self.include.isEmpty && self.exclude.isEmpty }

    /// The positions of the chosen files, ascending.
    ///
    /// - Throws: when a pattern that is to include something matches nothing, or nothing is left; with the files that
    ///   there are.
    package func files(of manifest: Manifest) throws(SelectionError) -> [Int] {
        let paths = manifest.files.map(\.path)
        if let idle = self.include.first(where: { glob in !paths.contains { glob.matches($0) } }) {
            throw SelectionError("no file matches \(idle.text); \(Self.list(paths))")
        }
        let chosen = paths.indices.filter { position in
            let isIncluded = self.include.isEmpty || self.include.contains { $0.matches(paths[position]) }
            return isIncluded && !self.exclude.contains { $0.matches(paths[position]) }
        }
        guard !chosen.isEmpty else { throw SelectionError("every file is excluded; \(Self.list(paths))") }
        return chosen
    }

    /// 20 names help; thousands would hide the sentence.
    private static let shownFiles = 20

    private static func list(_ paths: [String]) -> String {
        let shown = paths.prefix(self.shownFiles).map { "\n  \($0)" }.joined()
        let more = paths.count > self.shownFiles ? "\n  and \(paths.count - self.shownFiles) more" : ""
        return "the model has \(paths.count == 1 ? "1 file" : "\(paths.count) files"):\(shown)\(more)"
    }
}

extension Manifest {
    /// The shards that have bytes of any of these files: what has to be here for the files to be whole.
    package func shards(of files: [Int]) -> Bitfield {
        var wanted = Bitfield(count: self.files.count)
        for file in files { wanted[file] = true }
        var shards = Bitfield(count: self.shards.count)
        for (position, shard) in self.shards.enumerated() where shard.extents.contains(where: { wanted[$0.file] }) {
            shards[position] = true
        }
        return shards
    }
}

/// Patterns that choose nothing, in words that say what there is to choose from.
package struct SelectionError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}
