import ShoalCore
import ShoalFormats

/// The reader of GGUF headers, and what is made of them.
enum GGUFTarget {
    /// A file whose bytes behind the input are zero, 1 GiB of them: so that a header of a real model, without the data, is
    /// a whole file.
    private struct Padded: SourceReader {
        static let size = 1 << 30
        let bytes: [UInt8]

        func read(_ file: Int, at offset: Int, count: Int) -> [UInt8] {
            require(offset >= 0 && count > 0 && count <= Self.size - offset, "reads \(count) bytes at \(offset)")
            require(count <= 262_144, "\(count) bytes are read at once")
            let known = offset < self.bytes.count ? self.bytes[offset..<min(offset + count, self.bytes.count)] : []
            return known + [UInt8](repeating: 0, count: count - known.count)
        }
    }

    /// What is accepted is cut so that a reader of manifests accepts it, and has the experts that the header names.
    static func run(_ bytes: [UInt8]) {
        let listing = SourceListing(path: "model.gguf", size: Padded.size)
        do throws(SourceError<Never>) {
            let anatomy = try GGUFAnatomy.of(files: [listing], ggufs: [0], reader: Padded(bytes: bytes))
            let length = anatomy.files[0].regions.reduce(0) { $0 + $1.length }
            require(length == Padded.size, "the regions are \(length) bytes")
            require(anatomy.files[0].regions.allSatisfy { $0.length > 0 }, "a region is empty")
            self.plan(anatomy)
        } catch {
            if case .wrong(let problem) = error {
                require(!problem.problem.isEmpty && !problem.field.isEmpty, "a refusal says nothing")
            }
        }
    }

    private static func plan(_ anatomy: SourceAnatomy) {
        do throws(ManifestError) {
            let manifest = try anatomy.plan().unhashedManifest
            require(manifest.registryProblem(anatomy) == nil, "the registry is not the header's")
        } catch {
            // More shards than a manifest may have, for instance.
            require(error.field == "shards" || error.field.isEmpty, "a plan breaks a rule: \(error)")
        }
    }
}
