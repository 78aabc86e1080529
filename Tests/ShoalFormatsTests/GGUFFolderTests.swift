import ModelFixtures
import ShoalCore
import ShoalFormats
import Testing

/// Folders as people publish them.
@Suite struct GGUFFolderTests {
    private func parts(_ name: String, _ model: GGUFFile, _ count: Int) -> [(name: String, bytes: [UInt8])] {
        GGUFFixture.split(model, into: count).enumerated().map { part, file in
            (GGUFFixture.partName(name, part, of: count), file.bytes)
        }
    }

    private var projector: GGUFFile {
        var file = GGUFFile()
        file["general.architecture"] = .text("clip")
        file["general.type"] = .text("mmproj")
        file.tensors = [.init("v.patch_embd.weight", [14, 14, 3], "F16")]
        return file
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `a split model has the experts and the description of the whole one`(seed: UInt64) throws {
        let model = GGUFFixture.model(.qwen3moe, seed: seed)
        let count = Int(seed % 4) + 2
        let whole = try AnatomyBench(model)
        let split = try AnatomyBench(self.parts("tiny", model, count))
        #expect(split.anatomy.notes == [])
        #expect(split.anatomy.model == whole.anatomy.model)
        let experts = try #require(try split.plan.experts)
        #expect(Set(experts.map.keys) == Set(try #require(try whole.plan.experts).map.keys))
        #expect(experts.used == whole.anatomy.expertsUsed)
        let files = Set(try split.plan.shards.filter { $0.kind == .expert }.flatMap(\.extents).map(\.file))
        #expect(files.count > 1)
    }

    @Test func `a projector and other files beside a model are left as they are`() throws {
        let model = GGUFFixture.model(.olmoe, seed: 3)
        let alone = try AnatomyBench([("olmoe.gguf", model.bytes)])
        let bench = try AnatomyBench([
            ("olmoe.gguf", model.bytes), ("mmproj-F16.gguf", self.projector.bytes),
            ("README.md", Array("# OLMoE".utf8)),
            ("empty", []), ("GGU", Array("GGU".utf8)),
        ])
        #expect(bench.anatomy.model == alone.anatomy.model)
        #expect(try bench.plan.experts?.map.count == alone.plan.experts?.map.count)
        #expect(bench.content(of: "README.md") == [.dense])
        #expect(bench.content(of: "mmproj-F16.gguf") == [.header, .dense])
        #expect(bench.content(of: "empty") == [])
        #expect(bench.anatomy.notes == [])
    }

    @Test func `a projector alone is described as what it is`() throws {
        let bench = try AnatomyBench(self.projector)
        let model = Manifest.Model(architecture: "clip", parameters: 588, quantization: "F16")
        #expect(bench.anatomy.model == model)
    }

    @Test func `of several models with experts none is registered, and what they share is said`() throws {
        var small = GGUFFixture.model(.qwen3moe, seed: 5)
        small["general.file_type"] = .uint32(10)
        var large = small
        large["general.file_type"] = .uint32(7)
        let bench = try AnatomyBench([("q2/m.gguf", small.bytes)] + self.parts("q8/m", large, 2))
        #expect(try bench.plan.experts == nil)
        #expect(bench.anatomy.notes.count == 1)
        #expect(bench.anatomy.notes[0].hasPrefix("2 models of this folder have experts"))
        let one = try AnatomyBench(small).anatomy.model
        #expect(bench.anatomy.model.quantization == nil)
        #expect(bench.anatomy.model.parameters == one.parameters)
        #expect(bench.anatomy.model.architecture == "qwen3moe")
        for file in bench.anatomy.files { #expect(file.regions.first?.content == .header) }
    }

    @Test func `a model with experts beside a dense one is registered`() throws {
        let bench = try AnatomyBench([
            ("draft.gguf", GGUFFixture.model(.llama, seed: 1).bytes),
            ("model.gguf", GGUFFixture.model(.mixtral, seed: 1).bytes),
        ])
        #expect(try bench.plan.experts != nil)
        #expect(bench.anatomy.model.architecture == "llama")
    }

    @Test func `the name of a file says nothing of its content`() throws {
        let model = GGUFFixture.model(.gptOSS, seed: 2)
        let renamed = try AnatomyBench([("weights.bin", model.bytes)])
        #expect(renamed.anatomy.format == .gguf)
        let other = try AnatomyBench([("model.gguf", Array("GGML".utf8))])
        #expect(other.anatomy == SourceAnatomy(format: .files, files: [.plain(path: "model.gguf", size: 4)]))
    }

    @Test func `missing parts are named`() throws {
        var files = self.parts("a/tiny", GGUFFixture.model(.mixtral, seed: 1), 6)
        files.remove(at: 1)
        files.removeLast()
        let problem = try #require(AnatomyBench.problem(files))
        #expect(problem.path == "a/tiny-00001-of-00006.gguf")
        #expect(problem.field == "split.count")
        #expect(
            problem.problem.contains("2 parts are not here (a/tiny-00002-of-00006.gguf, a/tiny-00006-of-00006.gguf)")
        )
        files.removeSubrange(1...)
        #expect(try #require(AnatomyBench.problem(files)).problem.contains("00004-of-00006.gguf, …)"))
    }

    @Test func `a part alone, which is then called a model, is refused`() throws {
        let file = self.parts("tiny", GGUFFixture.model(.mixtral, seed: 1), 3)[1]
        let problem = try #require(AnatomyBench.problem([("model.gguf", file.bytes)]))
        #expect(problem.field == "split.no")
        #expect(problem.problem.contains("part 2 of 3"))
    }

    @Test func `parts that are not what they are called are refused`() throws {
        let model = GGUFFixture.model(.mixtral, seed: 1)
        var split = GGUFFixture.split(model, into: 3)
        func problem() -> SourceProblem? {
            AnatomyBench.problem(
                split.enumerated().map { (GGUFFixture.partName("m", $0, of: 3), $1.bytes) }
            )
        }
        #expect(problem() == nil)
        let right = split
        split[1]["split.no"] = .uint16(2)
        #expect(problem()?.field == "split.no")
        split = right
        split[1]["split.no"] = .uint16(3)
        #expect(problem()?.field == "split.no")
        split[1]["split.no"] = nil
        #expect(problem()?.field == "split.no")
        split = right
        split[2]["split.count"] = .uint16(4)
        #expect(problem()?.path == "m-00003-of-00003.gguf")
        split[2]["split.count"] = .int32(-1)
        #expect(problem()?.field == "split.count")
        split[2]["split.count"] = .text("3")
        #expect(problem()?.field == "split.count")
        split = right
        split[0]["split.tensors.count"] = .int32(Int32(model.tensors.count + 1))
        #expect(problem()?.field == "split.tensors.count")
        split = right
        split[2].tensors[0].name = split[0].tensors[0].name
        #expect(problem()?.field == "tensors")
        #expect(problem()?.path == "m-00003-of-00003.gguf")
    }

    @Test func `a count of one part is a whole model`() throws {
        var model = GGUFFixture.model(.mixtral, seed: 1)
        model["split.no"] = .uint16(0)
        model["split.count"] = .uint16(1)
        #expect(try AnatomyBench(model).plan.experts != nil)
    }

    @Test func `a damaged model stops the folder, and is named`() throws {
        var model = GGUFFixture.model(.mixtral, seed: 1)
        model.lackingBytes = 200
        let problem = try #require(
            AnatomyBench.problem([("a.gguf", self.projector.bytes), ("b.gguf", model.bytes), ("c", [1])])
        )
        #expect(problem.description.hasPrefix("b.gguf: tensors["))
        #expect(problem.problem.contains("incomplete"))
    }
}
