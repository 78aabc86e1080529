import ShoalFormats
import Testing

@Suite struct PublishedPathTests {
    @Test(arguments: Vectors.manifest.singleFiles)
    func `a single file is called model, whatever it was called`(names: [String]) {
        #expect(PublishedPath.forSingleFile(named: names[0]) == names[1], "\(names[0])")
    }

    @Test(arguments: Vectors.manifest.leftOut)
    func `what starts with a dot is left out`(name: String) {
        #expect(PublishedPath.isLeftOut(name))
    }

    @Test(arguments: ["model.gguf", "a.b", "日本語", "-"])
    func `other names are published`(name: String) {
        #expect(!PublishedPath.isLeftOut(name))
    }

    @Test func `paths are ordered by their bytes, not as text`() {
        #expect(PublishedPath.precedes("Z", "a"))
        #expect(PublishedPath.precedes("a-b", "a/b"))
        // As text the two are equal.
        #expect(PublishedPath.precedes("e\u{301}", "\u{E9}"))
        // As UTF-16 the order is the other way round.
        #expect(PublishedPath.precedes("\u{FF5E}", "\u{1F600}"))
    }

    @Test func `a path at each limit is safe and one byte more is not`() {
        #expect(PublishedPath.problem(with: String(repeating: "a", count: 255)) == nil)
        #expect(PublishedPath.problem(with: String(repeating: "a", count: 256)) != nil)
        let folders = Array(repeating: String(repeating: "a", count: 204), count: 5).joined(separator: "/")
        #expect(PublishedPath.problem(with: folders) == nil)
        #expect(PublishedPath.problem(with: folders + "b") != nil)
    }
}
