import ShoalCore
import Testing

@Suite struct FixedBytesTests {
    @Test func `bytes and hex are two spellings of one value`() throws {
        let bytes = (0..<32).map { UInt8($0 * 7) }
        let digest = try #require(Digest(bytes: bytes))
        #expect(digest.bytes == bytes)
        #expect(digest.hex.count == 64 && digest.hex.hasPrefix("00070e15"))
        #expect(Digest(hex: digest.hex) == digest)
        #expect("\(digest)" == digest.hex)
        let hash = try #require(InfoHash(bytes: bytes.prefix(20)))
        #expect(hash.bytes == Array(bytes.prefix(20)))
        #expect(InfoHash(hex: hash.hex) == hash)
    }

    @Test(arguments: [0, 31, 33]) func `another number of bytes is no value`(count: Int) {
        #expect(Digest(bytes: [UInt8](repeating: 1, count: count)) == nil)
    }

    @Test(arguments: [
        "", String(repeating: "0", count: 63), String(repeating: "0", count: 65), String(repeating: "A", count: 64),
        String(repeating: "g", count: 64), " " + String(repeating: "0", count: 63), String(repeating: "é", count: 32),
    ])
    func `other text than 64 lower-case digits is no value`(text: String) { #expect(Digest(hex: text) == nil) }

    @Test(arguments: 0..<32) func `values are in the order of their bytes`(position: Int) throws {
        var bytes = [UInt8](repeating: 0x80, count: 32)
        let middle = try #require(NodeID(bytes: bytes))
        bytes[position] += 1
        let larger = try #require(NodeID(bytes: bytes))
        #expect(middle < larger && !(larger < middle) && middle != larger)
        #expect(middle.hex < larger.hex)
        guard position < 20 else { return }
        let (low, high) = (PeerID(bytes: middle.bytes.prefix(20))!, PeerID(bytes: larger.bytes.prefix(20))!)
        #expect(low < high && !(high < low))
    }

    @Test func `a random value comes from the dice alone`() {
        var first = SeededGenerator(seed: 5)
        var second = SeededGenerator(seed: 5)
        let value = Nonce.random(using: &first)
        #expect(value == Nonce.random(using: &second))
        #expect(value != Nonce.random(using: &first))
    }

    @Test func `a node is short for people`() throws {
        #expect(try #require(NodeID(hex: String(repeating: "5e", count: 32))).short == "5e5e5e5e")
    }
}
