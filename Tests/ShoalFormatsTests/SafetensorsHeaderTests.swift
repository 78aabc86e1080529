import ModelFixtures
import ShoalFormats
import Testing

@Suite struct SafetensorsHeaderTests {
    private func problem(_ bytes: [UInt8]) -> SourceProblem? { AnatomyBench.problem([("model.safetensors", bytes)]) }

    @Test(arguments: SafetensorsSamples.sound.indices)
    func `what the format allows is read, and its regions are the file`(index: Int) throws {
        let sample = SafetensorsSamples.sound[index]
        let bench = try AnatomyBench([("model.safetensors", sample.file.bytes)])
        let regions = bench.anatomy.files[0].regions
        #expect(regions.reduce(0) { $0 + $1.length } == sample.file.bytes.count, "\(sample.name)")
        let lengths = sample.file.tensors.map(\.length).filter { $0 > 0 }
        #expect(regions.dropFirst().map(\.length) == lengths, "\(sample.name)")
        #expect(regions.first?.content == .header, "\(sample.name)")
        #expect(regions.dropFirst().allSatisfy { $0.content == .dense }, "\(sample.name)")
    }

    @Test(arguments: SafetensorsSamples.broken.indices)
    func `what the format does not allow is refused by field`(index: Int) {
        let sample = SafetensorsSamples.broken[index]
        let problem = self.problem(sample.file.bytes)
        #expect(problem?.field == sample.field, "\(sample.name): \(problem?.problem ?? "read")")
        #expect(problem?.path == "model.safetensors", "\(sample.name)")
    }

    @Test func `the order of the header does not matter`() throws {
        var file = SafetensorsFile([.init("a", [4], "U8"), .init("b", [8], "U8"), .init("c", [2], "U8")])
        file.headerOrder = [2, 0, 1]
        let bench = try AnatomyBench([("model.safetensors", file.bytes)])
        #expect(bench.anatomy.files[0].regions.dropFirst().map(\.length) == [4, 8, 2])
    }

    @Test func `every cut of a file is refused`() {
        let bytes = SafetensorsFile([.init("a", [4]), .init("b", [3], "F32")]).bytes
        for count in 1..<bytes.count { #expect(self.problem(Array(bytes[..<count])) != nil, "\(count) bytes") }
    }

    @Test func `a pointer of Git's says what to do`() {
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
        #expect(self.problem(Array(pointer.utf8))?.problem.contains("git lfs pull") == true)
    }

    @Test func `names that only normalisation makes equal are two`() throws {
        let file = SafetensorsFile([.init("\u{E9}", [4], "U8"), .init("e\u{301}", [4], "U8")])
        #expect(try AnatomyBench([("model.safetensors", file.bytes)]).anatomy.files[0].regions.count == 3)
    }

    @Test(arguments: [5, 6, 7])
    func `files of a folder share the bound of tensors`(limit: Int) throws {
        let files = [2, 1, 3].map { SafetensorsFile((0..<$0).map { .init("\($0)", [1], "U8") }).bytes }
        let listings = zip(["a.safetensors", "b.safetensors", "c.safetensors"], files).map {
            SourceListing(path: $0, size: $1.count)
        }
        let reader = MemoryReader(files)
        guard limit < 6 else {
            #expect(throws: Never.self) {
                try SafetensorsAnatomy.of(files: listings, reader: reader, tensorLimit: limit)
            }
            return
        }
        let error = #expect(throws: SourceError<Never>.self) {
            try SafetensorsAnatomy.of(files: listings, reader: reader, tensorLimit: limit)
        }
        guard case .wrong(let problem) = error else { return }
        #expect(problem.path == "c.safetensors")
        #expect(problem.field == "header")
    }

    @Test func `the headers of a hundred thousand tensors are read`() throws {
        let file = SafetensorsFile((0..<100_000).map { .init("model.layers.\($0).weight", [0], "U8") })
        let bench = try AnatomyBench([("model.safetensors", file.bytes)])
        #expect(bench.anatomy.files[0].regions.count == 1)
    }

    @Test func `a header is read once and nothing else of the file`() throws {
        let bytes = SafetensorsFile([.init("a", [1_000], "F32")]).bytes
        let reader = MemoryReader([bytes])
        let listing = SourceListing(path: "model.safetensors", size: bytes.count)
        _ = try SafetensorsAnatomy.of(files: [listing], reader: reader)
        #expect(reader.readCount == bytes.count - 4_000)
    }
}
