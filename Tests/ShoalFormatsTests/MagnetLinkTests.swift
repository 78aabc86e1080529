import ShoalCore
import ShoalFormats
import Testing

@Suite struct MagnetLinkTests {
    @Test(arguments: Vectors.link.links.indices)
    func `a link is read, and printed in its canonical form`(index: Int) throws {
        let vector = Vectors.link.links[index]
        let link = try MagnetLink(parsing: vector.text)
        #expect(link.manifestID.hex == vector.manifestID, "\(vector.name)")
        #expect(link.name == vector.dn, "\(vector.name)")
        #expect(link.trackers == vector.trackers, "\(vector.name)")
        #expect(link.origins == vector.origins, "\(vector.name)")
        #expect(link.manifestSources == vector.manifestSources, "\(vector.name)")
        #expect(link.signatures.map { [$0.publicKey.hex, $0.bytes.hex] } == vector.signatures ?? [], "\(vector.name)")
        #expect(link.signatures.allSatisfy { $0.manifestID == link.manifestID }, "\(vector.name)")
        #expect(link.swarmKey?.hex == vector.swarmKey, "\(vector.name)")
        #expect(link.infoHash.hex == vector.infoHash, "\(vector.name)")
        #expect(link.text == vector.canonical, "\(vector.name)")
        #expect(try MagnetLink(parsing: link.text) == link, "\(vector.name)")
    }

    @Test(arguments: Vectors.link.refused.indices)
    func `a link that is wrong is refused by the name of the parameter`(index: Int) {
        let vector = Vectors.link.refused[index]
        let error = #expect(throws: LinkError.self, "\(vector.name)") { try MagnetLink(parsing: vector.text) }
        #expect(error?.parameter == vector.parameter, "\(vector.name): \(error?.problem ?? "")")
    }

    @Test func `a link that is cut short says how much is left of it`() {
        let error = #expect(throws: LinkError.self) { try MagnetLink(parsing: "magnet:?xt=urn:sha256:abc123") }
        #expect(error?.description == "The link is cut short: its ID has 6 of 64 hex digits; copy all of it.")
    }

    @Test func `a BitTorrent link is called one`() {
        let error = #expect(throws: LinkError.self) {
            try MagnetLink(parsing: "magnet:?xt=urn:btih:c12fe1c06bba254a9dc9f519b335aa7c1367a88a")
        }
        #expect(error?.description.hasPrefix("This is a BitTorrent link") == true)
    }

    @Test func `a swarm key shows in the text of its link and nowhere else`() throws {
        let digits = String(repeating: "5e", count: 32)
        let key = try #require(SwarmKey(hex: digits))
        let link = MagnetLink(manifestID: ManifestID(Digest(sha256Of: [])), swarmKey: key)
        #expect(link.text.hasSuffix("&k=" + digits))
        var dumped = "\(link) \(key) \(String(reflecting: link))"
        dump(link, to: &dumped)
        #expect(!dumped.contains(digits))
    }

    @Test(arguments: 0..<16 as Range<UInt64>)
    func `a mutated link is refused, or prints as one that reads the same`(seed: UInt64) throws {
        var dice = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let original = try #require(Vectors.link.links.prefix(14).randomElement(using: &dice)).text
            var bytes = Array(original.utf8)
            let position = Int.random(in: 0..<bytes.count, using: &dice)
            switch Int.random(in: 0..<3, using: &dice) {
            case 0: bytes[position] = UInt8.random(in: 0...255, using: &dice)
            case 1: bytes.remove(at: position)
            default: bytes.insert(Array("%&=+#:? \u{7F}".utf8).randomElement(using: &dice) ?? 0, at: position)
            }
            do throws(LinkError) {
                let link = try MagnetLink(parsing: String(decoding: bytes, as: UTF8.self))
                #expect(try MagnetLink(parsing: link.text) == link, "seed \(seed)")
            } catch {
                #expect(!error.problem.isEmpty, "seed \(seed)")
            }
        }
    }
}
