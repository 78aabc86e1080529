import ShoalCore
import ShoalFormats

/// The reader of GGUF headers, and what is made of them.
enum GGUFTarget {
    /// Files whose bytes behind the input are zero, 1 GiB of them: so that a header of a real model, without the data, is
    /// a whole file.
    private struct Padded: SourceReader {
        static let size = 1 << 30
        let files: [[UInt8]]

        func read(_ file: Int, at offset: Int, count: Int) -> [UInt8] {
            require(offset >= 0 && count > 0 && count <= Self.size - offset, "reads \(count) bytes at \(offset)")
            require(count <= 262_144, "\(count) bytes are read at once")
            let bytes = self.files[file]
            let known = offset < bytes.count ? bytes[offset..<min(offset + count, bytes.count)] : []
            return known + [UInt8](repeating: 0, count: count - known.count)
        }
    }

    /// 9 files: more parts than any split model of the vectors has.
    private static let maximumFiles = 9

    /// What is accepted is cut so that a reader of manifests accepts it, and has the experts that the header names.
    ///
    /// Each magic but the first begins another file: then they are the parts of a split model.
    static func run(_ bytes: [UInt8]) {
        let files = self.files(bytes)
        let listings = files.indices.map { part in
            let name = files.count == 1 ? "model" : "model-0000\(part + 1)-of-0000\(files.count)"
            return SourceListing(path: name + ".gguf", size: Padded.size)
        }
        do throws(SourceError<Never>) {
            let anatomy = try GGUFAnatomy.of(
                files: listings,
                ggufs: Array(files.indices),
                reader: Padded(files: files)
            )
            require(anatomy.files.count == files.count, "\(files.count) files became \(anatomy.files.count)")
            for file in anatomy.files {
                let length = file.regions.reduce(0) { $0 + $1.length }
                require(length == Padded.size, "the regions are \(length) bytes")
                require(file.regions.allSatisfy { $0.length > 0 }, "a region is empty")
            }
            self.plan(anatomy)
        } catch {
            if case .wrong(let problem) = error {
                require(!problem.problem.isEmpty && !problem.path.isEmpty, "a refusal says nothing")
            }
        }
    }

    private static func files(_ bytes: [UInt8]) -> [[UInt8]] {
        // The first byte by itself: most bytes are none.
        let begins = bytes.indices.dropFirst().filter { position in
            bytes[position] == UInt8(ascii: "G") && GGUFAnatomy.isGGUF(bytes[position...].prefix(4))
        }
        let starts = [0] + begins.prefix(self.maximumFiles - 1)
        return zip(starts, starts.dropFirst() + [bytes.count]).map { Array(bytes[$0..<$1]) }
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
