import ModelFixtures
import ShoalCore
import ShoalFormats
import Testing

/// Folders with damage of any kind: what the fuzzer does, in small.
@Suite struct SafetensorsMutationTests {
    private static let words = [
        "0", "1", "2", "-1", "9223372036854775807", "1e9", "[]", "{}", "null", "\"", ",", "}", "layers", "experts", ".",
        "U8",
        "F4", "BF16", "shape", "num_experts", "num_experts_per_tok", "text_config", "Infinity", "model.safetensors",
    ]

    @Test(arguments: 0..<16 as Range<UInt64>)
    func `a damaged folder is refused, or can be published`(seed: UInt64) throws {
        var dice = SeededGenerator(seed: seed)
        let families = SafetensorsFixture.Family.allCases
        let fixture = SafetensorsFixture(families[Int(seed) % families.count], seed: seed)
        let files = fixture.files(Int(seed) % 3 + 1)
        for _ in 0..<40 {
            var damaged = files
            for _ in 0..<Int.random(in: 1...3, using: &dice) {
                let victim = Int.random(in: damaged.indices, using: &dice)
                self.damage(&damaged[victim].bytes, using: &dice)
            }
            do {
                let bench = try AnatomyBench(damaged)
                for (file, bytes) in zip(bench.anatomy.files, bench.contents) {
                    #expect(file.regions.reduce(0) { $0 + $1.length } == bytes.count, "seed \(seed)")
                }
                // It checks that extents partition the files.
                #expect(throws: Never.self, "seed \(seed)") { try bench.plan }
            } catch {
                guard case SourceError<Never>.wrong(let problem) = error else {
                    Issue.record("seed \(seed): \(error)")
                    continue
                }
                #expect(!problem.path.isEmpty && !problem.problem.isEmpty, "seed \(seed)")
            }
        }
    }

    /// Changes, removes or adds something among the first bytes, where headers are.
    private func damage(_ bytes: inout [UInt8], using dice: inout SeededGenerator) {
        guard !bytes.isEmpty else { return }
        let place = Int.random(in: 0..<min(bytes.count, 2_000), using: &dice)
        switch Int.random(in: 0..<4, using: &dice) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &dice)
        case 1: bytes.removeSubrange(place..<min(place + Int.random(in: 1...9, using: &dice), bytes.count))
        case 2: bytes.removeLast(bytes.count - place)
        default:
            // In the place of as many bytes, so that the lengths of headers stay right.
            let word = Array((Self.words.randomElement(using: &dice) ?? "0").utf8)
            bytes.replaceSubrange(place..<min(place + word.count, bytes.count), with: word)
        }
    }
}
