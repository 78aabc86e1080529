/// How the readers of formats get at the bytes of files that are to be published.
///
/// The pure target reads no disk: whoever publishes hands over one of these. Implementations fail with an error of their
/// own, which the format readers pass through as it is (``SourceError/unreadable(_:)``).
package protocol SourceReader {
    /// Why a read failed: the disk's fault, never the format's.
    associatedtype Failure: Error

    /// Reads up to `count` bytes of file `file` from `offset`; fewer only at its end.
    ///
    /// - Parameter file: position in the list that the reading began with.
    func read(_ file: Int, at offset: Int, count: Int) throws(Failure) -> [UInt8]
}

/// A file to publish: its path in the manifest, and its size in bytes.
package struct SourceListing: Hashable, Sendable {
    /// As it will be in the manifest: relative, `/`-separated, NFC.
    package let path: String
    package let size: Int

    package init(path: String, size: Int) {
        self.path = path
        self.size = size
    }
}

/// Why files cannot be taken apart.
package enum SourceError<Unreadable: Error>: Error {
    /// A file is not what it says it is.
    case wrong(SourceProblem)
    /// The reader failed; its error, unchanged.
    case unreadable(Unreadable)
}

extension SourceError: Equatable where Unreadable: Equatable {}
extension SourceError: Sendable where Unreadable: Sendable {}

/// What is wrong with a file, where, and what can be done about it.
package struct SourceProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file's path in the manifest.
    package let path: String
    /// What is wrong in it, as in `metadata[7].key`; empty for the file as a whole.
    package let field: String
    /// A sentence without its subject, which says what to do if anything can be done.
    package let problem: String

    package init(path: String, field: String = "", problem: String) {
        self.path = path
        self.field = field
        self.problem = problem
    }

    package var description: String {
        self.field.isEmpty ? "\(self.path) \(self.problem)" : "\(self.path): \(self.field) \(self.problem)"
    }
}
