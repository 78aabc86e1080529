/// Why bytes, or a set of files, do not make a manifest: the field, and what is wrong with it.
package struct ManifestError: Error, Hashable, Sendable, CustomStringConvertible {
    /// As in `shards[3].extents[0]` or `experts.map.7.12[0]`; empty when the document as a whole is wrong.
    package let field: String
    /// A clause that follows the field's name and a colon.
    package let problem: String

    package init(field: String, problem: String) {
        self.field = field
        self.problem = problem
    }

    package var description: String {
        self.field.isEmpty ? "manifest: \(self.problem)" : "manifest, \(self.field): \(self.problem)"
    }
}
