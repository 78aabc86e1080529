import ShoalFormats
import TestVectors

/// A folder with one safetensors file: its header, `config.json` and the index, as people download them.
///
/// An input is `config.json`, the index and the JSON of the header, with a zero byte between them; without an index the
/// file is the model by its name. How large the file claims to be is the largest number of the header, so that some of
/// them cover it.
enum SafetensorsTarget {
    /// Nobody reads weights.
    private struct Headers: SourceReader {
        let files: [[UInt8]]

        func read(_ file: Int, at offset: Int, count: Int) -> [UInt8] {
            Array(self.files[file].dropFirst(offset).prefix(count))
        }
    }

    /// 4 GiB: small enough for any manifest.
    private static let maximumDataSize = 1 << 32

    /// The input that a folder of the vectors makes: of its safetensors files, the first one's header.
    static func input(of folder: JSONValue) -> [UInt8] {
        func bytes(where isWanted: (String) -> Bool) -> [UInt8] {
            let file = folder["files"].elements.first { $0.texts(of: "path").contains(where: isWanted) }
            return file.map { [UInt8](hex: $0.texts(of: "hex").joined()) } ?? []
        }
        let file = bytes { $0.hasSuffix(".safetensors") }
        let count = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        return bytes { $0 == "config.json" } + [0] + bytes { $0.hasSuffix(".index.json") } + [0]
            + file.dropFirst(8).prefix(count)
    }

    static func run(_ bytes: [UInt8]) {
        let parts = bytes.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false).map { Array($0) }
        guard parts.count == 3 else { return }
        let header = (0..<8).map { UInt8(truncatingIfNeeded: parts[2].count >> (8 * $0)) } + parts[2]
        var names = ["config.json", "model.safetensors"]
        var files = [parts[0], header]
        var sizes = [parts[0].count, header.count + self.largestNumber(in: parts[2])]
        if !parts[1].isEmpty {
            names = ["config.json", "model-1.safetensors", "model.safetensors.index.json"]
            files.append(parts[1])
            sizes.append(parts[1].count)
        }
        let listings = zip(names, sizes).map { SourceListing(path: $0, size: $1) }
        self.check(listings, Headers(files: files))
    }

    /// What is accepted covers its files and can be published.
    private static func check(_ listings: [SourceListing], _ reader: Headers) {
        do throws(SourceError<Never>) {
            let anatomy = try SourceAnatomy.of(files: listings, reader: reader)
            for (file, listing) in zip(anatomy.files, listings) {
                require(file.path == listing.path && file.size == listing.size, "a file became another one")
                require(file.regions.reduce(0) { $0 + $1.length } == file.size, "regions are not the file")
            }
            do throws(ManifestError) { _ = try anatomy.plan() } catch {
                require(false, "what was taken apart cannot be published: \(error)")
            }
        } catch {
            guard case .wrong(let problem) = error else { return }
            require(!problem.problem.isEmpty && !problem.path.isEmpty, "a refusal says nothing")
        }
    }

    private static func largestNumber(in text: [UInt8]) -> Int {
        text.split { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            .compactMap { Int(String(decoding: $0, as: UTF8.self)) }
            .filter { $0 <= self.maximumDataSize }
            .max() ?? 0
    }
}
