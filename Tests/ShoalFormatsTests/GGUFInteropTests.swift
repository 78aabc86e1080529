import Foundation
import ModelFixtures
import ShoalCore
import ShoalFormats
import TestSupport
import Testing

/// Our reader and our layout against the Python package `gguf` and a script of sixty lines.
@Suite(.enabled(if: PythonScript.gguf.isHere, "python3 cannot install the package gguf here"), .serialized)
struct GGUFInteropTests {
    private struct Published: Decodable {
        let id: String
        /// By layer and index: SHA-256 of the expert's bytes.
        let experts: [String: String]
    }

    @Test func `the table of types is that of the package`() throws {
        struct Row: Decodable, Equatable {
            let name: String
            let blockCount: Int
            let blockSize: Int

            init(_ type: GGUFTensorType) {
                self.name = type.name
                self.blockCount = type.blockCount
                self.blockSize = type.blockSize
            }

            init(from decoder: any Decoder) throws {
                var fields = try decoder.unkeyedContainer()
                self.name = try fields.decode(String.self)
                self.blockCount = try fields.decode(Int.self)
                self.blockSize = try fields.decode(Int.self)
            }
        }
        let ours = GGUFTensorType.all.map { (String($0.number), Row($0)) }
        let theirs = try PythonScript.gguf.lines(["--types"], of: [String: Row].self)
        #expect(theirs == [Dictionary(uniqueKeysWithValues: ours)])
    }

    @Test func `a hundred random models have the same ID and the same experts in Python`() throws {
        let folder = try TemporaryFolder()
        var benches: [(name: String, bench: AnatomyBench)] = []
        for seed in 0..<100 as Range<UInt64> {
            let family = GGUFFixture.Family.allCases[Int(seed) % GGUFFixture.Family.allCases.count]
            let model = GGUFFixture.model(family, seed: seed)
            var files = [(name: "model.gguf", bytes: model.bytes)]
            if seed % 3 == 0 {
                let count = Int(seed) % 5 + 2
                files = GGUFFixture.split(model, into: count).enumerated().map { part, file in
                    (GGUFFixture.partName("m", part, of: count), file.bytes)
                }
            }
            for file in files { try folder.write("\(seed)/\(file.name)", file.bytes) }
            benches.append(("\(family.rawValue) \(seed)", try AnatomyBench(files)))
        }
        let published = try PythonScript.gguf.lines(benches.indices.map { folder("\($0)") }, of: Published.self)
        #expect(published.count == benches.count)
        for ((name, bench), theirs) in zip(benches, published) {
            let plan = try bench.plan
            for (file, size) in zip(plan.files.indices, plan.files.map(\.size)) {
                let extents = plan.shards.flatMap(\.extents).filter { $0.file == file }.sorted { $0.offset < $1.offset }
                var end = 0
                for extent in extents {
                    #expect(extent.offset == end, "\(name)")
                    end += extent.length
                }
                #expect(end == size, "\(name)")
            }
            let experts = plan.expertBytes(in: bench.contents).map { ($0.description, Digest(sha256Of: $1).hex) }
            #expect(Dictionary(uniqueKeysWithValues: experts) == theirs.experts, "\(name)")
            let bytes = ManifestWriter.bytes(of: plan.manifest(of: bench.contents))
            #expect(ManifestID(ofManifestBytes: bytes).hex == theirs.id, "\(name)")
            #expect(throws: Never.self, "\(name)") { try ManifestReader.read(bytes) }
        }
    }
}
