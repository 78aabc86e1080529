import ShoalCore
import ShoalFormats

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

extension StoredModel {
    /// Puts the model's files where the user wants them: a single file at `path`, several in the folder `path`. Each is a
    /// reflink where the file system can, else a copy; never a hard link, which would let others change our bytes.
    ///
    /// A file that is there already with the right bytes is left as it is; anything else in the way is an error, found
    /// before the first file is written.
    ///
    /// - Parameter files: only these, by position; nil: every file.
    package func export(
        to path: String,
        files: [Int]? = nil,
        progress: ProgressHandler? = nil
    ) throws(StoreError) {
        let files = files ?? Array(self.manifest.files.indices)
        let lease = self.lease(self.manifest.shards(of: files))
        defer { lease.close() }
        guard self.manifest.shards(of: files).isSubset(of: self.state.complete) else {
            throw StoreError(.incomplete, "the model is not complete, so there is nothing to copy to \(path) yet")
        }
        let isSingle = self.manifest.files.count == 1
        let targets = self.targets(at: path)
        let total = files.reduce(0) { $0 + self.manifest.files[$1].size }
        let meter = ProgressMeter(total: total, handler: progress)
        var missing: [Int] = []
        for position in files where try !self.isExported(position, targets[position]) { missing.append(position) }
        try meter.advance(by: total - missing.reduce(0) { $0 + self.manifest.files[$1].size })
        if !isSingle { try Folder.create(path, mode: FileCopy.folderMode) }
        for position in missing {
            let (folder, name) = Self.split(targets[position])
            if !isSingle { try Folder.create(folder, mode: FileCopy.folderMode) }
            // "/." follows a link: the folder is the user's choice.
            let target = try Folder.open("\(folder)/.")
            let source = try self.intactFile(position)
            try FileCopy(source: source, size: self.manifest.files[position].size, meter: meter)
                .write(name, in: target)
        }
        try meter.complete()
    }

    /// Fails when something that cannot be a copy of the model is where ``export(to:progress:)`` would put one. Reads no
    /// file: one of the right size may still turn out to be something else.
    package func checkExport(to path: String, files: [Int]? = nil) throws(StoreError) {
        let targets = self.targets(at: path)
        for position in files ?? Array(targets.indices) { _ = try self.mayBeExported(position, targets[position]) }
    }

    private func targets(at path: String) -> [String] {
        self.manifest.files.count == 1 ? [path] : self.manifest.files.map { "\(path)/\($0.path)" }
    }

    /// Whether a file of the right size is there; fails when something else is.
    private func mayBeExported(_ position: Int, _ target: String) throws(StoreError) -> Bool {
        guard let status = try FileStatus.ofEntry(at: target) else { return false }
        if status.kind == .regular, status.identity.size == self.manifest.files[position].size { return true }
        throw Self.obstacle(target)
    }

    private static func obstacle(_ target: String) -> StoreError {
        StoreError(.exists, "\(target) exists and is something else: remove it, or choose another name")
    }

    /// Whether the file is there already; fails when something else is.
    private func isExported(_ position: Int, _ target: String) throws(StoreError) -> Bool {
        guard try self.mayBeExported(position, target) else { return false }
        let file = self.manifest.files[position]
        let found = try FileHash.digest(of: try Descriptor.open(target, O_RDONLY), size: file.size)
        guard found == file.sha256 else { throw Self.obstacle(target) }
        return true
    }

    private static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let folder = slash == path.startIndex ? "/" : String(path[..<slash])
        return (folder, String(path[path.index(after: slash)...]))
    }
}
