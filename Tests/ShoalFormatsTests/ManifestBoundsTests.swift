import ShoalCore
import ShoalFormats
import Testing

@Suite struct ManifestBoundsTests {
    @Test func `131,072 shards of 64 MiB are read, one more is refused`() throws {
        let most = Cutting.maximumShardCount
        let size = Cutting.maximumShardSize
        let bytes = self.document(files: [("x", most * size)], shards: (0..<most).map { [0, $0 * size, size] })
        let manifest = try ManifestReader.read(bytes)
        #expect(manifest.shards.count == most)
        #expect(manifest.totalSize == 1 << 43)
        let more = self.document(files: [("x", most + 1)], shards: (0...most).map { [0, $0, 1] })
        let error = #expect(throws: ManifestError.self) { try ManifestReader.read(more) }
        #expect(error?.field == "shards")
    }

    @Test func `65,536 files are read, one more is refused`() throws {
        let most = Manifest.maximumFileCount
        let names = (0...most).map { String(1_000_000 + $0) }
        let bytes = self.document(
            files: names.prefix(most).enumerated().map { ($1, $0 == 0 ? 1 : 0) },
            shards: [[0, 0, 1]]
        )
        #expect(try ManifestReader.read(bytes).files.count == most)
        let more = self.document(files: names.enumerated().map { ($1, $0 == 0 ? 1 : 0) }, shards: [[0, 0, 1]])
        let error = #expect(throws: ManifestError.self) { try ManifestReader.read(more) }
        #expect(error?.field == "files")
    }

    @Test func `more than 32 MiB are refused before they are looked at`() {
        let most = ManifestReader.maximumByteCount
        let atLimit = #expect(throws: ManifestError.self) {
            try ManifestReader.read([UInt8](repeating: UInt8(ascii: " "), count: most))
        }
        #expect(atLimit?.problem.contains("white space") == true)
        let over = #expect(throws: ManifestError.self) {
            try ManifestReader.read([UInt8](repeating: UInt8(ascii: " "), count: most + 1))
        }
        #expect(over?.problem.contains("32 MiB") == true)
    }

    @Test func `a plan whose manifest would exceed 32 MiB is refused before a byte is hashed`() {
        // 17,000 paths of 1,000 quotation marks, which take two bytes each.
        let folder = String(repeating: "\"", count: 249)
        let files = (0..<17_000).map { index in
            let path = String(100_000 + index) + "/" + Array(repeating: folder, count: 4).joined(separator: "/")
            return LayoutOne.SourceFile.plain(path: path, size: 1)
        }
        let error = #expect(throws: ManifestError.self) { try LayoutOne.plan(format: .files, files: files) }
        #expect(error?.problem.contains("32 MiB") == true)
    }

    /// The manifest of `files` (path, size) and dense shards of one extent each.
    private func document(files: [(path: String, size: Int)], shards: [[Int]]) -> [UInt8] {
        let digest = String(repeating: "0", count: 64)
        var json = CanonicalJSONWriter()
        json.beginObject()
        json.key("chunkSize")
        json.value(131_072)
        json.key("files")
        json.beginArray()
        for file in files {
            json.beginObject()
            json.key("path")
            json.value(file.path)
            json.key("sha256")
            json.value(digest)
            json.key("size")
            json.value(file.size)
            json.end()
        }
        json.end()
        json.key("format")
        json.value("files")
        json.key("layout")
        json.value(1)
        json.key("shards")
        json.beginArray()
        for extent in shards {
            json.beginObject()
            json.key("extents")
            json.beginArray()
            json.beginArray()
            for number in extent { json.value(number) }
            json.end()
            json.end()
            json.key("kind")
            json.value("dense")
            json.key("root")
            json.value(digest)
            json.key("size")
            json.value(extent[2])
            json.end()
        }
        json.end()
        json.key("shoal")
        json.value(1)
        json.end()
        return json.bytes
    }
}
