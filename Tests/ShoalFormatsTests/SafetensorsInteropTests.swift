import Foundation
import ModelFixtures
import ShoalCore
import ShoalFormats
import TestSupport
import Testing

/// Our reader and our layout against the Python package `safetensors` and a second implementation of
/// `docs/protocol.md`.
@Suite(.enabled(if: PythonScript.safetensors.isHere, "python3 cannot install safetensors here"), .serialized)
struct SafetensorsInteropTests {
    private struct Published: Decodable {
        let id: String
        /// By layer and index: SHA-256 of the expert's bytes.
        let experts: [String: String]
    }

    @Test func `a hundred random folders have the same ID and the same experts in Python`() throws {
        let folder = try TemporaryFolder()
        var benches: [(fixture: SafetensorsFixture, bench: AnatomyBench)] = []
        for seed in 0..<100 as Range<UInt64> {
            let families = SafetensorsFixture.Family.allCases
            let fixture = SafetensorsFixture(families[Int(seed) % families.count], seed: seed)
            let files = fixture.files(seed % 3 == 0 ? Int(seed) % 4 + 2 : 1)
            for file in files { try folder.write("\(seed)/\(file.name)", file.bytes) }
            benches.append((fixture, try AnatomyBench(files)))
        }
        let published = try PythonScript.safetensors.lines(benches.indices.map { folder("\($0)") }, of: Published.self)
        #expect(published.count == benches.count)
        for (seed, ((fixture, bench), theirs)) in zip(benches, published).enumerated() {
            let name = "\(fixture.family.rawValue), seed \(seed)"
            let plan = try bench.plan
            #expect((plan.experts != nil) == fixture.family.hasExperts, "\(name)")
            let experts = plan.expertBytes(in: bench.contents).map { ($0.description, Digest(sha256Of: $1).hex) }
            #expect(Dictionary(uniqueKeysWithValues: experts) == theirs.experts, "\(name)")
            let bytes = ManifestWriter.bytes(of: plan.manifest(of: bench.contents))
            #expect(ManifestID(ofManifestBytes: bytes).hex == theirs.id, "\(name)")
            // The reader checks that extents partition the files.
            #expect(throws: Never.self, "\(name)") { try ManifestReader.read(bytes) }
        }
    }

    @Test func `a file is read when the package reads it, and refused when it refuses`() throws {
        let folder = try TemporaryFolder()
        let files = SafetensorsSamples.sound.map(\.file) + SafetensorsSamples.broken.map(\.file)
        let paths = files.indices.map { String($0) }
        for (path, file) in zip(paths, files) { try folder.write(path, file.bytes) }
        let verdicts = try PythonScript.safetensors.lines(["--check"] + paths.map { folder($0) }, of: Bool.self)
        let names = SafetensorsSamples.sound.map(\.name) + SafetensorsSamples.broken.map(\.name)
        for (index, isRead) in verdicts.enumerated() {
            let isOurs = AnatomyBench.problem([("model.safetensors", files[index].bytes)]) == nil
            // The package takes the last of two members of one name, which hides the first from whoever looks at it.
            #expect(isOurs == isRead || names[index].contains("twice"), "\(names[index])")
        }
        #expect(verdicts.count == files.count)
    }
}
