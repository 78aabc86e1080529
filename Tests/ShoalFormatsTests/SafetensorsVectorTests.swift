import ModelFixtures
import ShoalCore
import ShoalFormats
import TestVectors
import Testing

/// Folders that the Python package wrote, as another implementation published them.
@Suite struct SafetensorsVectorTests {
    private struct Vectors: Decodable {
        struct Folder: Decodable {
            let name: String
            let files: [File]
            let manifestID: String
            /// By layer and index: SHA-256 of the expert's bytes.
            let experts: [String: String]
        }
        struct File: Decodable {
            let path: String
            let hex: String
        }
        let folders: [Folder]
    }

    private static let folders = TestVectors.load("safetensors", as: Vectors.self).folders

    @Test(arguments: Self.folders.indices)
    func `a folder has the manifest ID of the vectors`(index: Int) throws {
        let folder = Self.folders[index]
        let bench = try AnatomyBench(folder.files.map { ($0.path, [UInt8](hex: $0.hex)) })
        let plan = try bench.plan
        let experts = plan.expertBytes(in: bench.contents).map { ($0.description, Digest(sha256Of: $1).hex) }
        #expect(Dictionary(uniqueKeysWithValues: experts) == folder.experts, "\(folder.name)")
        let bytes = ManifestWriter.bytes(of: plan.manifest(of: bench.contents))
        #expect(ManifestID(ofManifestBytes: bytes).hex == folder.manifestID, "\(folder.name)")
        #expect(bench.anatomy.notes.isEmpty, "\(folder.name)")
    }

    @Test func `a model alone is the same whatever its folder was called and however files were listed`() throws {
        let folder = try #require(Self.folders.last)
        let files = folder.files.map { (name: $0.path, bytes: [UInt8](hex: $0.hex)) }
        let reader = MemoryReader(files.reversed().map(\.bytes))
        let listings = files.reversed().map { SourceListing(path: $0.name, size: $0.bytes.count) }
        let plan = try SourceAnatomy.of(files: listings, reader: reader).plan()
        let contents = files.sorted { PublishedPath.precedes($0.name, $1.name) }.map(\.bytes)
        let bytes = ManifestWriter.bytes(of: plan.manifest(of: contents))
        #expect(ManifestID(ofManifestBytes: bytes).hex == folder.manifestID)
    }
}
