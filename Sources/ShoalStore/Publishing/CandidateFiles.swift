import Foundation
import ShoalFormats

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// The user's files that may be files of a model: `adopt LINK PATH` is about these.
///
/// Links are followed, unlike in publishing: here the bytes say what a file is, and not its name. What is kept is the
/// place that a link led to. So a snapshot folder of the Hugging Face cache, which is all links, can be adopted.
struct CandidateFiles {
    /// Ascending by their position in the manifest; at least one.
    let files: [ExternalFile]

    /// - Parameter own: the store's folder: what lies in it is not the user's.
    init(path: String, manifest: Manifest, own: String) throws(StoreError) {
        let place = try Self.resolve(path)
        guard let place else { throw StoreError(.missing, "\(path) does not exist: give the file or folder to adopt") }
        switch place.status.kind {
        case .regular:
            let name = path.split(separator: "/").last.map(String.init) ?? path
            let position = try Self.position(of: name, size: place.status.identity.size, in: manifest, path)
            self.files = [
                ExternalFile(position: position, path: place.path, identity: place.status.identity)
            ]
        case .folder:
            self.files = try Self.find(manifest, in: path)
        case .symbolicLink, .special:
            throw StoreError(.notRegular, "\(path) is neither a file nor a folder: give the file or folder to adopt")
        }
        let own = try Self.resolve(own)?.path ?? own
        for file in self.files where file.path.hasPrefix(own + "/") {
            throw StoreError(.badName, "\(file.path) is a file of this home already: there is nothing to adopt")
        }
    }

    /// Where `path` leads in the end, and what is there; nil when nothing is.
    private static func resolve(_ path: String) throws(StoreError) -> (path: String, status: FileStatus)? {
        guard let resolved = realpath(path, nil) else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw .system("realpath", path, errno)
        }
        defer { free(resolved) }
        let place = String(cString: resolved)
        return try FileStatus.ofEntry(at: place).map { (place, $0) }
    }

    /// Which file of the model a single file is: the only one, the only one of its name, or the only one of its size.
    private static func position(
        of name: String,
        size: Int,
        in manifest: Manifest,
        _ path: String
    ) throws(StoreError) -> Int {
        if manifest.files.count == 1 { return 0 }
        let name = name.precomposedStringWithCanonicalMapping
        let named = manifest.files.indices.filter {
            manifest.files[$0].path.split(separator: "/").last.map(String.init) == name
        }
        if named.count == 1 { return named[0] }
        let alike = (named.isEmpty ? Array(manifest.files.indices) : named).filter { manifest.files[$0].size == size }
        if alike.count == 1 { return alike[0] }
        throw StoreError(
            .missing,
            alike.isEmpty
                ? "no file of the model is called \(name) or has \(size) bytes: `shoal manifest LINK` shows its files"
                : "\(alike.count) files of the model could be \(path): give the folder in which it lies as the model has it"
        )
    }

    private static func find(_ manifest: Manifest, in folder: String) throws(StoreError) -> [ExternalFile] {
        var files: [ExternalFile] = []
        for (position, file) in manifest.files.enumerated() where file.size > 0 {
            guard let place = try self.resolve("\(folder)/\(file.path)"), place.status.kind == .regular else {
                continue
            }
            files.append(ExternalFile(position: position, path: place.path, identity: place.status.identity))
        }
        guard !files.isEmpty else {
            throw StoreError(
                .missing,
                manifest.files.count == 1
                    ? "the model is a single file, and \(folder) is a folder without \(manifest.files[0].path): give the file"
                    : "none of the model's \(manifest.files.count) files is in \(folder), such as "
                        + "\(manifest.files[0].path): give the folder in which they lie"
            )
        }
        return files
    }
}
