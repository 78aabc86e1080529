import ShoalCore
import ShoalFormats
import Testing

@Suite struct ManifestMutationTests {
    /// 16 seeds of 250 mutations each; a longer run is the fuzzer's.
    @Test(arguments: 0..<16 as Range<UInt64>)
    func `a mutated manifest is refused, or is its own canonical form`(seed: UInt64) throws {
        var dice = SeededGenerator(seed: seed)
        var readable = 0
        for _ in 0..<250 {
            let vectors = Vectors.manifest.publish
            let original = try #require(vectors.randomElement(using: &dice)?.manifest)
            var bytes = Array(original.utf8)
            for _ in 0..<Int.random(in: 1...3, using: &dice) { self.mutate(&bytes, &dice) }
            do throws(ManifestError) {
                let manifest = try ManifestReader.read(bytes)
                #expect(ManifestWriter.bytes(of: manifest) == bytes, "seed \(seed)")
                readable += 1
            } catch {
                #expect(!error.problem.isEmpty, "seed \(seed)")
            }
        }
        // Digits of hashes and letters of paths can change without harm, so the test reaches both branches.
        #expect(readable > 0, "seed \(seed)")
    }

    private func mutate(_ bytes: inout [UInt8], _ dice: inout SeededGenerator) {
        guard !bytes.isEmpty else { return }
        let start = Int.random(in: 0..<bytes.count, using: &dice)
        let end = min(bytes.count, start + Int.random(in: 1...16, using: &dice))
        switch Int.random(in: 0..<6, using: &dice) {
        case 0: bytes[start] ^= 1 << UInt8.random(in: 0..<8, using: &dice)
        case 1: bytes.removeSubrange(start..<end)
        case 2: bytes.insert(contentsOf: bytes[start..<end], at: start)
        case 3: bytes[start] = Array("0123456789abcdef".utf8).randomElement(using: &dice) ?? 0
        case 4: bytes.insert(Array(#"{}[],:"\-.e0 "#.utf8).randomElement(using: &dice) ?? 0, at: start)
        default:
            let digits = bytes.indices.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[$0]) }
            guard let digit = digits.randomElement(using: &dice) else { return }
            bytes[digit] = UInt8(ascii: "0") + UInt8.random(in: 0..<10, using: &dice)
        }
    }
}
