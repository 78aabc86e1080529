import Foundation
import ShoalCore
import ShoalFormats

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// What `publish PATH` is about: the user's file, or the files of the user's folder, found by the rules of the manifest.
///
/// Dot-files and dot-folders are left out. In a folder, links and whatever is not a file or a folder are refused by name:
/// what a link points to may change without the link changing, and would be published under the link's name. A link that
/// the user names is followed: what is published and served is what it led to, called as the link is. So a file of the
/// Hugging Face cache, where each is a link to a blob, can be published.
struct SourceTree: Sendable {
    struct File: Hashable, Sendable {
        /// In the manifest: relative, `/`-separated, NFC.
        let path: String
        /// On this disk, absolute.
        let location: String
        let identity: FileIdentity
    }

    /// By the bytes of their paths, as in the manifest.
    let files: [File]

    /// Walks `path` once; reads no file.
    init(path: String) throws(StoreError) {
        guard let resolved = realpath(path, nil) else {
            guard errno == ENOENT else { throw .system("realpath", path, errno) }
            throw StoreError(.missing, "\(path) does not exist: give the file or folder to publish")
        }
        defer { free(resolved) }
        let location = String(cString: resolved)
        guard let status = try FileStatus.ofEntry(at: location) else {
            throw StoreError(.missing, "\(path) was removed while it was looked at: try again")
        }
        let files: [File]
        switch status.kind {
        case .regular:
            let name = path.split(separator: "/").last.map(String.init) ?? path
            files = [
                File(path: PublishedPath.forSingleFile(named: name), location: location, identity: status.identity)
            ]
        case .folder:
            files = try Self.walk(location)
        case .symbolicLink, .special:
            throw Self.refusal(of: path, status.kind)
        }
        guard files.contains(where: { $0.identity.size > 0 }) else {
            throw StoreError(.empty, "there is nothing to publish in \(path): no file in it has a byte")
        }
        self.files = files
    }

    private static func walk(_ root: String) throws(StoreError) -> [File] {
        var files: [File] = []
        var seen: [String: String] = [:]
        var folders = [(location: root, path: "")]
        while let (location, path) = folders.popLast() {
            let folder = try Folder.open(location)
            for name in try folder.entries() where !PublishedPath.isLeftOut(name) {
                guard let status = try folder.status(of: name) else { continue }
                let here = "\(location)/\(name)"
                let published = path + name.precomposedStringWithCanonicalMapping
                if let problem = PublishedPath.problem(with: published) {
                    throw StoreError(.badName, "\(here) \(problem): rename it")
                }
                if let other = seen.updateValue(here, forKey: published) {
                    throw StoreError(.badName, "\(here) and \(other) have the same name in Unicode: rename one")
                }
                switch status.kind {
                case .regular: files.append(File(path: published, location: here, identity: status.identity))
                case .folder: folders.append((here, published + "/"))
                case .symbolicLink, .special: throw self.refusal(of: here, status.kind)
                }
                guard seen.count <= Manifest.maximumFileCount else {
                    throw StoreError(
                        .tooLarge,
                        "\(root) has more than \(Manifest.maximumFileCount) files: publish a smaller folder"
                    )
                }
            }
        }
        return files.sorted { PublishedPath.precedes($0.path, $1.path) }
    }

    private static func refusal(of path: String, _ kind: FileStatus.Kind) -> StoreError {
        kind == .symbolicLink
            ? StoreError(
                .symbolicLink,
                "\(path) is a symbolic link, and links are not published: give what it points to, "
                    + "or copy it with its contents (cp -L)"
            )
            : StoreError(.notRegular, "\(path) is neither a file nor a folder (a device, pipe or socket): leave it out")
    }
}
