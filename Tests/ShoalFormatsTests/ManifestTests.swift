import ShoalCore
import ShoalFormats
import Testing

@Suite struct ManifestTests {
    @Test(arguments: Vectors.manifest.publish.indices)
    func `the same files always give the same manifest`(index: Int) throws {
        let vector = Vectors.manifest.publish[index]
        let (manifest, lists) = try publish(vector)
        let bytes = ManifestWriter.bytes(of: manifest)
        #expect(String(decoding: bytes, as: UTF8.self) == vector.manifest, "\(vector.name)")
        let id = ManifestID(ofManifestBytes: bytes)
        #expect(id.hex == vector.manifestID, "\(vector.name)")
        #expect(id.infoHash(swarmKey: nil).hex == vector.infoHash, "\(vector.name)")
        #expect(lists.map(\.bytes) == vector.hashLists.map { [UInt8](hex: $0) }, "\(vector.name)")
        #expect(try ManifestReader.read(bytes, expecting: id) == manifest, "\(vector.name)")
    }

    @Test(arguments: Vectors.manifest.accepted.indices)
    func `what layout 1 would not make but is safe is read`(index: Int) throws {
        let vector = Vectors.manifest.accepted[index]
        let bytes = Array(vector.manifest.utf8)
        let id = try #require(ManifestID(hex: vector.manifestID))
        let manifest = try ManifestReader.read(bytes, expecting: id)
        #expect(ManifestWriter.bytes(of: manifest) == bytes, "\(vector.name)")
    }

    @Test(arguments: Vectors.manifest.refused.indices)
    func `a manifest that is wrong is refused by the name of the field`(index: Int) {
        let vector = Vectors.manifest.refused[index]
        let error = #expect(throws: ManifestError.self, "\(vector.name)") {
            try ManifestReader.read(Array(vector.manifest.utf8))
        }
        #expect(error?.field == vector.field, "\(vector.name): \(error?.problem ?? "")")
    }

    @Test func `bytes that are not the manifest that was asked for are refused`() throws {
        let vector = try #require(Vectors.manifest.publish.first)
        let id = try #require(ManifestID(hex: vector.manifestID))
        let error = #expect(throws: ManifestError.self) {
            try ManifestReader.read(Array(vector.manifest.utf8) + [0x20], expecting: id)
        }
        #expect(error?.description.contains(vector.manifestID) == true)
    }

    @Test func `an unknown key that a stranger chose is fit for a terminal`() {
        // An escape sequence that would clear the screen.
        let key = #"\u001b[2J"# + String(repeating: "é", count: 1_000)
        let document = #"{"\#(key)":1,"chunkSize":131072,"layout":1,"shoal":1}"#
        let error = #expect(throws: ManifestError.self) { try ManifestReader.read(Array(document.utf8)) }
        #expect(error?.field == "?[2J" + String(repeating: "?", count: 60))
    }

    @Test func `an error says which field and what is wrong`() {
        let error = ManifestError(field: "shards[3].extents[0]", problem: "lies outside its file of 12 bytes")
        #expect(error.description == "manifest, shards[3].extents[0]: lies outside its file of 12 bytes")
        #expect(ManifestError(field: "", problem: "is too long").description == "manifest: is too long")
    }

    /// Cuts, hashes and assembles, as the store does.
    private func publish(_ vector: ManifestVectors.Publish) throws -> (Manifest, [HashList]) {
        let format = try #require(Manifest.Format(rawValue: vector.format))
        let model = Manifest.Model(
            architecture: vector.model?.architecture,
            contextLength: vector.model?.contextLength,
            parameters: vector.model?.parameters,
            quantization: vector.model?.quantization
        )
        // Backwards, because the plan must not depend on the order in which a disk lists files.
        let sources = vector.files.map(\.source).reversed()
        let plan = try LayoutOne.plan(
            format: format,
            files: Array(sources),
            expertsUsed: vector.used,
            model: model
        )
        let contents = try plan.files.map { file in
            try #require(vector.files.first { $0.path.utf8.elementsEqual(file.path.utf8) }).content
        }
        let lists = plan.shards.map { shard in
            let bytes = shard.extents.flatMap { contents[$0.file][$0.offset..<$0.offset + $0.length] }
            return HashList(
                digests: (0..<shard.chunkCount).map { chunk in
                    Digest(sha256Of: Array(bytes[Cutting.range(of: ChunkIndex(chunk), inShardOf: shard.size)]))
                }
            )
        }
        let manifest = plan.manifest(
            fileDigests: contents.map { Digest(sha256Of: $0) },
            roots: lists.map(\.root)
        )
        return (manifest, lists)
    }
}
