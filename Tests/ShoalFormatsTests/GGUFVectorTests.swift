import ModelFixtures
import ShoalCore
import ShoalFormats
import TestVectors
import Testing

@Suite struct GGUFVectorTests {
    @Test(arguments: Vectors.gguf.publish.indices)
    func `models of each family have the manifests that the vectors say`(index: Int) throws {
        let vector = Vectors.gguf.publish[index]
        let files = try vector.files.map { file in
            let seed = try #require(UInt64(file.seed))
            return (
                name: file.path, bytes: GGUFFile.bytes(head: [UInt8](hex: file.head), size: file.size, seed: seed)
            )
        }
        // Backwards, because the plan must not depend on the order in which a disk lists files.
        let bench = try AnatomyBench(files.reversed())
        let bytes = ManifestWriter.bytes(of: try bench.plan.manifest(of: bench.contents))
        #expect(String(decoding: bytes, as: UTF8.self) == vector.manifest, "\(vector.name)")
        #expect(ManifestID(ofManifestBytes: bytes).hex == vector.manifestID, "\(vector.name)")
    }

    @Test func `the writer of fixtures writes what the vectors have`() throws {
        for family in GGUFFixture.Family.allCases {
            let vector = try #require(Vectors.gguf.publish.first { $0.name == family.rawValue })
            #expect(GGUFFixture.model(family, seed: 1).head == [UInt8](hex: vector.files[0].head), "\(family)")
        }
    }
}
