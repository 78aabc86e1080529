/// How files are named in a manifest.
///
/// Paths are relative, `/`-separated and in Unicode normalisation form C. The standard library has no public
/// normalisation, so whoever walks the disk hands paths over normalised; here and in readers they are only bytes.
package enum PublishedPath {
    /// Longest path, in bytes of UTF-8.
    package static let maximumByteCount = 1_024

    /// Longest component of a path, in bytes: the limit of ext4, APFS and NTFS.
    package static let maximumComponentByteCount = 255

    /// What a model that is one file is called, whatever the file was called: `model.` and the extension, in lower
    /// case, if it is 1 to 16 of `a`–`z`, `0`–`9`; else `model.bin`. The extension is what follows the last dot, which is
    /// not the first byte of the name.
    package static func forSingleFile(named name: String) -> String {
        let bytes = Array(name.utf8)
        guard let dot = bytes.lastIndex(of: UInt8(ascii: ".")), dot > 0 else { return "model.bin" }
        let fileExtension = ASCII.lowercase(bytes[(dot + 1)...])
        let isPlain = fileExtension.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        }
        guard isPlain, (1...16).contains(fileExtension.count) else { return "model.bin" }
        return "model." + String(decoding: fileExtension, as: UTF8.self)
    }

    /// Whether a file or folder of this name is not published: dot-files are the machine's, not the model's.
    package static func isLeftOut(_ name: String) -> Bool { name.utf8.first == UInt8(ascii: ".") }

    /// The order of files in a manifest: that of their bytes, unlike `String`'s, which calls canonical equivalents equal.
    package static func precedes(_ left: String, _ right: String) -> Bool {
        left.utf8.lexicographicallyPrecedes(right.utf8)
    }

    /// Why no file may be created at `path`, or nil when it is safe on every file system that we know.
    package static func problem(with path: String) -> String? {
        let bytes = Array(path.utf8)
        if bytes.isEmpty { return "is empty" }
        if bytes.count > self.maximumByteCount { return "is longer than \(self.maximumByteCount) bytes" }
        if bytes[0] == UInt8(ascii: "/") { return "is absolute; paths are relative to the model's folder" }
        if bytes.contains(where: ASCII.isControl) { return "contains a control character" }
        if bytes.contains(UInt8(ascii: "\\")) { return "contains a backslash" }
        for component in bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            if component.isEmpty { return "has an empty component" }
            if component.elementsEqual(".".utf8) || component.elementsEqual("..".utf8) {
                return "has the component . or .., which leads out of the model's folder"
            }
            if component.first == UInt8(ascii: ".") { return "has a component that starts with a dot" }
            if component.count > self.maximumComponentByteCount {
                return "has a component longer than \(self.maximumComponentByteCount) bytes"
            }
        }
        return nil
    }

    /// Checks a manifest's list of paths: each safe, ascending, and no two that a file system which ignores case would
    /// take for one, folders included.
    static func check(_ paths: [String]) throws(ManifestError) {
        for (index, path) in paths.enumerated() {
            if let problem = self.problem(with: path) {
                throw ManifestError(field: "files[\(index)].path", problem: problem)
            }
            if index > 0, !self.precedes(paths[index - 1], path) {
                let isSame = paths[index - 1].utf8.elementsEqual(path.utf8)
                throw ManifestError(
                    field: "files[\(index)].path",
                    problem: isSame ? "occurs twice" : "does not follow the path before it in the order of their bytes"
                )
            }
        }
        try self.checkCollisions(paths)
    }

    /// Sorted by lower case, with `/` below every other byte, paths that collide are neighbours: n log n, not n².
    private static func checkCollisions(_ paths: [String]) throws(ManifestError) {
        let folded = paths.map { path in
            path.utf8.map { $0 == UInt8(ascii: "/") ? 0 : ASCII.lowercase($0) }
        }
        let order = paths.indices.sorted { left, right in
            folded[left] == folded[right] ? left < right : folded[left].lexicographicallyPrecedes(folded[right])
        }
        for (left, right) in zip(order, order.dropFirst()) {
            guard let problem = self.collision(folded[left], folded[right], paths[left], paths[right]) else { continue }
            throw ManifestError(
                field: "files[\(max(left, right))].path",
                problem: "\(problem) files[\(min(left, right))]"
            )
        }
    }

    /// How two neighbours collide; nil when they do not.
    private static func collision(
        _ leftFolded: [UInt8],
        _ rightFolded: [UInt8],
        _ left: String,
        _ right: String
    ) -> String? {
        if leftFolded == rightFolded { return "differs only in case from the path of" }
        let common = zip(leftFolded, rightFolded).prefix { $0 == $1 }.count
        if common == leftFolded.count, rightFolded[common] == 0 { return "is a file in one place and a folder in" }
        // The folders that both lie in: up to the last separator of the common part.
        guard let separator = leftFolded[..<common].lastIndex(of: 0) else { return nil }
        guard left.utf8.prefix(separator).elementsEqual(right.utf8.prefix(separator)) else {
            return "has a folder that differs only in case from one of"
        }
        return nil
    }
}
