package import ShoalCore

/// A manifest without its hashes: what to read and hash, in which pieces. Made by ``LayoutOne``.
package struct LayoutPlan: Hashable, Sendable {
    /// A file to hash as a whole.
    package struct File: Hashable, Sendable {
        package let path: String
        package let size: Int
    }

    /// A shard to hash by chunks.
    package struct Shard: Hashable, Sendable {
        package let size: Int
        package let extents: [Manifest.Extent]
        package let kind: Manifest.Shard.Kind

        package var chunkCount: Int { Cutting.chunkCount(ofShardOf: self.size) }
    }

    package let format: Manifest.Format
    /// In the order of the manifest, by the bytes of their paths.
    package let files: [File]
    package let shards: [Shard]
    package let experts: Manifest.Experts?
    package let model: Manifest.Model

    /// Bytes of all files together.
    package var totalSize: Int { self.files.reduce(0) { $0 + $1.size } }

    /// The manifest, once everything is hashed: `fileDigests` are the SHA-256 of ``files``, `roots` those of ``shards``
    /// (``HashList/root``), in their order.
    package func manifest(fileDigests: [Digest], roots: [Digest]) -> Manifest {
        precondition(fileDigests.count == self.files.count, "\(fileDigests.count) digests, \(self.files.count) files")
        precondition(roots.count == self.shards.count, "\(roots.count) roots, \(self.shards.count) shards")
        return Manifest(
            format: self.format,
            files: zip(self.files, fileDigests).map { Manifest.File(path: $0.path, size: $0.size, sha256: $1) },
            shards: zip(self.shards, roots).map {
                Manifest.Shard(root: $1, size: $0.size, extents: $0.extents, kind: $0.kind)
            },
            experts: self.experts,
            model: self.model
        )
    }

    /// The manifest with the hash of nothing everywhere: where its bytes lie, before they are hashed.
    package var unhashedManifest: Manifest {
        let blank = Digest(sha256Of: [])
        return self.manifest(
            fileDigests: self.files.map { _ in blank },
            roots: self.shards.map { _ in blank }
        )
    }

    /// Tries the plan unhashed: all hashes are equally long, so what passes now passes with the real ones.
    func check() throws(ManifestError) {
        try Manifest.checkShardCount(self.shards.count)
        let manifest = self.unhashedManifest
        try manifest.check()
        try ManifestReader.checkSize(ManifestWriter.bytes(of: manifest))
    }
}
